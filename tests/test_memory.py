import pytest
import torch

from profiling.memory import PeakMemory, check_peak, return_freed_pages

MIB = 2**20


@pytest.fixture(autouse=True)
def _exact_pages() -> None:
    return_freed_pages()


@pytest.mark.parametrize("size_mib", [24, 80])
def test_a_tensor_of_known_size_is_measured(size_mib: int) -> None:
    check_peak(size_mib)


def test_the_peak_counts_what_was_freed_again_and_weights() -> None:
    memory = PeakMemory("cpu")
    weights = torch.ones(20 * MIB // 4)
    memory.loaded()
    memory.reset()
    torch.ones(40 * MIB // 4)
    assert memory.weights_mib == pytest.approx(20, abs=1)
    assert memory.read() == pytest.approx(60, abs=2)
    memory.reset()
    assert memory.read() == pytest.approx(20, abs=2)
    assert len(weights)


def test_a_model_that_is_already_there_counts_with_its_parameters() -> None:
    module = torch.nn.Linear(1024, 3 * 1024)
    memory = PeakMemory.of_loaded(module)
    memory.reset()
    assert memory.read() == pytest.approx(12, abs=2)


def test_a_system_whose_peak_is_wrong_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profiling.memory.peak_mib", lambda: 1e6)
    with pytest.raises(RuntimeError, match="cannot be believed"):
        check_peak(16)
