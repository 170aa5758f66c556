"""Every setting that README and docs name is one of a command or of a class."""

import contextlib
import io
import re
from collections.abc import Iterator

import pytest
import yaml

import train
from profiling.cli import COMMANDS as VERBS
from tests.samples.documents import DOCUMENTS, spans
from tests.samples.places import CONFIGS
from tests.samples.sweeps import command


def settings_named() -> set[str]:
    texts = [text for document in DOCUMENTS for text in spans(document)]
    return {found[0] for text in texts if (found := re.match(r"--[\w.-]+", text))}


def options_of_profile() -> set[str]:
    helps = [command(verb, "--help")[1] for verb in VERBS]
    return {option for text in helps for option in re.findall(r"--[\w.-]+", text)}


def options_of_train(*arguments: str) -> set[str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        train.main([*arguments])
    return set(re.findall(r"--[\w.]+", said.getvalue()))


def options_of_trained() -> Iterator[set[str]]:
    """Yield the settings of each model and data that a training configuration has."""
    configs = [yaml.safe_load(path.read_text()) for path in sorted(CONFIGS.glob("train/*.yaml"))]
    for kind in ("model", "data"):
        for class_path in sorted({config[kind]["class_path"] for config in configs}):
            yield options_of_train("fit", f"--{kind}.help={class_path}")


def test_every_setting_named_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["train.py"])
    of_train = settings_named() - options_of_profile()
    assert "--ckpt_path" in of_train
    of_classes = {name for name in of_train if ".init_args." in name}
    known = options_of_train("fit", "--help") | options_of_train("export", "--help")
    assert of_train - of_classes <= known
    short = {name.replace(".init_args", "") for name in of_classes}
    for options in options_of_trained():
        if not short:
            break
        short -= options
    assert not short
