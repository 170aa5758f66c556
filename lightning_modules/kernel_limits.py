"""Where an attention kernel can run, as far as that is known before torch is imported."""

import os
import platform
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class KernelUse:
    """How a kernel is to be used.

    Args:
        device: cpu, cuda, ...
        is_half: Whether queries, keys and values are bfloat16 or float16.
        needs_gradients: Whether a backward pass follows.
        has_dropout: Whether attention weights are dropped.
        is_double: Whether queries, keys and values are float64.
        head_dim: Width of a head; all named sizes have the default.
    """

    device: str
    is_half: bool
    needs_gradients: bool
    has_dropout: bool
    is_double: bool = False
    head_dim: int = 64


def limit_of(implementation: str, use: KernelUse) -> str | None:
    """Say in a clause why a kernel cannot be used like this; None when nothing is known against it.

    Args:
        implementation: Name of any attention kernel; only some have limits.
        use: What it is wanted for.
    """
    find = _LIMITS.get(implementation)
    if find is None:
        return None
    if use.has_dropout:
        return NO_DROPOUT
    return find(use) or limit_of_heads(implementation, use.device, use.head_dim)


def limit_of_heads(implementation: str, device: str, head_dim: int) -> str | None:
    """Say in a clause why a kernel cannot take heads of a width; None where it can."""
    if implementation == "local_flex" and device == "cuda" and head_dim < 16:
        return "on cuda it takes heads of 16 and more"
    if implementation == "local_varlen" and (head_dim % 8 or head_dim > 256):
        return "it takes heads of a multiple of 8, up to 256"
    return None


NO_DROPOUT = "it has no dropout of attention weights"


def limit_of_compiling(device: str) -> str | None:
    """Say in a clause why torch.compile cannot work here; None when nothing is known against it."""
    if device == "cuda":
        return _limit_of_triton()
    if device != "cpu":
        return None
    # What torch runs, and as one word: it finds no `ccache g++`.
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    return None if shutil.which(compiler) else f"on a cpu {_missing_compiler(compiler)}"


def _limit_of_triton() -> str | None:
    """Look for what triton builds its launchers with: a C compiler and Python's own headers.

    It needs neither where another process has left them in its cache, which is not looked at.
    """
    named = os.environ.get("CC")
    if named is not None and not shutil.which(named):
        return f"on cuda it needs the C compiler that `CC` names, and there is no program {named!r}"
    if named is None and not (shutil.which("gcc") or shutil.which("clang")):
        return "on cuda it needs a C compiler, and there is neither gcc nor clang"
    if not _python_header().is_file():
        return f"on cuda it needs the headers of Python, and there is no {_python_header()}"
    return None


def _python_header() -> Path:
    """Return the header that triton includes; the scheme is the one that it takes on Debian."""
    scheme = sysconfig.get_default_scheme()
    scheme = "posix_prefix" if scheme == "posix_local" else scheme
    return Path(sysconfig.get_paths(scheme)["include"]) / "Python.h"


def _missing_compiler(compiler: str) -> str:
    if "CXX" in os.environ:
        return f"it needs the C++ compiler that `CXX` names, and there is no program {compiler!r}"
    return f"it needs a C++ compiler, and there is no {compiler}"


def _limit_of_flex(use: KernelUse) -> str | None:
    if use.device == "cuda":
        return limit_of_compiling(use.device)
    if use.device != "cpu":
        return f"it runs on cuda and cpu, not on {use.device}"
    if use.needs_gradients:
        return "on a cpu it has no backward pass"
    reason = limit_of_compiling(use.device)
    if reason is not None:
        return reason
    if not _has_avx2():
        return "on a cpu it needs AVX2, which this one lacks or hides"
    return "on a cpu it takes no float64" if use.is_double else None


def _has_avx2() -> bool:
    """Tell whether torch compiles attention here; it asks the same two things."""
    if os.environ.get("ATEN_CPU_CAPABILITY") == "default" or platform.system() != "Linux":
        return False
    return " avx2 " in Path("/proc/cpuinfo").read_text()


def _limit_of_varlen(use: KernelUse) -> str | None:
    if use.device != "cuda":
        return f"it runs on cuda, not on {use.device}"
    return None if use.is_half else "it runs in half precision, bfloat16 or float16"


def _limit_of_compiled(use: KernelUse) -> str | None:
    if use.device != "cpu":
        return f"it runs on cpu, not on {use.device}"
    path = path_with_scripts()
    # What torch lets a shell run: the first word may be that of a cache, as in `ccache g++`.
    compiler = [*os.environ.get("CXX", "c++").split(), ""][0]
    if not shutil.which(compiler, path=path):
        return _missing_compiler(compiler)
    if not shutil.which("ninja", path=path):
        return "it needs ninja, which `pip install ninja` brings"
    return None


def path_with_scripts() -> str:
    """Return where programs are looked for, those installed beside this Python included."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), os.path.dirname(sys.executable)])


_LIMITS = {
    "local_compiled": _limit_of_compiled,
    "local_flex": _limit_of_flex,
    "local_varlen": _limit_of_varlen,
}
LIMITED = frozenset(_LIMITS)
# Kernels that torch compiles for their input, in the process that runs them, by its name for them.
COMPILED_BY_TORCH = {"local_flex": "flex_attention"}
