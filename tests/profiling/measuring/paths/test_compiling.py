"""A compiled point: compiled once, before what is timed, or an error."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lightning_modules.kernel_limits import KernelUse, limit_of, limit_of_compiling
from lightning_modules.models.base import VariantModule
from profiling.measuring.breakdown import measure_breakdown
from profiling.measuring.paths import compiling
from profiling.measuring.paths.active_path import ActivePathCheck
from profiling.measuring.paths.compiling import CompileWatch, num_graphs
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.measuring.steps.turn import HandOver
from profiling.measuring.tasks import measure_memory, measure_speed
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from profiling.sweeping import group
from tests.samples.sweeps import ONCE, rows_in, sweep, write_config
from tests.samples.variants.points import points_of

MISSING = limit_of_compiling("cpu")
compiles = pytest.mark.skipif(MISSING is not None, reason=f"compiled: {MISSING}")
OURS = limit_of("local_compiled", KernelUse("cpu", False, True, False))
BRIEF = Effort(1, 2, 0.0)


def point_of(phase: str, variant: str = "bert", implementation: str = "sdpa") -> Point:
    chosen = {"name": variant, "implementations": [implementation], "compiled": [True]}
    modality = "speech" if variant == "hubert" else "text"
    points = points_of(modality, [24], [chosen])
    point = next(point for point in points if point.phase == phase)
    return replace(point, num_classes=40, effort=BRIEF, metrics=("latency",))


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave torch as it was: in a sweep a process ends with its point."""
    dynamo, inductor = torch._dynamo.config, torch._inductor.config
    folder = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    with dynamo.patch(fail_on_recompile_limit_hit=False), inductor.patch(compile_threads=1):
        yield
    torch.compiler.reset()
    os.environ.pop("TORCHINDUCTOR_CACHE_DIR", None)
    if folder is not None:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch follow the model, but generate no code."""
    monkeypatch.setattr(compiling, "BACKEND", "aot_eager")


def run(module: VariantModule, point: Point, watch: CompileWatch) -> ActivePathCheck:
    check = ActivePathCheck(point, batch_of(point, 1))
    run_steps(module, point, batch_of(point, 1), BRIEF, [check, watch])
    return check


@pytest.mark.parametrize("phase", ["inference", "training"])
@pytest.mark.usefixtures("quick")
def test_the_first_step_compiles_and_the_kernel_is_that_of_the_compiled_code(phase: str) -> None:
    point, watch = point_of(phase), CompileWatch()
    check = run(build_point(point), point, watch)
    found = watch.fields([0.0])
    assert found["compile_seconds"] > 0
    assert (found["compiled_graphs"], found["graph_breaks"]) == (1, 0)
    assert check.kernel == "flash_attention_for_cpu"


@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.usefixtures("quick")
def test_on_a_gpu_compiled_code_is_profiled_in_the_last_run_of_a_process_alone(
    is_last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    point, looks, profile = point_of("inference"), [], torch.profiler.profile

    def noting(**given: Any) -> Any:
        looks.append(given)
        return profile(**given)

    monkeypatch.setattr(torch.profiler, "profile", noting)
    on_gpu = replace(point, conditions=replace(point.conditions, device="cuda"))
    check = ActivePathCheck(on_gpu, batch_of(point, 1), is_last)
    run_steps(build_point(point), point, batch_of(point, 1), BRIEF, [check, CompileWatch()])
    assert len(looks) == is_last
    assert check.kernel == ("flash_attention_for_cpu" if is_last else None)


@pytest.mark.usefixtures("quick")
def test_compiled_code_is_looked_at_with_what_its_predictions_give_it() -> None:
    point = point_of("inference", "hubert")
    assert "mask_time_indices" in batch_of(point, 1)  # which no prediction gives to the model
    assert run(build_point(point), point, CompileWatch()).kernel == "flash_attention_for_cpu"


@pytest.mark.usefixtures("quick")
def test_a_window_that_covers_the_input_of_compiled_code_is_recorded() -> None:
    point = point_of("inference", "local_bert", "local_blocked")
    check = run(build_point(point), point, CompileWatch())
    assert check.kernel == "flash_attention_for_cpu (the window covers all)"


@pytest.mark.skipif(OURS is not None, reason=f"local_compiled: {OURS}")
@pytest.mark.usefixtures("quick")
def test_compiled_code_names_a_kernel_that_is_not_torchs() -> None:
    point = replace(point_of("inference", "local_bert", "local_compiled"), attention_window=8)
    assert run(build_point(point), point, CompileWatch()).kernel == "local_attention"


@pytest.mark.usefixtures("quick")
def test_a_compiled_model_keeps_its_names_and_its_outputs() -> None:
    point = point_of("inference")
    torch.manual_seed(0)
    plain = build_point(replace(point, compiled=False)).eval()
    torch.manual_seed(0)
    compiled = build_point(point).eval()
    assert list(compiled.state_dict()) == list(plain.state_dict())
    batch = batch_of(point, 2)
    with torch.no_grad():
        torch.testing.assert_close(compiled.predict_step(batch, 0), plain.predict_step(batch, 0))
    assert num_graphs() == 1


@pytest.mark.usefixtures("quick")
def test_a_model_that_runs_as_it_comes_is_an_error() -> None:
    point = point_of("inference")
    module = build_point(point)
    module._compiled_call_impl = None
    with pytest.raises(RuntimeError, match="does not run compiled"):
        run(module, point, CompileWatch())


@pytest.mark.usefixtures("quick")
def test_compiling_while_steps_are_timed_is_an_error() -> None:
    point = point_of("inference")
    module = build_point(point)
    whole, steps = module.forward, iter(range(5, 24))

    class OneTokenMore(CompileWatch):
        def on_predict_batch_start(self, *arguments: Any) -> None:
            super().on_predict_batch_start(*arguments)
            tokens = next(steps)
            module.forward = lambda input_ids, **_: whole(input_ids[:, :tokens])  # type: ignore[method-assign]
            module.compile(dynamic=False, backend="eager")

    with pytest.raises(RuntimeError, match="compiled while steps were timed"):
        run_steps(module, point, batch_of(point, 1), BRIEF, [OneTokenMore()])


@pytest.mark.usefixtures("quick")
def test_past_torchs_limit_of_compilations_it_fails_and_does_not_run_as_it_comes() -> None:
    point = point_of("inference")
    module = build_point(point).eval()
    with torch._dynamo.config.patch(recompile_limit=2), torch.no_grad():
        for length in (3, 4):
            module.predict_step(batch_of(replace(point, length=length), 1), 0)
        with pytest.raises(torch._dynamo.exc.FailOnRecompileLimitHit):
            module.predict_step(batch_of(replace(point, length=5), 1), 0)


@pytest.mark.usefixtures("quick")
def test_models_of_many_batch_sizes_compile_each_anew() -> None:
    point = point_of("inference")
    with torch._dynamo.config.patch(recompile_limit=2), torch.no_grad():
        for batch_size in (1, 2, 3, 4):
            build_point(point).eval().predict_step(batch_of(point, batch_size), 0)
            assert num_graphs() == 1


@pytest.mark.parametrize(("implementation", "compiled"), [("sdpa", True), ("local_flex", False)])
def test_what_the_compiler_keeps_is_not_told_as_memory_of_the_model(
    implementation: str, compiled: bool
) -> None:
    point = replace(point_of("inference"), implementation=implementation, compiled=compiled)
    assert list(measure_memory(replace(point, metrics=("memory",)))) == []


def test_a_compiled_model_is_not_broken_down() -> None:
    (found,) = measure_breakdown(point_of("inference"))
    assert found["components"] is None
    assert "compiled" in found["components_error"]


def measure_and_look_around(point: Point, hand_over: HandOver) -> Iterator[dict[str, Any]]:
    """Measure, then list the processes that this one has started and that are still there."""
    yield from measure_speed(point, hand_over)
    own = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    yield {"left": [pid for file in own for pid in file.read_text().split()]}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Train one variant as it comes and compiled, once for all tests that look: it takes a minute.

    Return the run directory and what was said.
    """
    folder = tmp_path_factory.mktemp("compiled")
    chosen = {"name": "bert", "implementations": ["sdpa"], "compiled": [False, True]}
    config = write_config(
        folder / "sweep.yaml",
        modalities={"text": {"variants": [chosen], "lengths": [24]}},
        phases=["training"],
        metrics=["latency"],
        pairs=["bert:sdpa,bert:sdpa compiled"],
        **ONCE,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group, "SPEED", f"{__name__}:{measure_and_look_around.__name__}")
        status, said, complained = sweep(config, folder / "run")
    assert status == 0, complained
    return folder / "run", said


@compiles
def test_training_compiles_in_a_child_and_leaves_no_process_behind(
    swept: tuple[Path, str],
) -> None:
    (row,) = [row for row in rows_in(swept[0]) if row["compiled"]]
    assert row["status"] == "ok", row["error"]
    assert row["compile_seconds"] > row["latency_ms"] / 1e3
    assert row["compiled_graphs"] == 1
    assert row["left"] == []


@compiles
def test_a_sweep_measures_a_variant_both_ways_and_never_mixes_them(
    swept: tuple[Path, str],
) -> None:
    out, said = swept
    plain, compiled = sorted(rows_in(out), key=lambda row: row["compiled"])
    assert (plain["compiled"], compiled["compiled"]) == (False, True)
    assert (plain["status"], compiled["status"]) == ("ok", "ok"), compiled["error"]
    assert plain["key"] != compiled["key"]
    assert plain["compile_seconds"] is None
    assert compiled["compile_seconds"] > compiled["latency_ms"] / 1e3
    assert "sdpa compiled" in said
    assert "bert sdpa compiled" in (out / "report.html").read_text()


@pytest.mark.usefixtures("quick")
def test_without_a_compiler_a_compiled_point_is_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    point = point_of("training")
    asked = "clang++" if sys.platform == "darwin" else "g++"
    assert point.skip_reason == f"on a cpu it needs a C++ compiler, and there is no {asked}"
    chosen = {"name": "bert", "implementations": ["sdpa"]}
    assert all(p.skip_reason is None for p in points_of("text", [24], [chosen]))
