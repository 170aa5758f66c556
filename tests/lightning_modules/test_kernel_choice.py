from collections.abc import Iterator
from typing import get_args

import pytest
import torch

from lightning_modules.kernel_choice import SDPA_BACKENDS, choose_arithmetic, choose_sdpa
from profiling.planning.settings import SdpaBackend


@pytest.fixture(autouse=True)
def _given_back() -> Iterator[None]:
    yield
    choose_arithmetic(tf32=False, cudnn_benchmark=False)
    torch.backends.cudnn.allow_tf32 = True  # torch's default
    choose_sdpa("any")


@pytest.mark.parametrize("tf32", [True, False])
def test_products_and_convolutions_of_float32_are_computed_alike(tf32: bool) -> None:
    choose_arithmetic(tf32, cudnn_benchmark=not tf32)
    assert torch.backends.cuda.matmul.allow_tf32 is tf32
    assert torch.backends.cudnn.allow_tf32 is tf32
    assert torch.backends.cudnn.benchmark is not tf32
    # What Lightning and compilers ask: mixed with torch's newer switches it would raise.
    assert torch.get_float32_matmul_precision() == ("high" if tf32 else "highest")


@pytest.mark.parametrize(
    ("backend", "cudnn", "flash", "efficient"),
    [
        ("any", True, True, True),
        ("cudnn", True, False, False),
        ("flash", False, True, True),
        ("efficient", False, False, True),
        ("math", False, False, False),
    ],
)
def test_attention_is_left_the_kernels_of_the_backend(
    backend: str, cudnn: bool, flash: bool, efficient: bool
) -> None:
    choose_sdpa(backend)
    assert torch.backends.cuda.cudnn_sdp_enabled() is cudnn
    assert torch.backends.cuda.flash_sdp_enabled() is flash
    assert torch.backends.cuda.mem_efficient_sdp_enabled() is efficient
    assert torch.backends.cuda.math_sdp_enabled()


def test_the_setting_offers_every_backend() -> None:
    assert get_args(SdpaBackend) == SDPA_BACKENDS
