"""Compiles the operators of local attention where they are first needed, and keeps them.

They are kept in the folder where torch keeps extensions (`TORCH_EXTENSIONS_DIR`, or
`torch_extensions` in the user's cache), apart for each torch, Python, instruction set and source.
"""

import fcntl
import hashlib
import os
import platform
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from lightning_modules.errors import ModelError
from lightning_modules.kernel_limits import path_with_scripts

SOURCES = Path(__file__).parent
NAME = "local_attention"
# No -ffast-math: it takes infinities for impossible, and rounding for idle.
FLAGS = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fopenmp")
# Of what torch's own kernels use here. No -march=native: several machines may share the folder.
INSTRUCTIONS = {
    "AVX2": ("-mavx2", "-mfma", "-mf16c"),
    "AVX512": ("-mavx2", "-mfma", "-mf16c", *(f"-mavx512{x}" for x in ("f", "dq", "bw", "vl"))),
}
VECTOR_BYTES = {"AVX2": 32, "AVX512": 64}  # vectors.h
LEAST_VECTOR_BYTES = 16
RESULTS = 4  # products.h: queries whose values are summed at a time
# Of threads that need the operators at once one makes them known, and the others wait.
_LOADING = threading.Lock()


@torch.compiler.assume_constant_result  # which is no matter for a compiler of models
def load_operators() -> None:
    """Make `torch.ops.tipping_point.local_attention` known; compile it first if need be.

    Raises:
        ModelError: The compiler fails, or the operators can be neither kept nor loaded.
    """
    with _LOADING:
        _load_once()


@lru_cache(maxsize=1)
def _load_once() -> None:
    library = library_path()
    try:
        _keep_and_load(library)
    except OSError as problem:
        raise ModelError(
            "`TORCH_EXTENSIONS_DIR` must be a folder where the compiled 'local_compiled' can be "
            f"kept and from which it loads, got {library.parent}: {problem}"
        ) from problem
    torch.library.register_fake("tipping_point::local_attention", _fake_forward)
    torch.library.register_fake("tipping_point::local_attention_backward", _fake_backward)


def _keep_and_load(library: Path) -> None:
    if not library.exists():
        library.parent.mkdir(parents=True, exist_ok=True)
        with _alone(library.with_suffix(".lock")):
            if not library.exists():
                _build(library)
    # A second time, where it has just been built: that is the same file, so nothing happens.
    torch.ops.load_library(library)


def library_path() -> Path:
    """Return where the compiled operators are kept for this process, compiled or not."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    root = os.environ.get("TORCH_EXTENSIONS_DIR") or f"{cache}/torch_extensions"
    text = hashlib.sha256(" ".join(_flags()).encode())
    for source in sorted([*SOURCES.glob("*.h"), *SOURCES.glob("*.cpp")]):
        text.update(source.read_bytes())
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    parts = [NAME, f"torch{torch.__version__}", python, platform.machine(), _instruction_set()]
    return Path(root).expanduser() / "-".join([*parts, text.hexdigest()[:16]]) / f"{NAME}.so"


def float_lanes() -> int:
    """Return how many numbers of float32 a vector has here: the queries of a tile."""
    return VECTOR_BYTES.get(_instruction_set(), LEAST_VECTOR_BYTES) // 4


def _instruction_set() -> str:
    """Name the instructions that torch's own kernels use here, as `ATEN_CPU_CAPABILITY` has it."""
    return torch.backends.cpu.get_cpu_capability()


def _flags() -> list[str]:
    return [*FLAGS, *INSTRUCTIONS.get(_instruction_set(), ())]


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process builds; the system gives the lock back however one ends."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(library: Path) -> None:
    """Compile in a folder beside the library, then give it its name: it is never there half."""
    from torch.utils.cpp_extension import load

    with tempfile.TemporaryDirectory(dir=library.parent) as folder, _scripts_in_path():
        try:
            built = load(  # under a name that torch numbers, where a build has failed before
                NAME,
                [str(SOURCES / "kernel.cpp")],
                extra_cflags=_flags(),
                build_directory=folder,
                is_python_module=False,
            )
        except (RuntimeError, OSError) as problem:
            said = [line for line in str(problem).splitlines() if "error" in line.lower()]
            raise ModelError(
                "`implementation` 'local_compiled' cannot run here: its C++ cannot be compiled: "
                f"{said[-1].strip() if said else problem}"
            ) from problem
        Path(built).replace(library)


@contextmanager
def _scripts_in_path() -> Iterator[None]:
    """Let torch find the ninja that was installed beside this Python, activated or not."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = path_with_scripts()
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _fake_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    half_window: int,
    real: Tensor | None,
    needs_sums: bool,
) -> tuple[Tensor, Tensor]:
    """Say which shapes and layouts come back, for those who only trace."""
    batch, heads, tokens, _ = query.shape
    dtype = torch.float64 if query.dtype == torch.float64 else torch.float32
    sums = query.new_empty(batch if needs_sums else 0, heads, tokens, 2, dtype=dtype)
    return _fake_like(query), sums


def _fake_backward(gradient: Tensor, query: Tensor, *others: object) -> tuple[Tensor, ...]:
    return _fake_like(query), _fake_like(query), _fake_like(query)


def _fake_like(query: Tensor) -> Tensor:
    batch, heads, tokens, width = query.shape
    return query.new_empty(batch, tokens, heads, width).transpose(1, 2)
