"""Check that what a row will claim is what runs: path, shape, and which fused kernel."""

from contextlib import nullcontext
from typing import Any

import lightning
import torch
from lightning import LightningModule, Trainer
from torch.utils._python_dispatch import TorchDispatchMode

from lightning_modules.models.base import VariantModule
from profiling.planning.points import Point

Batch = dict[str, torch.Tensor]
# Implementations that compile their kernel or fail. Torch does not compile while its operators are
# being watched, so for these there is nothing to see.
COMPILED = {"local_flex": "flex_attention"}


class ActivePathCheck(lightning.Callback):
    """Run one forward first and check shape, path and kernel; check the path again at the end.

    It starts when the Trainer has put the module on its device, and its forward is a warm-up.

    Raises (through the Trainer):
        RuntimeError: The output has another shape, or the efficient path is not the one that ran.
    """

    def __init__(self, point: Point, batch: Batch) -> None:
        """Check runs of `point` on `batch`."""
        self.point = point
        self.batch = batch
        self.kernel: str | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check before the first training step."""
        self._check_first(trainer, pl_module)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check before the first prediction."""
        self._check_first(trainer, pl_module)

    def _check_first(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, VariantModule)
        module.check_active(self.point.length)
        training = self.point.phase == "training"
        was_training = module.training
        module.train(training)
        seen = AttentionKernels()
        watch = nullcontext() if self.point.implementation in COMPILED else seen
        # Out of the inference mode in which a prediction runs: there torch does not show which
        # kernel its attention takes.
        leave = torch.inference_mode(False)
        context = trainer.precision_plugin.forward_context()
        with leave, torch.set_grad_enabled(training), context, watch:
            # As Lightning's loops do: on the device, and in the dtype of the weights.
            batch = trainer.precision_plugin.convert_input(self.batch)
            shape = tuple(module(**trainer.strategy.batch_to_device(batch)).shape)
        module.train(was_training)
        batch_size = len(next(iter(self.batch.values())))
        expected = module.expected_output_shape(self.point.length, batch_size)
        if shape != tuple(expected):
            raise RuntimeError(f"the output must have shape {tuple(expected)}, got {shape}")
        self.kernel = COMPILED.get(self.point.implementation) or seen.names()
        if module.runs_as_full_attention(self.point.length):
            self.kernel = f"{self.kernel} (the window covers all)"
        module.check_active(self.point.length)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that training has not changed the model."""
        self._check_last(pl_module)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that predicting has not changed the model."""
        self._check_last(pl_module)

    def _check_last(self, module: LightningModule) -> None:
        assert isinstance(module, VariantModule)
        module.check_active(self.point.length)


class AttentionKernels(TorchDispatchMode):
    """Notes which of torch's fused attention kernels run inside the context."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self._seen: set[str] = set()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = func.overloadpacket.__name__
        if "scaled_dot_product" in name or name == "_varlen_attn":
            self._seen.add(name.strip("_").removeprefix("scaled_dot_product_"))
        elif name == "_safe_softmax":  # torch's attention, taken apart into plain operations
            self._seen.add("math")
        return func(*args, **(kwargs or {}))

    def names(self) -> str | None:
        """Return the kernels, joined by "+"; None when attention was not fused."""
        return "+".join(sorted(self._seen)) or None
