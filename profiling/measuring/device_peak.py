"""The most that this device computes, by products of matrices."""


def measure_peak_flops_per_s(device: str, precision: str, threads: int) -> float:
    """Measure the best rate of square products of matrices, in floating point operations a second.

    Args:
        device: "cpu" or "cuda".
        precision: Lightning's name of the number format, such as "32-true" or "bf16-mixed".
        threads: Threads of a CPU.
    """
    raise NotImplementedError
