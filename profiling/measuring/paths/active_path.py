"""Check that what a row will claim is what runs: path, pairs, shape, and which fused kernel."""

from contextlib import nullcontext

import lightning
import torch
from lightning import LightningModule, Trainer

from datamodules.counted import counted
from lightning_modules.kernel_limits import COMPILED_BY_TORCH
from lightning_modules.models.base import VariantModule
from profiling.measuring.paths.attention_watch import AttentionWatch
from profiling.measuring.paths.compiling import kernels_of_compiled
from profiling.measuring.paths.graphing import eager_forward
from profiling.planning.points import Point

Batch = dict[str, torch.Tensor]


class ActivePathCheck(lightning.Callback):
    """Run one forward first and check shape, path and pairs; check the path again at the end.

    It starts when the Trainer has put the module on its device, and its forward is a warm-up. A
    model that is compiled runs as it comes at first, because torch does not compile while its
    operators are being watched; at the end the compiled code is asked for its kernels. On a GPU it
    is asked in the last run of a process alone: torch's profiler slows down what follows there.

    Raises (through the Trainer):
        RuntimeError: The output has another shape, the efficient path is not the one that ran, or
            an efficient variant computed all pairs of its tokens.
    """

    def __init__(self, point: Point, batch: Batch, is_last: bool = False) -> None:
        """Check runs of `point` on `batch`; nothing is timed after the last one."""
        self.point = point
        self.batch = batch
        self.kernel: str | None = None
        self._may_profile = is_last or point.conditions.device != "cuda"

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
        seen = AttentionWatch(module.effective_length(self.point.length))
        # Torch does not compile while its operators are being watched: there is nothing to see.
        watch = nullcontext() if self.point.implementation in COMPILED_BY_TORCH else seen
        # Out of the inference mode in which a prediction runs: there torch does not show which
        # kernel its attention takes.
        leave = torch.inference_mode(False)
        context = trainer.precision_plugin.forward_context()
        run = module.forward if self.point.compiled else module
        run = eager_forward(module) if self.point.graphed else run
        with leave, torch.set_grad_enabled(training), context, watch:
            shape = tuple(run(**self._inputs_for(trainer, module)).shape)
        module.train(was_training)
        batch_size = len(next(iter(self.batch.values())))
        expected = module.expected_output_shape(self.point.length, batch_size)
        if shape != tuple(expected):
            raise RuntimeError(f"the output must have shape {tuple(expected)}, got {shape}")
        refuse_all_pairs(module, self.point.length, training, seen)
        self.kernel = self._claim(module, seen.names())
        module.check_active(self.point.length)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that training has not changed the model."""
        self._check_last(trainer, pl_module)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that predicting has not changed the model."""
        self._check_last(trainer, pl_module)

    def _check_last(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, VariantModule)
        module.check_active(self.point.length)
        if self.point.compiled:
            inputs = self._inputs_for(trainer, module)
            with trainer.precision_plugin.forward_context():
                seen = kernels_of_compiled(module, inputs, self._may_profile)
            self.kernel = self._claim(module, seen) if self._may_profile else None

    def _claim(self, module: VariantModule, seen: str | None) -> str | None:
        """Return what the row says of the kernels that were seen."""
        kernel = COMPILED_BY_TORCH.get(self.point.implementation) or seen
        if not module.runs_as_full_attention(self.point.length):
            return kernel
        return f"{kernel or 'not fused'} (the window covers all)"

    def _inputs_for(self, trainer: Trainer, module: VariantModule) -> Batch:
        """Return what a step that is measured gives to `forward`.

        That is of a batch as Lightning's loops have it: on the device, in the dtype of the weights.
        """
        batch: Batch = trainer.precision_plugin.convert_input(self.batch)
        on_device: Batch = trainer.strategy.batch_to_device(batch)
        trains = self.point.phase == "training"
        return on_device if trains else module.inputs_of_prediction(on_device)


def refuse_all_pairs(
    module: VariantModule, length: int, training: bool, seen: AttentionWatch
) -> None:
    """Raise RuntimeError where a forward computed all pairs of tokens and was not to.

    What a module says of itself (`check_active`) can be wrong; this is what it really did.

    Args:
        module: The one that ran.
        length: Of the input, on the modality's axis.
        training: Whether gradients were on.
        seen: What was noted during the forward pass.
    """
    most = module.most_all_pairs(length, training)
    if seen.num_all_pairs <= most:
        return
    allowed = f", {counted(seen.num_all_pairs, 'time')} instead of {most}" if most else ""
    raise RuntimeError(
        f"`{module.variant}` with `implementation` {module.implementation!r} does not run as "
        f"measured: {seen.all_pairs_by} computes all pairs of {module.effective_length(length)} "
        f"tokens{allowed}"
    )
