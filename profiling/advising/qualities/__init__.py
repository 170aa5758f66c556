"""What a variant is known to lose or keep: published, and measured by runs of one's own."""
