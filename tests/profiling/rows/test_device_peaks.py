"""What makers say of their devices."""

import pytest

from profiling.rows.device_peaks import DEVICE_PEAKS, published_peak


def test_a_device_is_known_by_its_whole_name_alone() -> None:
    assert published_peak("NVIDIA H200", "bf16-mixed") == 989.5e12
    assert published_peak("NVIDIA H200 SXM9", "bf16-mixed") is None
    assert published_peak("NVIDIA", "bf16-mixed") is None


def test_names_that_hold_each_other_have_their_own_rates() -> None:
    rates = [published_peak(f"NVIDIA {name}", "bf16-true") for name in ("L4", "L40", "L40S")]
    assert rates == [121e12, 181.05e12, 362.05e12]
    h100 = [f"NVIDIA H100 {kind}" for kind in ("80GB HBM3", "PCIe", "NVL")]
    assert [published_peak(name, "16-mixed") for name in h100] == [989.5e12, 756.5e12, 835.5e12]


def test_float32_may_be_rounded_or_not() -> None:
    assert published_peak("NVIDIA A100-SXM4-40GB", "32-true") == 19.5e12
    assert published_peak("NVIDIA A100-SXM4-40GB", "32-true", tf32=True) == 156e12
    assert published_peak("NVIDIA A100-SXM4-40GB", "bf16-mixed", tf32=True) == 312e12


@pytest.mark.parametrize("precision", ["bf16-true", "bf16-mixed"])
def test_units_that_a_device_has_not_have_no_rate(precision: str) -> None:
    assert published_peak("Tesla T4", precision) is None
    assert published_peak("Tesla T4", "32-true", tf32=True) is None


def test_every_name_stands_once_and_every_device_has_a_source() -> None:
    names = [name for device in DEVICE_PEAKS for name in device.names]
    assert len(names) == len(set(names))
    assert all(device.source for device in DEVICE_PEAKS)


def test_narrower_numbers_are_never_slower() -> None:
    for device in DEVICE_PEAKS:
        rates = [device.float32, device.tf32, device.bf16, device.fp16]
        known = [rate for rate in rates if rate is not None]
        assert known == sorted(known), device.names
