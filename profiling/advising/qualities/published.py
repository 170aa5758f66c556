"""What each variant is known to lose or keep: statements with their sources."""

from dataclasses import dataclass

from lightning_modules.variants import VARIANTS


@dataclass(frozen=True)
class Quality:
    """One statement and where it stands."""

    statement: str
    source: str


UNKNOWN = Quality("no published figure for this combination; measure the quality yourself", "none")
BASELINE = Quality("efficient variants are compared with it", "none")
VANILLA = {
    name for variants in VARIANTS.values() for name, each in variants.items() if each.is_vanilla
}
# Every efficient variant has an entry: that nothing is known of one must be somebody's finding.
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
        "converted from HuBERT without further training, it made 1.00 [0.98-1.02] times HuBERT's "
        "word errors on spoken digits with a window of 100, and 1.03 [0.99-1.07] times with one of "
        "32; of speakers that it never heard nothing can be told",
        "benchmarks/results/spoken_digits.md, benchmarks/results/unseen_speakers.md",
    ),
    "parakeet": Quality(
        "its encoder, Fast Conformer, had state-of-the-art accuracy in speech recognition when it "
        "came out; it takes no weights of HuBERT",
        "arXiv 2305.05084",
    ),
    "whisper": Quality(
        "trained on 680,000 hours of transcripts, the whole model was often competitive with "
        "supervised ones without fine-tuning; its encoder takes no weights of HuBERT",
        "arXiv 2212.04356",
    ),
}


def quality_of(variant: str) -> Quality:
    """Return what is known of a variant."""
    return BASELINE if variant in VANILLA else QUALITY.get(variant, UNKNOWN)
