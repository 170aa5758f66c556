"""CUDA graphs are an axis of implementation, which a CPU has not."""

from dataclasses import replace

import pytest
import torch

from profiling.errors import SettingsError
from profiling.measuring.breakdown import measure_breakdown
from profiling.measuring.paths import graphing
from profiling.measuring.paths.active_path import ActivePathCheck
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.planning.grids import make_points
from profiling.planning.points import DataFacts, Point
from profiling.planning.requests import Effort
from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.rows.pairs import implementation_of, parse_pair
from tests.samples.variants.points import CONDITIONS

BOTH = {"name": "bert", "implementations": ["sdpa"], "compiled": [False, True]}


def points_on_cuda() -> list[Point]:
    variant = BOTH | {"graphed": [False, True]}
    settings = SweepSettings({"text": ModalitySettings([variant], [24])}, device="cuda")
    conditions = replace(CONDITIONS, device="cuda")
    return make_points(settings, conditions, {"text": DataFacts("synthetic", [24], 40)})


def graphed_on_cpu(phase: str) -> Point:
    (point,) = [p for p in points_on_cuda() if p.graphed and p.phase == phase]
    return replace(point, conditions=CONDITIONS)


def test_what_is_graphed_is_a_kernel_of_its_own_and_nothing_is_graphed_and_compiled() -> None:
    kernels = [point.kernel for point in points_on_cuda() if point.phase == "training"]
    assert kernels == ["sdpa", "sdpa graphed", "sdpa compiled"]
    assert len({point.key for point in points_on_cuda()}) == 6


def test_both_sides_of_a_pair_may_be_graphed() -> None:
    pair = parse_pair("hubert:sdpa graphed,lhubert:local_varlen graphed")
    assert pair == (("hubert", "sdpa graphed"), ("lhubert", "local_varlen graphed"))
    assert [implementation_of(kernel) for _, kernel in pair] == ["sdpa", "local_varlen"]


def test_on_a_cpu_graphs_are_refused_in_one_sentence() -> None:
    chosen = {"text": ModalitySettings([{"name": "bert", "graphed": [False, True]}], [24])}
    with pytest.raises(SettingsError, match=r"`graphed` of bert must be \[false\] unless .* cuda"):
        SweepSettings(chosen)


@pytest.mark.parametrize("graphed", ["lhubert", "hubert"])
def test_graphs_on_one_side_of_a_comparison_are_refused_in_one_sentence(graphed: str) -> None:
    names = ["hubert", "lhubert"]
    variants = [{"name": name, "graphed": [False, name == graphed]} for name in names]
    with pytest.raises(
        SettingsError, match=f"`graphed` must .* both sides .* of {graphed} and not"
    ):
        SweepSettings({"speech": ModalitySettings(variants, [50])}, device="cuda")


def test_a_graphed_point_has_no_components() -> None:
    (found,) = measure_breakdown(graphed_on_cpu("inference"))
    assert "graphed" in found["components_error"]


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_every_step_replays_what_the_first_one_recorded(
    phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recording needs a GPU: here it hands the pass on as it is, so that calls can be counted."""
    recorded: list[str] = []
    replayed: list[int] = []

    def record(kind: str):
        def as_it_is(by_place, tensors):
            recorded.append(kind)

            def replay(*given):
                replayed.append(len(given))
                return by_place(*given)

            return replay

        return as_it_is

    for kind in ("inference", "training"):
        monkeypatch.setattr(graphing, f"record_{kind}", record(kind))
    point = graphed_on_cpu(phase)
    module, batch = build_point(point), batch_of(point, 2)
    names = {name for name, _ in module.named_parameters()}
    before = {name: weight.clone() for name, weight in module.named_parameters()}
    check = ActivePathCheck(point, batch)
    samples = run_steps(module, point, batch, Effort(1, 2, 0.0), [check])
    assert len(samples) == 2
    assert recorded == [phase]
    assert len(replayed) == 3  # of each step one; the check looks at the pass itself
    assert check.kernel == "flash_attention_for_cpu"
    assert {name for name, _ in module.named_parameters()} == names
    moved = any(not torch.equal(w, before[n]) for n, w in module.named_parameters())
    assert moved == (phase == "training")
