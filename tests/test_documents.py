"""README, CONTRIBUTING and docs name only what exists; what must be the same everywhere is."""

import re
import subprocess
import tomllib
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from lightning_modules.variants import VARIANTS
from profiling.sweeping.frontier import TOLERANCE
from tests.samples.documents import (
    CONTRIBUTING,
    DOCUMENTS,
    README,
    anchors_of,
    blocks,
    spans,
    table_below,
)
from tests.samples.places import ROOT

MAKEFILE = ROOT / "Makefile"
WITH_PATHS = [*DOCUMENTS, ROOT / "benchmarks/README.md"]
PACKAGES = ("datamodules", "lightning_modules", "profiling")
# What set-up, runs and downloads write, data of users, and names on the Hugging Face hub.
NOT_OURS = (".venv/", "runs/", "LibriSpeech/", "pretraining/", "sst2/", "facebook/", "google-bert/")
PATH = re.compile(r"[\w.*-]+(/[\w.*-]+)+/?|[\w*-]+\.(py|md|toml|yaml|lock)")
DOTTED = re.compile(rf"\b(?:{'|'.join(PACKAGES)})(?:\.\w+)+")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tracked() -> tuple[str, ...]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(name for name in found.splitlines() if (ROOT / name).exists())


def exists(name: str) -> bool:
    """Tell whether a file, folder or pattern is in the repository; a bare name may be anywhere."""
    if "/" not in name:
        return any(fnmatch(Path(file).name, name) for file in tracked())
    if name.endswith("/"):
        return any(file.startswith(name) for file in tracked())
    return any(fnmatch(file, name) for file in tracked())


def is_defined(dotted: str) -> bool:
    """Tell whether `package.module.name` can be imported, without importing it."""
    words = dotted.split(".")
    for count in range(len(words), 0, -1):
        place, rest = ROOT.joinpath(*words[:count]), words[count:]
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.exists():
                text = file.read_text()
                return not rest or bool(re.search(rf"\b{rest[0]}\b", text))
    return False


def broken_links(page: Path) -> list[str]:
    """Return the links of a page, but those to the web, that lead to no file or to no heading."""
    links = re.findall(r"\]\((?!http)([^)]+)\)", page.read_text())
    return [link for link in links if not leads_somewhere(page, *link.split("#"))]


def leads_somewhere(page: Path, name: str, anchor: str = "") -> bool:
    target = page.parent / name if name else page
    return target.exists() and (not anchor or anchor in anchors_of(target))


@pytest.mark.parametrize("document", WITH_PATHS, ids=name_of)
def test_every_path_in_it_is_in_the_repository(document: Path) -> None:
    words = [word for text in spans(document) + blocks(document) for word in text.split()]
    paths = {word for word in words if PATH.fullmatch(word) and not word.startswith(NOT_OURS)}
    assert paths
    assert [path for path in sorted(paths) if not exists(path)] == []


@pytest.mark.parametrize("document", WITH_PATHS, ids=name_of)
def test_every_module_and_class_in_it_is_defined(document: Path) -> None:
    names = {name for text in spans(document) + blocks(document) for name in DOTTED.findall(text)}
    assert [name for name in sorted(names) if not is_defined(name)] == []


@pytest.mark.parametrize("document", WITH_PATHS, ids=name_of)
def test_every_link_of_its_own_leads_somewhere(document: Path) -> None:
    assert broken_links(document) == []


def test_a_link_to_no_file_and_one_to_no_heading_are_found(tmp_path: Path) -> None:
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    other.write_text("# `one_name`, of 2026-11-25!\n\n```bash\n# no heading\n```\n")
    good = ["other.md", "other.md#one_name-of-2026-11-25", "#here", "https://nowhere/#there"]
    bad = ["another.md", "another.md#here", "other.md#no-heading", "#there"]
    page.write_text("\n".join(["## Here", *(f"[a link]({link})" for link in good + bad)]))
    assert broken_links(page) == bad


def test_a_name_that_is_wrong_is_found() -> None:
    assert exists("profiling/analysis/")
    assert exists("configs/train/digits_*.yaml")
    assert not exists("profiling/analyses/")
    assert not exists("lightning_modules/text.py")
    assert not exists("sweeps.toml")
    assert is_defined("datamodules.modalities.text.TextData")
    assert not is_defined("datamodules.text.TextData")
    assert not is_defined("datamodules.modalities.text.TextDatum")


def test_every_variant_has_its_line_in_the_readme_and_no_other_has() -> None:
    described = {}
    for variant, modality, attention, implementations in table_below(README, "| variant |"):
        kernels = tuple(re.findall(r"`(\w+)`", implementations))
        described[modality, variant.strip("`")] = (kernels, "(vanilla)" in attention)
    registered = {
        (modality, name): (variant.implementations, variant.is_vanilla)
        for modality, variants in VARIANTS.items()
        for name, variant in variants.items()
    }
    assert described == registered


@pytest.mark.parametrize("package", PACKAGES)
def test_the_rooms_of_a_package_stand_in_the_order_of_its_contract(package: str) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (layers,) = [
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == [package]
    ]
    rows = table_below(CONTRIBUTING, f"| `{package}` |")
    named = [Path(name).stem for row in rows for name in re.findall(r"`([^`]+)`", row[0])]
    assert named == [name.strip() for layer in layers for name in layer.split("|")]


def test_before_a_commit_runs_what_lint_runs() -> None:
    printed = ["make", "--dry-run", "--old-file=.venv/ready", "lint"]
    lint = subprocess.run(printed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == lint.splitlines()
    assert not any(hook["pass_filenames"] for hook in hooks)


def test_the_readme_says_how_long_a_target_takes_as_its_help_does() -> None:
    helped = dict(re.findall(r"^(\w+):.*## .*?(\d+) minutes", MAKEFILE.read_text(), re.MULTILINE))
    said = dict(re.findall(r"^make (\w+) .* (\d+) minutes", README.read_text(), re.MULTILINE))
    assert {"profile", "test"} <= said.keys()
    assert said.items() <= helped.items()


def test_the_torch_that_pip_installs_is_one_beside_which_torchaudio_can_be_imported() -> None:
    (bound,) = re.findall(r"pip install -e \. 'torch(\S+)'", README.read_text())
    tried = dict(re.findall(r"^(\w+) := torch==(\S+)", MAKEFILE.read_text(), re.MULTILINE))
    fits = {name: SpecifierSet(bound).contains(version) for name, version in tried.items()}
    assert fits == {"OLDEST": True, "NEWEST": True, "WITHOUT_TORCHAUDIO": False}


@pytest.mark.parametrize(
    "document", [README, ROOT / "docs/method.md", ROOT / "benchmarks/README.md"], ids=name_of
)
def test_how_near_the_border_of_a_frontier_is_found_is_the_same_everywhere(document: Path) -> None:
    said = re.sub(r"\s+", " ", document.read_text())
    found = re.findall(r"at most (\d+) %[\w ]*\(or (?:one|the next)", said)
    assert set(found) == {f"{100 * TOLERANCE:.0f}"}
