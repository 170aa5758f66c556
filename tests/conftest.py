"""What several test files share."""

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import ModuleType

import pytest

from lightning_modules import allocator
from profiling.children.server import start_server
from tests.samples.order import in_order
from tests.samples.warm.interpreter import warm_interpreter

# Before torch is imported: threads that wait for each other sleep. They would compute nothing for
# whole time slices where somebody else uses the cores, ten times what the tests themselves take.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Workers side by side share the cores, they and every process that they start: threads that find
# the core taken on which they wait for each other are many times slower.
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0)):
    cores = sorted(os.sched_getaffinity(0))
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    mine = cores[number % len(cores) :: workers]
    os.sched_setaffinity(0, mine)
    os.environ.setdefault("OMP_NUM_THREADS", str(len(mine)))

# Of a `make` that started the tests, whose own options would become those of the tests' `make`.
for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    os.environ.pop(name, None)

# An example takes as long as it takes: others may be computing on the same cores.
# An image with a GPU may lack the library, which no test of a GPU needs.
with suppress(ModuleNotFoundError):
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _memory_that_tests_free_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the allocator of the tests as it is: later ones measure memory in the same process."""
    monkeypatch.setattr(allocator, "keep_freed_memory", lambda: True)


@pytest.fixture(scope="session")
def server() -> ForkServerContext:
    """Give a fork server: importing takes it long, so all tests share one."""
    return start_server()


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a folder with a `python` and a `torchrun` that start at once, as if they were new."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with warm_interpreter(tmp_path_factory.mktemp("interpreter"), shared) as folder:
        yield folder


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with data for every configuration of training, to be read only."""
    from tests.samples.training import write_everything  # an image with a GPU may lack soundfile

    folder = tmp_path_factory.mktemp("everything")
    write_everything(folder)
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `make quick` promises: that its tests wait for no torch."""
    parser.addoption("--no-torch", action="store_true", help="fail what imports torch")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse torch where it must not be imported."""
    if config.getoption("--no-torch"):
        assert "torch" not in sys.modules
        sys.meta_path.insert(0, _NoTorch())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let files that take long begin first."""
    items[:] = in_order(items, config.args)


def pytest_collection_finish() -> None:
    """Have tests look for garbage among their own objects: millions were made until here."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU where there is none, and torchaudio where that does not fit torch."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("there is no CUDA device here")
        from lightning_modules.kernel_choice import choose_arithmetic

        choose_arithmetic(tf32=False, cudnn_benchmark=False)  # as sweeps have it
    if item.get_closest_marker("torchaudio"):
        try:
            import torchaudio  # noqa: F401
        except Exception as problem:  # its check of versions has no error class of its own
            pytest.skip(f"torchaudio: {problem}")


class _NoTorch:
    """Finds torch first, and refuses it: the traceback shows who imports it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        assert name != "torch", "no test of `make quick` may import torch"
        return None
