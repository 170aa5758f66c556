"""What torch may choose by itself on a GPU: the arithmetic of float32, the kernel of attention."""

import torch

SDPA_BACKENDS = ("any", "cudnn", "flash", "efficient", "math")


def choose_arithmetic(tf32: bool, cudnn_benchmark: bool) -> None:
    """Say how float32 is multiplied on a GPU: the same in products and in convolutions.

    Torch's default is neither: products are exact, cuDNN's convolutions round to TF32. What fused
    attention does with float32 (three products of TF32 for each) nobody can choose.

    Args:
        tf32: Whether inputs of float32 may be rounded to 10 bits.
        cudnn_benchmark: Whether cuDNN tries its kernels for each new shape.
    """
    # Torch's newer switches (`fp32_precision`) make the older ones raise, which compilers read.
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = cudnn_benchmark


def choose_sdpa(backend: str) -> None:
    """Say which kernel torch's attention takes on a GPU, where it can.

    Flash attention takes no mask and no float32: then the efficient kernel computes. Where none
    can, plain operations do (`math`), as torch has it.

    Args:
        backend: One of `SDPA_BACKENDS`; "any" leaves torch its own order.
    """
    enable = torch.backends.cuda
    enable.enable_cudnn_sdp(backend in ("any", "cudnn"))
    enable.enable_flash_sdp(backend in ("any", "flash"))
    enable.enable_mem_efficient_sdp(backend in ("any", "flash", "efficient"))
