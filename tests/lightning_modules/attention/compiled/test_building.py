"""Where the compiled kernel is built and kept, and what is said where it cannot be."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lightning_modules import attention
from lightning_modules.attention import local_attention
from lightning_modules.attention.compiled import building
from lightning_modules.errors import ModelError
from lightning_modules.kernel_limits import KernelUse, limit_of
from tests.samples.variants.attention import draw_inputs

USE = KernelUse("cpu", is_half=False, needs_gradients=True, has_dropout=False)
MISSING = limit_of("local_compiled", USE)
builds = pytest.mark.skipif(MISSING is not None, reason=f"local_compiled: {MISSING}")

# Prints where the kernel lies, and how far it is from the oracle, forward and backward.
AGAINST_THE_ORACLE = """
import torch
from lightning_modules.attention.compiled.building import float_lanes, library_path
from tests.samples.variants.attention import attend, draw_inputs
errors = []
for dtype, width in ((torch.float64, 8), (torch.float32, 64), (torch.float32, 24)):
    inputs = draw_inputs((2, 2, 700, width), dtype)
    mask = torch.arange(700) < torch.tensor([700, 333])[:, None]
    found, expected = (attend(inputs, 70, mask, x) for x in ("local_compiled", "local_masked"))
    errors += [(one - other).abs().max().item() for one, other in zip(found, expected)]
assert max(errors) < 1e-5, errors
print(library_path(), float_lanes())
"""


# Builds and loads a source as the kernel is; prints where it lies, and how often it was built here.
BUILDING = """
import sys
from pathlib import Path
from lightning_modules.attention.compiled import building
built, build = [], building._build
building._build = lambda library: built.append(build(library))
building.SOURCES = Path(sys.argv[1])
building._keep_and_load(building.library_path())
print(building.library_path(), len(built))
"""


def begin(python: str, *program: str, **environment: str) -> "subprocess.Popen[str]":
    """Start a process that runs a program."""
    return subprocess.Popen(
        [python, "-c", *program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said_by(process: "subprocess.Popen[str]") -> list[str]:
    """Return the words of its last line."""
    said, complained = process.communicate(timeout=600)
    assert process.returncode == 0, complained
    return said.splitlines()[-1].split()


@builds
@pytest.mark.parametrize(("instructions", "lanes"), [("default", 4), ("avx2", 8), ("avx512", 16)])
def test_the_kernel_is_right_with_the_instructions_that_torch_is_told_to_use(
    instructions: str, lanes: int
) -> None:
    levels, here = ["default", "avx2", "avx512"], torch.backends.cpu.get_cpu_capability().lower()
    if levels.index(instructions) > levels.index(here):
        pytest.skip(f"this processor has no {instructions}, or hides it")
    library, found = str(building.library_path()), str(building.float_lanes())
    # With those of this process `test_compiled_attention.py` holds it against the oracle.
    if instructions != here:
        # A new one: torch looks at the instructions once in a process.
        library, found = said_by(
            begin(sys.executable, AGAINST_THE_ORACLE, ATEN_CPU_CAPABILITY=instructions)
        )
    assert int(found) == lanes
    assert f"-{instructions.upper()}-" in library


@builds
def test_two_that_build_at_once_build_one_and_both_use_it(
    tmp_path: Path, interpreter: Path
) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "kernel.cpp").write_text("int nothing = 0;\n")  # the kernel takes half a minute
    program = (BUILDING, str(sources))
    kept = {"TORCH_EXTENSIONS_DIR": str(tmp_path / "kept")}
    both = [begin(str(interpreter / "python"), *program, **kept) for _ in range(2)]
    (first, by_one), (second, by_other) = (said_by(process) for process in both)
    assert first == second
    assert int(by_one) + int(by_other) == 1
    assert sorted(path.suffix for path in Path(first).parent.iterdir()) == [".lock", ".so"]
    assert Path(first).is_relative_to(tmp_path / "kept")


def test_the_place_tells_apart_what_must_not_be_mistaken(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [building.library_path()]
    monkeypatch.setattr(torch, "__version__", "3.0")
    places.append(building.library_path())
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX7")
    places.append(building.library_path())
    monkeypatch.setattr(building, "FLAGS", ("-O0",))
    places.append(building.library_path())
    assert len(set(places)) == len(places)


def test_another_source_has_another_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources = Path(shutil.copytree(building.SOURCES, tmp_path / "sources"))
    monkeypatch.setattr(building, "SOURCES", sources)
    before = building.library_path()
    assert before == building.library_path()
    (sources / "products.h").open("a").write("// more\n")
    assert before != building.library_path()


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("c++", "it needs a C\\+\\+ compiler, and there is no c\\+\\+"),
        ("ninja", "it needs ninja, which `pip install ninja` brings"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, missing: str, sentence: str
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None if name == missing else name)
    monkeypatch.setattr(attention, "_CAN_RUN", set())
    with pytest.raises(ModelError, match=f"'local_compiled' cannot run here: {sentence}$"):
        local_attention(*draw_inputs((1, 2, 9, 16)), 4, implementation="local_compiled")


@builds
def test_what_the_compiler_says_comes_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sources = Path(shutil.copytree(building.SOURCES, tmp_path / "sources"))
    (sources / "kernel.cpp").write_text("int main() { return nonsense; }\n")
    monkeypatch.setattr(building, "SOURCES", sources)
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    with pytest.raises(ModelError, match="cannot be compiled: .*error.*nonsense") as caught:
        building._load_once.__wrapped__()
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.so"))


def test_other_devices_and_dropout_are_refused_beforehand() -> None:
    elsewhere = KernelUse("cuda", is_half=True, needs_gradients=False, has_dropout=False)
    assert limit_of("local_compiled", elsewhere) == "it runs on cpu, not on cuda"
    given = draw_inputs((1, 2, 9, 16))
    with pytest.raises(ModelError, match="it has no dropout of attention weights"):
        local_attention(*given, 4, dropout_p=0.1, implementation="local_compiled")
