"""The norm of the gradients is that of all of them, also where processes divide them."""

import json
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, distributed, nn

from lightning_modules.training.step_totals import gradient_norm

NUM_PROCESSES = 2


def build() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 3))


def loss_of(model: nn.Module) -> Tensor:
    inputs = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    loss: Tensor = model(inputs).square().sum()
    return loss


def as_trained(module: nn.Module, model: nn.Module, num_processes: int) -> Any:
    """Return a module with what it knows of a Trainer."""
    trainer = SimpleNamespace(world_size=num_processes, model=model)
    return SimpleNamespace(trainer=trainer, parameters=module.parameters)


def norm_of_one_process() -> float:
    module = build()
    loss_of(module).backward()
    return gradient_norm(as_trained(module, module, 1)).item()


def write_norms(rank: int, folder: Path, scale: float) -> None:
    """Compute the norm in one of several processes that divide a model by FSDP."""
    from torch.distributed.fsdp import FullyShardedDataParallel

    meeting = f"file://{folder}/meeting"
    distributed.init_process_group("gloo", meeting, rank=rank, world_size=NUM_PROCESSES)
    module = build()
    # As Lightning wraps it.
    model = FullyShardedDataParallel(module, use_orig_params=True, device_id=torch.device("cpu"))
    (scale * loss_of(model)).backward()
    before = [p.grad.clone() for p in module.parameters() if p.grad is not None]
    norm = gradient_norm(as_trained(module, model, NUM_PROCESSES)).item()
    after = [p.grad for p in module.parameters() if p.grad is not None]
    is_same = all(map(torch.equal, before, after))
    (folder / f"{rank}.json").write_text(json.dumps([norm, is_same, len(before)]))
    distributed.destroy_process_group()


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_under_fsdp_every_process_has_the_norm_of_all_gradients(
    server: ForkServerContext, tmp_path: Path, scale: float
) -> None:
    given = [(rank, tmp_path, scale) for rank in range(NUM_PROCESSES)]
    processes = [server.Process(target=write_norms, args=each) for each in given]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        assert process.exitcode == 0
    whole = scale * norm_of_one_process()
    told = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(NUM_PROCESSES)]
    for norm, is_same, num_gradients in told:
        assert norm == pytest.approx(whole, rel=1e-5)
        assert is_same  # nothing was clipped
        assert num_gradients > 0


def test_a_process_that_has_all_gradients_needs_no_other_for_their_norm() -> None:
    module = build()
    loss_of(module).backward()
    squares = sum(p.grad.square().sum() for p in module.parameters() if p.grad is not None)
    assert norm_of_one_process() == pytest.approx(float(squares) ** 0.5)
    # DDP gives each process all of them.
    shared = as_trained(module, module, NUM_PROCESSES)
    assert gradient_norm(shared).item() == pytest.approx(float(squares) ** 0.5)
