"""Modules that are not broken down: hooks would change them, or say what is not so."""

import logging
from collections.abc import Callable
from pathlib import Path
from types import MethodType
from typing import Any

import pytest
import torch
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

from profiling.instruments.components.breakdown import refuse_checkpointing, refuse_compiled
from tests.samples.callbacks.breaking import Encoder, breaking, texts
from tests.samples.fitting import fit, predict


def test_a_compiled_module_is_left_alone_and_that_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    module = Encoder()
    module.encoder.compile(backend="eager")
    callback = breaking()
    with torch.compiler.set_stance("force_eager"):  # compiling takes seconds, and tells no more
        fit(module, texts(4), tmp_path, callbacks=[callback])
    assert caplog.text.count("leaves out components") == 1
    assert "is compiled" in caplog.text
    assert not callback.broken_steps
    assert len(callback.samples) == 4


def test_a_module_that_was_compiled_for_the_trainer_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compiled: Any = torch.compile(Encoder(), backend="eager")
    callback = breaking()
    with torch.compiler.set_stance("force_eager"):
        fit(compiled, texts(4), tmp_path, callbacks=[callback])
    assert "the module is compiled" in caplog.text
    assert (len(callback.samples), len(callback.broken_steps)) == (4, 0)


class CompiledInItsClass(torch.nn.Linear):
    @torch.compile(backend="eager")
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return super().forward(values)


class NeverCompiled(torch.nn.Linear):
    @torch.compiler.disable
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return super().forward(values)


def compile_function(module: Encoder) -> None:
    module.encoder.forward = torch.compile(module.encoder.forward, backend="eager")


def compile_method(module: Encoder) -> None:
    forward: Any = torch.compile(type(module.encoder).forward, backend="eager")
    module.encoder.forward = MethodType(forward, module.encoder)


def compile_class(module: Encoder) -> None:
    module.encoder.lm_head = CompiledInItsClass(24, 40)


@pytest.mark.parametrize("change", [compile_function, compile_method, compile_class])
def test_a_module_of_which_one_function_is_compiled_is_refused(
    change: Callable[[Encoder], None],
) -> None:
    module = Encoder()
    module.encoder.lm_head = NeverCompiled(24, 40)
    refuse_compiled(module)
    change(module)
    with pytest.raises(RuntimeError, match="encoder.* is compiled"):
        refuse_compiled(module)


def test_training_that_computes_activations_again_is_not_broken_down_and_predictions_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    module, callback = Encoder(), breaking()
    module.encoder.gradient_checkpointing_enable()
    with caplog.at_level(logging.WARNING):
        fit(module, texts(4), tmp_path, callbacks=[callback])
        fit(module, texts(4), tmp_path, callbacks=[callback])
    (said,) = [one.getMessage() for one in caplog.records if "leaves out" in one.getMessage()]
    assert "components: encoder.roberta computes its activations again" in said
    assert (len(callback.samples), len(callback.broken_steps)) == (4, 0)
    predict(module, texts(4), tmp_path, callbacks=[callback])
    assert [step.phase for step in callback.broken_steps] == ["inference"] * 2


def test_a_layer_in_torchs_own_wrapper_is_found() -> None:
    module = Encoder()
    refuse_checkpointing(module)
    layers: Any = module.encoder.roberta.encoder.layer
    layers[1] = checkpoint_wrapper(layers[1])
    with pytest.raises(RuntimeError, match=r"layer\.1 computes its activations again"):
        refuse_checkpointing(module)
