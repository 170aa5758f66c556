import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from profiling.analysis.points.curves import build_curves
from profiling.report.tensorboard.components import ceiling_scalars
from profiling.report.tensorboard.event_files import group_runs
from tests.samples.rows.components import with_components
from tests.samples.rows.run import LENGTHS, sample_report, sample_rows, sample_tipping_points

TAG = "text/inference/latency_ms"
PATIENCE_S = 60


def ask(base: str, path: str, data: dict | None = None) -> Any:
    body = None if data is None else json.dumps(data).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{base}/data/plugin/{path}", body, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def wait_for_data(base: str, process: subprocess.Popen) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if ask(base, "images/tags") and len(ask(base, "scalars/tags")) == 16:
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.3)
    pytest.fail(f"tensorboard showed nothing within {PATIENCE_S} s")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--logdir", str(sample_report() / "tensorboard"), "--load_fast", "false"]
    log = tmp_path_factory.mktemp("tensorboard") / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            wait_for_data(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


def test_the_variants_of_a_modality_share_one_chart_per_metric_and_phase(server: str) -> None:
    tags = ask(server, "scalars/tags")
    runs = {run for run, found in tags.items() if TAG in found}
    assert runs == {
        "bert-eager",
        "bert-sdpa",
        "longformer-library-w512",
        "longformer-mask_fixed-w512",
        "nystromformer-library",
        "bigbird-library",
        "local_bert-local_masked-w128",
        "local_bert-local_blocked-w128",
    }
    assert {tag for found in tags.values() for tag in found} == {
        f"{modality}/{phase}/{metric}"
        for modality in LENGTHS
        for phase in ("inference", "training")
        for metric in (
            "latency_ms",
            "throughput_samples_per_s",
            "throughput_tokens_per_s",
            "peak_memory_mib",
            "memory_above_weights_mib",
        )
    }


@pytest.mark.parametrize(
    ("run", "tag", "lengths"),
    [
        ("bert-sdpa", TAG, LENGTHS["text"]),
        ("bert-eager", "text/training/latency_ms", LENGTHS["text"][:-1]),
        ("bigbird-library", TAG, LENGTHS["text"][3:]),
        ("swin-eager", "vision/training/peak_memory_mib", LENGTHS["vision"]),
    ],
)
def test_the_steps_of_a_curve_are_the_lengths(
    server: str, run: str, tag: str, lengths: tuple[int, ...]
) -> None:
    points = ask(server, f"scalars/scalars?{urlencode({'run': run, 'tag': tag})}")
    assert tuple(step for _, step, _ in points) == lengths
    assert all(value > 0 for _, _, value in points)


def test_a_scalar_is_the_median_of_the_visits(server: str) -> None:
    points = ask(server, f"scalars/scalars?{urlencode({'run': 'bert-sdpa', 'tag': TAG})}")
    visits = sorted(
        row["latency_ms"]
        for row in sample_rows()
        if (row["variant"], row["implementation"]) == ("bert", "sdpa")
        and (row["phase"], row["sequence_length"]) == ("inference", 512)
    )
    assert dict((step, value) for _, step, value in points)[512] == pytest.approx(visits[1])


def test_the_tipping_points_are_served_as_a_table(server: str) -> None:
    assert ask(server, "text/tags") == {"answers": ["tipping_points"]}
    query = urlencode({"run": "answers", "tag": "tipping_points"})
    (event,) = ask(server, f"text/text?{query}")
    assert "<table>" in event["text"]
    assert "never up to 4,096" in event["text"]


def test_the_figures_are_served_as_pictures(server: str) -> None:
    tags = ask(server, "images/tags")
    assert "figures/text-training" in tags["answers"]
    query = {"run": "answers", "tag": "figures/text-training", "sample": 0}
    (picture,) = ask(server, f"images/images?{urlencode(query)}")
    address = f"{server}/data/plugin/images/individualImage?{picture['query']}"
    with urllib.request.urlopen(address, timeout=20) as answer:
        png = answer.read()
    assert png == (sample_report() / "figures" / "text-training.png").read_bytes()
    assert picture["step"] == 0


def test_every_run_has_its_hparams_with_latency_at_the_longest_length(server: str) -> None:
    request = {"experimentName": "", "startIndex": 0, "sliceSize": 100}
    request |= {"allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_RUNNING"]}
    groups = ask(server, "hparams/session_groups", request)["sessionGroups"]
    by_name = {group["name"]: group for group in groups}
    assert len(by_name) == 16
    longformer = by_name["longformer-mask_fixed-w512"]
    assert longformer["hparams"]["implementation"] == "mask_fixed"
    assert longformer["hparams"]["attention_window"] == 512
    (latency,) = [m for m in longformer["metricValues"] if m["name"]["tag"] == TAG]
    assert latency["trainingStep"] == LENGTHS["text"][-1]


def test_the_columns_of_hparams_are_those_in_which_runs_differ(server: str) -> None:
    columns = ask(server, "hparams/experiment", {"experimentName": ""})["hparamInfos"]
    named = {"modality", "variant", "implementation", "attention_window"}
    assert {column["name"] for column in columns} == named | {
        "longest_inference",
        "longest_training",
    }


def test_runs_of_several_settings_have_a_folder_each_and_names_cannot_leave_it() -> None:
    row = next(row for row in sample_rows() if row["status"] == "ok")
    names = set(group_runs(build_curves([row, row | {"size": "base"}])))
    assert names == {"small/bert-eager", "base/bert-eager"}
    (hostile,) = group_runs(build_curves([row | {"variant": "../../up", "size": ".."}]))
    assert ".." not in Path(hostile).parts


def test_names_that_look_alike_keep_their_own_run() -> None:
    row = next(row for row in sample_rows() if row["status"] == "ok")
    runs = group_runs(build_curves([row | {"variant": name} for name in ("a b", "a/b")]))
    assert len(runs) == 2


def test_ceilings_whose_names_look_alike_keep_their_own_run() -> None:
    (row, *_) = (
        row
        for row in sample_tipping_points(with_components(sample_rows()))
        if row["metric"] == "latency" and row["modality"] == "text"
    )
    same = "weights-with-a-name-of-more-letters-than-a-folder-may-have-" * 3
    names = ("a b", "a/b", f"{same}1", f"{same}2")
    alike = [row | {"vanilla": name} for name in names]
    lengths = {item["length"] for item in row["lengths"] if item["ceiling"] is not None}
    runs = ceiling_scalars(alike)
    assert len(runs) == len(names)
    assert all({scalar.length for scalar in found} == lengths for found in runs.values())
