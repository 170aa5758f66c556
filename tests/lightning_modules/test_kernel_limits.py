"""Compilers are looked for under the names that torch itself uses."""

import shutil
import sys
from pathlib import Path

import pytest

from lightning_modules import kernel_limits
from lightning_modules.kernel_limits import KernelUse, limit_of, limit_of_compiling

USE = KernelUse("cpu", is_half=False, needs_gradients=True, has_dropout=False)
ON_GPU = KernelUse("cuda", is_half=False, needs_gradients=True, has_dropout=False)
USUAL = "clang++" if sys.platform == "darwin" else "g++"
ABSENT = "it needs a C++ compiler, and there is no "
NAMED = "it needs the C++ compiler that `CXX` names, and there is no program "


def _found(monkeypatch: pytest.MonkeyPatch, named: str | None, *programs: str) -> list[str | None]:
    """Return the limits of torch's extensions and of torch.compile where there are some programs.

    Args:
        monkeypatch: Of the test.
        named: What `CXX` says; None = nothing.
        programs: That are here, beside ninja.
    """
    monkeypatch.delenv("CXX", raising=False)
    if named is not None:
        monkeypatch.setenv("CXX", named)
    here = {"ninja", *programs}
    monkeypatch.setattr(shutil, "which", lambda name, path=None: name if name in here else None)
    return [limit_of("local_compiled", USE), limit_of_compiling("cpu")]


def test_each_has_a_name_of_its_own_for_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _found(monkeypatch, None, "c++", USUAL) == [None, None]
    assert _found(monkeypatch, None, "c++") == [None, f"on a cpu {ABSENT}{USUAL}"]
    assert _found(monkeypatch, None, USUAL) == [f"{ABSENT}c++", None]


def test_a_compiler_that_is_named_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _found(monkeypatch, "icpx", "icpx") == [None, None]
    absent = f"{NAMED}'icpx'"
    assert _found(monkeypatch, "icpx", "c++", "g++", "clang++") == [absent, f"on a cpu {absent}"]


def test_a_cache_before_the_compiler_is_for_extensions_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Torch lets a shell compile extensions, but starts the compiler of torch.compile itself."""
    of_extensions, of_compiling = _found(monkeypatch, "ccache g++", "ccache", "g++")
    assert of_extensions is None
    assert of_compiling == f"on a cpu {NAMED}'ccache g++'"
    assert _found(monkeypatch, "ccache g++", "g++")[0] == f"{NAMED}'ccache'"


@pytest.mark.parametrize("named", ["", " "])
def test_an_empty_name_is_no_compiler(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    assert None not in _found(monkeypatch, named, "c++", "g++", "clang++")


def test_torch_compile_finds_no_compiler_behind_a_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its own search, which the limit foretells."""
    from torch._inductor.cpp_builder import cpp_compiler_search
    from torch._inductor.exc import InvalidCxxCompiler

    (tmp_path / "true").symlink_to(str(shutil.which("true")))
    monkeypatch.setenv("PATH", str(tmp_path))
    search = cpp_compiler_search.__wrapped__
    assert search(("true",)) == "true"
    with pytest.raises(InvalidCxxCompiler):
        search(("true g++",))


@pytest.mark.parametrize(
    ("named", "here", "reason"),
    [
        (None, ("gcc",), None),
        (None, ("clang",), None),
        (None, ("c++", "g++"), "it needs a C compiler, and there is neither gcc nor clang"),
        ("icx", ("icx",), None),
        ("icx", ("gcc",), "it needs the C compiler that `CC` names, and there is no program 'icx'"),
    ],
)
def test_on_a_gpu_triton_needs_a_c_compiler(
    monkeypatch: pytest.MonkeyPatch, named: str | None, here: tuple[str, ...], reason: str | None
) -> None:
    monkeypatch.delenv("CC", raising=False)
    if named is not None:
        monkeypatch.setenv("CC", named)
    monkeypatch.setattr(kernel_limits, "_python_header", lambda: Path(__file__))
    _found(monkeypatch, None, *here)
    expected = reason and f"on cuda {reason}"
    assert limit_of_compiling("cuda") == limit_of("local_flex", ON_GPU) == expected


def test_on_a_gpu_triton_needs_the_headers_of_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(kernel_limits, "_python_header", lambda: tmp_path / "Python.h")
    _found(monkeypatch, None, "gcc")
    reason = f"on cuda it needs the headers of Python, and there is no {tmp_path}/Python.h"
    assert limit_of("local_flex", ON_GPU) == reason


def test_pythons_header_is_looked_for_where_triton_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its own call of the compiler, which the limit foretells."""
    build = pytest.importorskip("triton.runtime.build")
    given: list[str] = []
    monkeypatch.setenv("CC", "gcc")
    monkeypatch.setattr(build.subprocess, "check_call", lambda command, **_: given.extend(command))
    build._build("nothing", "nothing.c", str(tmp_path), [], [], [], [])
    assert f"-I{kernel_limits._python_header().parent}" in given
