"""Adding a variant is three edits: its model, its line in `VARIANTS`, its line in the README."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from lightning_modules.variant import Variant
from tests.samples.documents import CONTRIBUTING, table_below
from tests.samples.places import ROOT
from tests.samples.sweeps import FAST, ONCE
from tests.samples.warm.interpreter import warm_interpreter

MODEL = '''"""BERT once more."""

from transformers import BertConfig, BertForMaskedLM

from lightning_modules.models.text.base import TextModule


class TwinModule(TextModule):
    """BERT under another name."""

    variant = "twin"
    model_class = BertForMaskedLM
    config_class = BertConfig

    def may_compute_all_pairs(self, length: int, training: bool) -> bool:
        """Return that it may: it is BERT."""
        return True
'''
VALUES = {
    "path": "lightning_modules.models.text.twin:TwinModule",
    "implementations": ("eager", "sdpa"),
    "like_for_like": "eager",
    "default": "sdpa",
}
FIELDS = "| field | when |"
ROW = "| `twin` | text | full | `eager`, `sdpa` |\n"


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a copy of the project and edit it in three places."""
    folder = tmp_path_factory.mktemp("project")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in found.splitlines():
        if (ROOT / name).is_file() and not name.startswith("benchmarks/results"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / "lightning_modules/models/text/twin.py").write_text(MODEL)
    insert(
        folder / "lightning_modules/variants.py", line(), before='        "longformer": Variant('
    )
    insert(folder / "README.md", ROW, before="| `longformer` | text |")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def line() -> str:
    """Make the line of the registry out of the fields that CONTRIBUTING asks for."""
    (names,) = [row[0] for row in table_below(CONTRIBUTING, FIELDS) if row[1] == "always"]
    given = [f"{name}={VALUES[name]!r}" for name in re.findall(r"`(\w+)`", names)]
    return f'        "twin": Variant({", ".join(given)}),\n'


def insert(file: Path, text: str, before: str) -> None:
    content = file.read_text()
    assert content.count(before) == 1
    file.write_text(content.replace(before, text + before))


@pytest.fixture(scope="module", autouse=True)
def _interpreter(edited: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Import the edited project once for all tests of this file."""
    place = tmp_path_factory.mktemp("interpreter")
    with warm_interpreter(place, place, edited) as folder:
        (edited / "bin").symlink_to(folder)
        yield


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(folder / "bin/python"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_the_page_on_adding_one_has_every_field_of_its_line() -> None:
    rows = table_below(CONTRIBUTING, FIELDS)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(named) == sorted(field.name for field in fields(Variant))


def test_a_sweep_measures_it_and_the_report_compares_it(edited: Path) -> None:
    text = {"variants": ["bert", "twin"], "lengths": [66]}
    config = {"modalities": {"text": text}, "implementations": ["eager"]}
    config |= {"phases": ["inference"], "metrics": ["latency"]}
    (edited / "pair.yaml").write_text(yaml.safe_dump(FAST | ONCE | config))
    said = run(edited, "profile.py", "sweep", "--config", "pair.yaml", "--out", "run")
    assert "twin" in said
    answers = json.loads((edited / "run" / "tipping_points.json").read_text())
    assert {(row["vanilla"], row["efficient"]) for row in answers} == {("bert", "twin")}
    assert "twin eager" in (edited / "run" / "report.html").read_text()


def test_a_child_is_born_with_it_and_it_trains(edited: Path) -> None:
    script = """
import sys
import profiling.children.entry
assert "lightning_modules.models.text.twin" in sys.modules
import train
sys.exit(train.main(sys.argv[1:]))
"""
    run(
        edited,
        *("-c", script, "fit", "--model", "lightning_modules.models.text.twin.TwinModule"),
        *("--data", "datamodules.modalities.synthetic.SyntheticText"),
        *("--data.sequence_length", "18", "--model.num_classes", "40", "--data.num_classes", "40"),
        *("--trainer.max_steps", "2", "--trainer.logger", "false"),
        *("--trainer.enable_checkpointing", "false", "--trainer.limit_val_batches", "1"),
    )


def test_the_tests_of_variants_take_it_for_a_case(edited: Path) -> None:
    file = "tests/lightning_modules/models/test_variants.py"
    listed = run(edited, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", file)
    assert listed.count("[twin") + listed.count("-twin") >= 3


def test_the_documents_ask_for_its_line_and_nothing_asks_for_more(edited: Path) -> None:
    check = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_documents.py"]
    settings = "tests/lightning_modules/models/test_variant_settings.py"
    run(edited, *check, "tests/test_configs.py", settings, "-k", "every_variant or twin")
    readme = edited / "README.md"
    content = readme.read_text()
    readme.write_text(content.replace(ROW, ""))
    try:
        with pytest.raises(AssertionError):
            run(edited, *check, "-k", "variant")
    finally:
        readme.write_text(content)
