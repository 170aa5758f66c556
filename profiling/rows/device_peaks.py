"""What makers say that a device computes at most: products of matrices without sparsity.

Makers print the rate of half-empty matrices where they can, which is twice the one of full ones;
here it is halved. Names are those that `torch.cuda.get_device_name` returns, letter by letter: a
part of a name has misled other tools (an L40 is no L4). Of a device that is not here nothing is
known. Those of H100, H200, L40, L40S, B200 and RTX 4090 were compared with a second page; no name
was read on a device yet. What a measurement is judged by is the peak that it measured itself.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class DevicePeak:
    """Rates in 10^12 floating point operations a second; null where the device has no such units.

    Args:
        names: With which the driver names it.
        float32: Of float32 that is computed as such.
        tf32: Of float32 that is rounded to 10 bits first.
        bf16: Of bfloat16, summed in float32.
        fp16: Of float16, summed in float32.
        source: Where the maker says so.
    """

    names: tuple[str, ...]
    float32: float
    tf32: float | None
    bf16: float | None
    fp16: float
    source: str


VOLTA = "NVIDIA V100 datasheet, January 2020 (1165301)"
AMPERE = "NVIDIA A100 datasheet, June 2021"
HOPPER = "NVIDIA H100 datasheet, 2023, and H100 PCIe product brief; halved"
H200 = "NVIDIA H200 datasheet, November 2024; halved"
ADA = "NVIDIA Ada GPU architecture whitepaper, 2.1, appendix A"

# fmt: off
DEVICE_PEAKS: tuple[DevicePeak, ...] = (
    DevicePeak(("Tesla V100-SXM2-16GB", "Tesla V100-SXM2-32GB"), 15.7, None, None, 125.0, VOLTA),
    DevicePeak(("Tesla V100-PCIE-16GB", "Tesla V100-PCIE-32GB"), 14.0, None, None, 112.0, VOLTA),
    DevicePeak(("Tesla V100S-PCIE-32GB",), 16.4, None, None, 130.0, VOLTA),
    DevicePeak(("Tesla T4",), 8.1, None, None, 65.0, "NVIDIA T4 datasheet, March 2019"),
    DevicePeak(("NVIDIA A10",), 31.2, 62.5, 125.0, 125.0, "NVIDIA A10 datasheet, March 2022"),
    DevicePeak(("NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-80GB", "NVIDIA A100-PCIE-40GB",
                "NVIDIA A100 80GB PCIe", "A100-SXM4-40GB", "A100-SXM4-80GB", "A100-PCIE-40GB"),
               19.5, 156.0, 312.0, 312.0, AMPERE),
    DevicePeak(("NVIDIA L4",), 30.3, 60.0, 121.0, 121.0, "NVIDIA L4 datasheet, 2023; halved"),
    DevicePeak(("NVIDIA L40",), 90.5, 90.5, 181.05, 181.05, "NVIDIA L40 datasheet, 2023"),
    DevicePeak(("NVIDIA L40S",), 91.6, 183.0, 362.05, 362.05, "NVIDIA L40S datasheet, 2023"),
    DevicePeak(("NVIDIA H100 80GB HBM3",), 67.0, 494.5, 989.5, 989.5, HOPPER),
    DevicePeak(("NVIDIA H100 PCIe",), 51.0, 378.0, 756.5, 756.5, HOPPER),
    DevicePeak(("NVIDIA H100 NVL",), 60.0, 417.5, 835.5, 835.5, HOPPER),
    DevicePeak(("NVIDIA H200",), 67.0, 494.5, 989.5, 989.5, H200),
    DevicePeak(("NVIDIA H200 NVL",), 60.0, 417.5, 835.5, 835.5, H200),
    DevicePeak(("NVIDIA B200",), 75.0, 1100.0, 2250.0, 2250.0,
               "NVIDIA Blackwell datasheet, HGX B200, 2025; halved"),
    DevicePeak(("NVIDIA GeForce RTX 3090", "GeForce RTX 3090"), 35.6, 35.6, 71.0, 71.0,
               "NVIDIA Ampere GA102 GPU architecture whitepaper, 2.1, appendix A"),
    DevicePeak(("NVIDIA GeForce RTX 4090",), 82.6, 82.6, 165.2, 165.2, ADA),
    DevicePeak(("NVIDIA GeForce RTX 5090",), 104.8, 104.8, 209.5, 209.5,
               "NVIDIA RTX Blackwell GPU architecture whitepaper, 1.1, appendix A"),
    # Torch sees each of its two dies as a device: half of what the datasheet says of the card.
    DevicePeak(("AMD Instinct MI250X",), 47.85, None, 191.5, 191.5,
               "AMD Instinct MI250X datasheet, 2021; per die"),
    DevicePeak(("AMD Instinct MI300X",), 163.4, 653.7, 1307.4, 1307.4,
               "AMD Instinct MI300X datasheet, 2023"),
)
# fmt: on
# What a product of matrices is computed in, by Lightning's name of the number format.
UNITS = {
    "32-true": "float32",
    "bf16-true": "bf16",
    "bf16-mixed": "bf16",
    "16-true": "fp16",
    "16-mixed": "fp16",
}


def published_peak(device_name: str, precision: str, tf32: bool = False) -> float | None:
    """Return what the maker says, in floating point operations a second; null where unknown.

    Args:
        device_name: As `torch.cuda.get_device_name` returns it.
        precision: Lightning's name of the number format, such as "32-true" or "bf16-mixed".
        tf32: Whether products of float32 may be rounded.
    """
    units = UNITS[precision]
    if units == "float32" and tf32:
        units = "tf32"
    for device in DEVICE_PEAKS:
        if device_name in device.names:
            rate: float | None = getattr(device, units)
            return None if rate is None else rate * 1e12
    return None
