"""The ceiling that is measured by products of matrices."""

import pytest
import torch

from profiling.measuring import device_peak
from profiling.measuring.device_peak import measure_peak_flops_per_s


def test_the_best_rate_of_all_sizes_and_tries_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_peak, "SIZES", {"cpu": (8, 16)})
    monkeypatch.setattr(device_peak, "SECONDS", 0.0)
    seconds = iter([4.0, 2.0, 4.0, 8.0, 16.0, 8.0])
    monkeypatch.setattr(device_peak, "_seconds_of", lambda *_: next(seconds))
    monkeypatch.setattr(device_peak, "set_threads", lambda threads: None)
    assert measure_peak_flops_per_s("cpu", "32-true", 1) == 2 * 8**3 / 2.0


def test_sizes_that_would_take_long_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_peak, "SIZES", {"cpu": (8, 800)})
    monkeypatch.setattr(device_peak, "SECONDS", 1e-9)
    monkeypatch.setattr(device_peak, "set_threads", lambda threads: None)
    rows: list[int] = []

    def rate_of(device: str, dtype: torch.dtype, size: int) -> float:
        rows.append(size)
        return 1e9

    monkeypatch.setattr(device_peak, "_best_rate", rate_of)
    measure_peak_flops_per_s("cpu", "bf16-mixed", 1)
    assert rows == [8]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
def test_every_number_format_has_a_ceiling(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_peak, "SIZES", {"cpu": (32,)})
    monkeypatch.setattr(device_peak, "SECONDS", 0.0)
    monkeypatch.setattr(device_peak, "set_threads", lambda threads: None)
    assert measure_peak_flops_per_s("cpu", precision, 1) > 0
