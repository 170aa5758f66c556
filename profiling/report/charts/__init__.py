"""Interactive charts, as plain data for plotly's script, each with its numbers as a table."""
