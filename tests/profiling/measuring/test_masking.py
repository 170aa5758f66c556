"""What a mask of padding adds: which steps have one, and for which points it can be asked."""

from dataclasses import replace
from multiprocessing.context import ForkServerContext

import pytest
import torch

from lightning_modules.models.speech.hubert import HubertModule
from lightning_modules.models.text.bert import BertModule
from lightning_modules.variants import VARIANTS
from profiling.children.server import run_in_child
from profiling.measuring import masking
from profiling.measuring.masking import mask_padding, masked_step_ratio
from profiling.measuring.steps.building import batch_of
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from tests.samples.variants.points import points_of

BRIEF = Effort(1, 6, 0.0)


def point_of(modality: str, variant: str, implementation: str, length: int) -> Point:
    named = [{"name": variant, "implementations": [implementation]}]
    return replace(points_of(modality, [length], named)[0], effort=BRIEF)


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize(
    ("module", "modality", "variant"),
    [(BertModule, "text", "bert"), (HubertModule, "speech", "hubert")],
)
def test_steps_with_and_without_a_mask_take_turns(
    monkeypatch: pytest.MonkeyPatch, module: type, modality: str, variant: str, batch_size: int
) -> None:
    seen: list[torch.Tensor | None] = []
    original = module.forward  # type: ignore[attr-defined]

    def watch(self: object, *values: object, **batch: torch.Tensor) -> object:
        seen.append(batch.get("attention_mask"))
        return original(self, *values, **batch)

    monkeypatch.setattr(module, "forward", watch)
    ratio = masked_step_ratio(point_of(modality, variant, "sdpa", 20), batch_size)

    assert ratio is not None
    assert ratio > 0
    assert [mask is not None for mask in seen] == [False, True, True, False] * 2
    masks = [mask for mask in seen if mask is not None]
    # One sample fills the batch where there are several: it is as long as the plain one.
    assert [mask.bool().all(1).sum() for mask in masks] == [int(batch_size > 1)] * 4


def test_the_ratio_is_that_of_masked_over_plain_steps() -> None:
    # Two steps of warm-up have been taken from the turns: plain, masked, masked, plain.
    assert masking._ratio([3.0, 1.0, 1.0, 3.0, 30.0, 2.0]) == pytest.approx(3.0)


@pytest.mark.parametrize("variant", sorted(VARIANTS["text"]))
def test_every_text_variant_takes_a_mask(variant: str) -> None:
    registered = VARIANTS["text"][variant]
    for implementation in ("eager", "sdpa", "unpadded", "library", "local_blocked"):
        if implementation in registered.implementations:
            length = max(32, registered.minimum_length)
            point = point_of("text", variant, implementation, length)
            assert masked_step_ratio(point, 2) is not None


@pytest.mark.parametrize(
    "point",
    [
        point_of("vision", "vit", "sdpa", 64),
        replace(point_of("text", "bert", "sdpa", 20), compiled=True),
        replace(point_of("text", "bert", "sdpa", 20), batches="somewhere"),
        point_of("text", "bert", "sdpa", 1),
    ],
    ids=["images", "compiled", "real batches", "one token"],
)
def test_where_there_is_no_such_mask_nothing_is_said(point: Point) -> None:
    assert masked_step_ratio(point, 1) is None


def test_a_row_has_the_ratio_at_both_batch_sizes_where_it_is_asked_for(
    server: ForkServerContext,
) -> None:
    point = point_of("text", "bert", "unpadded", 20)
    conditions = replace(point.conditions, max_batch_size=2)
    asked = replace(point, conditions=conditions, metrics=("latency", "masked_steps", "throughput"))
    outcome = run_in_child(server, "profiling.measuring.tasks:measure_speed", asked, 120)
    assert outcome.kind == "ok", outcome.message
    found = outcome.value or {}
    assert found["masked_step_ratio"] > 0
    assert found["throughput_masked_step_ratio"] > 0


@pytest.mark.parametrize(("modality", "variant"), [("text", "bert"), ("speech", "hubert")])
def test_a_batch_on_a_device_is_padded_there(modality: str, variant: str) -> None:
    point = point_of(modality, variant, "sdpa", 20)
    batch = batch_of(point, 2, "meta")
    masked = mask_padding(modality, batch, [20, 19])
    assert {values.device.type for values in masked.values()} == {"meta"}
    assert masked["attention_mask"].shape == batch[next(iter(batch))].shape
    assert "attention_mask" not in mask_padding(modality, batch, [20, 20])
