"""From counted operations to hours: the counts, the arithmetic, and the page that has them."""

import json
from itertools import pairwise

import pytest
import yaml
from torch.utils.tensorboard import SummaryWriter

from benchmarks.answers.epoch_runs.pages import refreshed
from benchmarks.training import gpu_hours as command
from benchmarks.training.gpu_hours import PAGE, RESULTS
from benchmarks.training.hours.arithmetic import (
    FRAMES,
    RECIPES,
    Recipe,
    find_gpu,
    gpu_hours,
    measured_hours,
    utilisation,
)
from benchmarks.training.hours.counting import Model, count_step
from benchmarks.training.hours.page import VANILLA, counted_block
from lightning_modules.sizes import CONV_WIDTHS, ENCODER_SIZES
from tests.samples.places import CONFIGS

STORED = json.loads(RESULTS.read_text())
KERNELS, STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)


def worked_out(size: str, frames: int, clusters: int) -> float:
    """Work out the operations of a forward of HuBERT's pre-training by hand."""
    shape, channels = ENCODER_SIZES[size], CONV_WIDTHS[size]
    width, layers = shape.hidden_size, shape.num_layers
    steps, inputs, total = (frames - 1) * 320 + 400, 1, 0.0
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        steps = (steps - kernel) // stride + 1
        total += 2 * steps * channels * inputs * kernel
        inputs = channels
    assert steps == frames
    total += 2 * frames * channels * width
    groups = min(16, width // 16)
    total += 2 * (frames + 1) * width * (width // groups) * 128  # of an even kernel, a frame more
    total += layers * (24 * frames * width**2 + 4 * frames**2 * width)
    return total + 2 * frames * 256 * (width + clusters)


def test_a_step_is_counted_as_it_is_worked_out_by_hand() -> None:
    counts = count_step(Model("hubert", "sdpa", size="tiny"), "pretraining", 37, 60)
    assert counts["forward"] == pytest.approx(worked_out("tiny", 37, 60))
    assert counts["step"] == pytest.approx(3 * counts["forward"])
    assert counts["step_exact"] == counts["step"]


def test_a_window_leaves_out_the_pairs_outside_it() -> None:
    whole = count_step(Model("hubert", "sdpa", size="tiny"), "pretraining", 37, 60)
    local = count_step(Model("lhubert", "local_masked", 10, "tiny"), "pretraining", 37, 60)
    inside = sum(abs(query - key) <= 5 for query in range(37) for key in range(37))
    shape = ENCODER_SIZES["tiny"]
    outside = 12 * shape.hidden_size * shape.num_layers * (37**2 - inside)
    assert local["step_exact"] == pytest.approx(whole["step"] - outside)


def test_a_frozen_front_end_is_not_gone_back_through() -> None:
    counts = count_step(Model("hubert", "sdpa", size="tiny"), "ctc", 37, 60)
    assert 1.5 * counts["forward"] < counts["step"] < 3 * counts["forward"]


def test_what_is_stored_is_what_is_worked_out_for_base() -> None:
    counts = STORED["models"][VANILLA]["pretraining"]
    assert STORED["frames"] == FRAMES
    assert counts["forward"] == pytest.approx(worked_out("base", FRAMES, STORED["num_clusters"]))


def test_the_page_has_what_is_stored() -> None:
    page = PAGE.read_text()
    assert refreshed(page, counted_block(STORED)) == page


@pytest.mark.parametrize(
    ("config", "place"), [("lhubert_pretrain_base", 0), ("lhubert_ctc", 3)], ids=str
)
def test_a_recipe_is_that_of_its_configuration(config: str, place: int) -> None:
    given = yaml.safe_load((CONFIGS / f"train/{config}.yaml").read_text())
    recipe = RECIPES[place]
    audio = (
        given["data"]["init_args"]["batch_seconds"] * given["trainer"]["accumulate_grad_batches"]
    )
    assert (recipe.steps, recipe.audio_s) == (given["trainer"]["max_steps"], audio)
    assert recipe.frozen_steps == given["model"]["init_args"].get("freeze_encoder_steps", 0)


COUNTS = {"pretraining": {"forward": 1e12, "step": 3e12}, "ctc": {"forward": 1e12, "step": 2e12}}


def test_hours_and_the_share_of_the_peak_are_each_others_inverse() -> None:
    gpu = find_gpu("a100")
    hours = [gpu_hours(1e20, gpu, share) for share in (0.1, 0.2, 0.4)]
    assert all(before == pytest.approx(2 * after) for before, after in pairwise(hours))
    assert utilisation(1e20, gpu, hours[1]) == pytest.approx(0.2)
    assert gpu_hours(312e12 * 3600, gpu, 1.0) == pytest.approx(1.0)


def test_frozen_steps_take_a_forward_alone() -> None:
    recipe = Recipe("some", "ctc", steps=100, audio_s=123.0, frozen_steps=40)  # ten utterances
    assert recipe.flops(COUNTS["ctc"]) == pytest.approx(10 * (40 * 1e12 + 60 * 2e12))


def test_a_measured_step_gives_the_hours_of_every_run() -> None:
    pretraining = Recipe("some", "pretraining", steps=7_200, audio_s=500.0)
    assert measured_hours(pretraining, 1_000.0, COUNTS) == pytest.approx(1.0)
    lighter = Recipe("other", "ctc", steps=7_200, audio_s=500.0)
    assert measured_hours(lighter, 1_000.0, COUNTS) == pytest.approx(2 / 3)


def test_the_command_tells_hours_of_a_step_and_of_logs(tmp_path, capsys) -> None:
    assert command.main(["--step_seconds=2.8", "--gpus=4"]) == 0
    of_step = capsys.readouterr().out
    second = 400_000 * 2.8 / 3600
    assert f"second iteration: {second:,.1f} hours, {4 * second:,.1f} GPU-hours" in of_step
    with SummaryWriter(str(tmp_path)) as writer:
        for step, rate in enumerate([10.0, 1_000.0, 1_000.0]):
            writer.add_scalar("audio_seconds_per_second", rate, step)
    assert command.main([f"--logs={tmp_path}", "--gpus=4"]) == 0
    assert capsys.readouterr().out == of_step


@pytest.mark.parametrize("words", [["--step_seconds=0"], ["--logs=nowhere"]])
def test_what_gives_no_rate_is_said_in_a_sentence(words, capsys) -> None:
    assert command.main(words) == 2
    assert "must be" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", ["--gpus=0", "--gpus=-8", "--batch_seconds=0", "--batch_seconds=nan"]
)
def test_a_step_of_no_gpu_or_of_no_audio_is_refused(wrong, capsys) -> None:
    assert command.main(["--step_seconds=1.4", "--gpu=a100", wrong]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"error: `{wrong[2:].partition('=')[0]}` must be ")
    assert said.out == ""


def test_logs_of_a_rate_of_zero_are_refused(tmp_path, capsys) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("audio_seconds_per_second", 0.0, 0)
    assert command.main([f"--logs={tmp_path}"]) == 2
    assert "`logs` must be" in capsys.readouterr().err
