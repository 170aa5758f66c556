"""The classes that YAML may call by their names alone; this file imports none of them itself."""

from importlib import import_module

from lightning_modules.variants import VARIANTS

MODELS = (
    *(variant.path.replace(":", ".") for group in VARIANTS.values() for variant in group.values()),
    "lightning_modules.speech.classification.ClassificationModule",
    "lightning_modules.speech.ctc.CtcModule",
    "lightning_modules.speech.feature_extractor.FeatureExtractor",
    "lightning_modules.speech.masked_prediction.MaskedPrediction",
    "lightning_modules.speech.superb.SuperbAsr",
    "lightning_modules.units.extractor.UnitExtractor",
)
DATA = (
    "datamodules.modalities.speech.SpeechData",
    "datamodules.modalities.synthetic.SyntheticSpeech",
    "datamodules.modalities.synthetic.SyntheticText",
    "datamodules.modalities.synthetic.SyntheticVision",
    "datamodules.modalities.text.TextData",
    "datamodules.modalities.vision.ImageData",
    "datamodules.utterances.keywords.KeywordSpeech",
    "datamodules.utterances.pretraining.PretrainingSpeech",
    "datamodules.utterances.transcribed.TranscribedSpeech",
    "datamodules.utterances.whole.RecordingData",
)
CALLBACKS = (
    "lightning_modules.speech.prediction_files.PredictionFiles",
    "profiling.callback.ProfilingCallback",
)


def short_name(path: str) -> str:
    """Return the name of a class without its module."""
    return path.rpartition(".")[2]


# Data of which batches have any length, for a sweep; `lengths` and training take others, too.
MEASURED_DATA = tuple(sorted(short_name(path) for path in DATA if ".modalities." in path))


def full_path(name: str, paths: tuple[str, ...]) -> str:
    """Return the one of `paths` whose class has this name, or what was given."""
    return next((path for path in paths if short_name(path) == name), name)


def import_classes() -> None:
    """Import every class, so that jsonargparse finds it by its name.

    Beside importing torch, lightning and transformers this takes little: 0.8 s of 14 s.
    """
    for path in (*MODELS, *DATA, *CALLBACKS):
        import_module(path.rpartition(".")[0])
