"""Six faults that would make a number wrong, each planted where it really runs, and its guard."""

import ctypes
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from lightning_modules import allocator, attention
from lightning_modules.attention.masked import masked_attention
from lightning_modules.models.base import VariantModule
from lightning_modules.models.text.bert import BertModule
from profiling.children.server import run_in_child
from profiling.instruments.batch_shapes import UNKNOWN
from profiling.instruments.steps import Sample
from profiling.measuring.paths.active_path import ActivePathCheck
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.stretch import TimedStretch
from profiling.measuring.steps.surroundings import Surroundings
from profiling.measuring.tasks import measure_speed
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from profiling.rows.machine import cores_for
from tests.samples.neighbours import somebody_computes
from tests.samples.variants.points import CONDITIONS, points_of

pytestmark = pytest.mark.filterwarnings("ignore")
BRIEF = Effort(num_warmup_steps=1, min_samples=3, seconds_per_measurement=0.0)
PHASES = pytest.mark.parametrize("phase", ["inference", "training"])


def make_point(modality: str, variant: str, implementation: str, phase: str, length: int) -> Point:
    chosen = {"name": variant, "implementations": [implementation]}
    point = next(p for p in points_of(modality, [length], [chosen]) if p.phase == phase)
    # The allocator of the tests' own process stays as it is.
    conditions = replace(CONDITIONS, allocator="system")
    return replace(point, num_classes=130, conditions=conditions, metrics=("latency",))


def measure(
    point: Point, module: VariantModule | None = None, effort: Effort = BRIEF
) -> list[Sample]:
    batch = batch_of(point, 1)
    check = ActivePathCheck(point, batch)
    module = module or build_point(point)
    return Surroundings(point).time_steps(module, point, batch, effort, [check])


# -- attention that is quietly dense -------------------------------------------------------------


def fused_over_all(q: Tensor, k: Tensor, v: Tensor, *_: Any) -> Tensor:
    return scaled_dot_product_attention(q, k, v)


@PHASES
@pytest.mark.parametrize(
    ("modality", "variant"), [("text", "local_bert"), ("text", "modernbert"), ("speech", "lhubert")]
)
@pytest.mark.parametrize("dense", [fused_over_all, masked_attention])
def test_a_window_that_is_claimed_but_not_kept_is_an_error(
    monkeypatch: pytest.MonkeyPatch, modality: str, variant: str, phase: str, dense: Any
) -> None:
    point = make_point(modality, variant, "local_blocked", phase, 300)
    assert len(measure(point)) == 3
    monkeypatch.setitem(attention.IMPLEMENTATIONS, "local_blocked", dense)
    with pytest.raises(RuntimeError, match="computes all pairs of 300 tokens"):
        measure(point)


# -- a variant that doubles its batch ------------------------------------------------------------


class Doubling(BertModule):
    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> Tensor:
        return super().forward(input_ids, attention_mask).repeat(2, 1, 1)


def test_an_output_of_another_batch_size_is_an_error() -> None:
    point = make_point("text", "bert", "sdpa", "inference", 12)
    with pytest.raises(RuntimeError, match=r"must have shape \(1, 12, 130\), got \(2, 12, 130\)"):
        measure(point, Doubling(num_classes=130, max_length=12))


# -- a leak --------------------------------------------------------------------------------------

MANY_CLASSES = 9000  # so that logits of 40 tokens are 1.4 MiB


class Keeping(BertModule):
    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> Tensor:
        logits = super().forward(input_ids, attention_mask)
        self.__dict__.setdefault("kept", []).append(logits)
        return logits


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="this C library does not tell what is used"
)
@PHASES
def test_a_model_that_keeps_what_it_computes_is_an_error(phase: str) -> None:
    point = replace(make_point("text", "bert", "sdpa", phase, 40), num_classes=MANY_CLASSES)
    assert len(measure(point)) == 3
    with pytest.raises(RuntimeError, match=r"each of 3 steps left \d+\.\d MiB behind"):
        measure(point, Keeping(num_classes=MANY_CLASSES, max_length=40))


def test_without_a_warm_up_the_state_of_an_optimiser_is_no_leak() -> None:
    point = replace(make_point("text", "bert", "sdpa", "training", 40), num_classes=MANY_CLASSES)
    assert len(measure(point, effort=Effort(0, 1, 0.0))) == 1


# -- a timer that does not wait ------------------------------------------------------------------


class HandingOver(BertModule):
    """Returns before its work is done, as a kernel on a GPU does; the next batch waits for it."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> Tensor:
        self.__dict__["work"] = threading.Thread(target=time.sleep, args=(0.2,))
        self.__dict__["work"].start()
        return super().forward(input_ids, attention_mask)

    def on_predict_batch_start(self, *_: Any) -> None:
        self.__dict__["work"].join()

    def on_train_batch_start(self, *_: Any) -> None:
        self.__dict__["work"].join()


@PHASES
def test_work_that_goes_on_after_the_clock_has_stopped_is_an_error(
    monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    point = make_point("text", "bert", "sdpa", phase, 12)
    assert len(measure(point)) == 3
    # Where others compute, as much time may be theirs: nobody does here, whoever does meanwhile.
    monkeypatch.setattr(Surroundings, "_share_of_time", lambda _: 0.0)
    with pytest.raises(RuntimeError, match=r"the timer does not wait: .* ms more went by"):
        measure(point, HandingOver(num_classes=130, max_length=12))


def test_time_that_others_took_between_steps_is_no_fault_of_the_timer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = iter([10.0, 13.0])
    monkeypatch.setattr("profiling.measuring.steps.stretch.time.perf_counter", lambda: next(now))
    stretch = TimedStretch("cpu", {}, warmed_up=False)
    stretch.begin()
    stretch.on_predict_end()
    samples = [Sample("inference", UNKNOWN, 400.0, None, None, None, None)] * 3  # of 1,000 ms each
    with pytest.raises(RuntimeError, match="took 400.0 ms by its clock, and 600.0 ms more"):
        stretch.check(samples)
    with pytest.raises(RuntimeError, match="took 400.0 ms by its clock, and 500.0 ms more"):
        stretch.check(samples, others_share=0.1)
    stretch.check(samples, others_share=0.25)


# -- a neighbour ---------------------------------------------------------------------------------


@pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="this system does not tell who computes"
)
def test_a_visit_beside_a_neighbour_that_computes_is_disturbed(server: ForkServerContext) -> None:
    point = make_point("text", "bert", "sdpa", "inference", 40)
    conditions = replace(CONDITIONS, allocator="system", threads=1)
    point = replace(point, conditions=conditions, effort=Effort(1, 5, 0.6))
    with somebody_computes(cores_for(1)):
        row = run_in_child(server, "profiling.measuring.tasks:measure_speed", point, 100).value
    assert row["disturbed"]


# -- an allocator that returns pages -------------------------------------------------------------


def measure_while_pages_go_back(point: Point) -> Iterator[dict[str, Any]]:
    m_mmap_threshold = (-3, 64 * 1024)  # larger blocks are mapped, and unmapped when they are freed
    allocator.SETTINGS = {"M_MMAP_THRESHOLD": m_mmap_threshold}
    yield from measure_speed(point)


def test_a_row_that_claims_to_keep_pages_is_an_error_where_they_go_back(
    server: ForkServerContext,
) -> None:
    point = replace(
        make_point("text", "bert", "sdpa", "inference", 12),
        conditions=replace(CONDITIONS, allocator="kept"),
    )
    work = f"{__name__}:{measure_while_pages_go_back.__name__}"
    outcome = run_in_child(server, work, point, 100)
    assert outcome.kind == "error"
    assert "freed memory does not stay with this process" in outcome.message
