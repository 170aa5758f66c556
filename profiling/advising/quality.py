"""What each variant is known to lose or keep: statements with their sources, nothing of our own."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Quality:
    """One statement and where it stands."""

    statement: str
    source: str


UNKNOWN = Quality("no published figure for this combination; measure the quality yourself", "none")
QUALITY: dict[str, Quality] = {
    "longformer": Quality(
        "pretrained, it consistently outperforms RoBERTa on long document tasks", "arXiv 2004.05150"
    ),
    "bigbird": Quality(
        "its longer context improves question answering and summarization", "arXiv 2007.14062"
    ),
    "nystromformer": Quality(
        "comparable to standard attention on GLUE and IMDB, in a few cases slightly better",
        "arXiv 2102.03902",
    ),
    "swin": Quality(
        "surpassed the state of the art on COCO and ADE20K when it came out", "arXiv 2103.14030"
    ),
    "swinv2": Quality(
        "its largest model set records on ImageNet-V2, COCO and ADE20K when it came out",
        "arXiv 2111.09883",
    ),
    "fnet": Quality(
        "92 to 97 % of BERT's accuracy on GLUE; it has no mask, so padding changes its outputs",
        "arXiv 2105.03824",
    ),
    "local_bert": UNKNOWN,
    "modernbert": Quality(
        "pretrained with these windows, it had state-of-the-art results in classification and "
        "retrieval when it came out",
        "arXiv 2412.13663",
    ),
    "lhubert": Quality(
        "proposed as local attention for speech; word error rates of this repository's own runs "
        "stand in its benchmarks",
        "arXiv 2306.08667; benchmarks/README.md",
    ),
}


def quality_of(variant: str) -> Quality:
    """Return what is known of a variant."""
    return QUALITY.get(variant, UNKNOWN)
