"""`python train.py labels` and what it writes."""

from lightning import Trainer

import train
from datamodules.utterances.whole import RecordingData
from lightning_modules.units.extractor import UnitExtractor
from tests.samples.places import CONFIGS as ALL_CONFIGS
from tests.samples.recordings.speech import write_sound

CONFIGS = ALL_CONFIGS / "train"
MFCC, HUBERT = CONFIGS / "labels_mfcc.yaml", CONFIGS / "labels_hubert.yaml"
FILES = ("labels.json", "labels.km", "labels.tsv", "kmeans.safetensors")


def labels(config, source, folder, **more):
    """Run the command in this process, with further settings; return its exit status."""
    settings = {
        "data.init_args.source": source,
        "data.init_args.num_workers": 0,
        "model.init_args.folder": folder,
        "model.init_args.num_clusters": 6,
        "trainer.accelerator": "cpu",
        "trainer.enable_progress_bar": "false",
    }
    settings |= {name.replace("__", "."): value for name, value in more.items()}
    arguments = [f"--{name}={value}" for name, value in settings.items()]
    try:
        return train.main(["labels", "--config", str(config), *arguments])
    except SystemExit as ended:
        return ended.code


def read_all(folder):
    """Return the contents of all that a folder of labels holds."""
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    return [(folder / name).read_bytes() for name in FILES]


def make_labels(source, folder, data=None, trainer=None, **settings):
    """Write labels from Python, where an error is an exception, with further settings of each."""
    model = UnitExtractor(str(folder), num_clusters=settings.pop("num_clusters", 6), **settings)
    recordings = RecordingData(str(source), num_workers=0, **(data or {}))
    quiet = Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, **(trainer or {}))
    quiet.predict(model, datamodule=recordings, return_predictions=False)
    return model


def damaged_copy(source, folder):
    """Copy three recordings, and write one that was cut short beside them."""
    for path in sorted(source.iterdir())[:3]:
        (folder / path.name).write_bytes(path.read_bytes())
    write_sound(folder / "bad.flac", 8_000)
    content = (folder / "bad.flac").read_bytes()
    (folder / "bad.flac").write_bytes(content[: len(content) // 2])
