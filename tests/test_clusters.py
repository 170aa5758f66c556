"""The scripts of docs/clusters.md, executed on processes of a CPU; a script plays SLURM."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import train
from datamodules.labels.reading import LabelFolder
from profiling.commands.sweep import _read_shard
from tests.samples.documents import blocks
from tests.samples.places import CONFIGS, ROOT
from tests.samples.training import offline
from tests.samples.variants.hubert import lhubert

SCRIPTS = blocks(ROOT / "docs/clusters.md", "sh")
PRETRAINING = CONFIGS / "train/lhubert_pretrain_base.yaml"
BRIEFLY = ["--trainer.max_steps=2", "--trainer.limit_val_batches=1"]
BRIEFLY += ["--trainer.enable_progress_bar=false", "--trainer.num_sanity_val_steps=0"]
# As SLURM's: the command once per task, each with its variables; fails where a task does.
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do shift; done
tasks=()
for ((task = 0; task < SLURM_NTASKS; task++)); do
    SLURM_PROCID=$task SLURM_LOCALID=$task SLURM_NODEID=0 "$@" &
    tasks+=($!)
done
for task in "${tasks[@]}"; do wait "$task" || status=1; done
exit ${status:-0}
"""
OF_SLURM = {
    "SLURM_JOB_ID": str(os.getpid()),
    "SLURM_JOB_NAME": "tried",
    "SLURM_JOB_NODELIST": "localhost",
    "SLURM_NODELIST": "localhost",
    "SLURM_NNODES": "1",
    "SLURM_NTASKS": "2",
    "SLURM_NTASKS_PER_NODE": "2",
}


def script_with(word: str) -> str:
    (script,) = [script for script in SCRIPTS if word in script]
    return script


@pytest.fixture
def folder(tmp_path: Path, interpreter: Path) -> Path:
    """Return a folder that looks like the repository, for what is written beside it."""
    for name in ("train.py", "profile.py", "configs", *("datamodules", "profiling")):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "lightning_modules").symlink_to(ROOT / "lightning_modules")
    (tmp_path / "bin").mkdir()
    for command in interpreter.iterdir():
        (tmp_path / "bin" / command.name).symlink_to(command)
    (tmp_path / "bin/srun").write_text(SRUN)
    (tmp_path / "bin/srun").chmod(0o755)
    return tmp_path


def execute(script: str, folder: Path, *settings: str, **variables: str) -> str:
    """Run a script as `sbatch` would, with settings after its name."""
    (folder / "script.sh").write_text(script)
    binaries = f"{folder / 'bin'}:{Path(sys.executable).parent}"
    given = {"PATH": f"{binaries}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    given |= {"PYTHON_EXEC": str(folder / "bin/python")}  # for torchrun
    done = subprocess.run(
        ["bash", "script.sh", *settings],
        cwd=folder,
        env=os.environ | given | {"PYTHONPATH": str(ROOT)} | variables,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def small_pretraining(everything: Path) -> list[str]:
    return [each for each in offline(PRETRAINING, everything) if "devices" not in each]


def test_every_script_is_executed_here() -> None:
    words = ["profile.py sweep", "torchrun", "--ckpt_path last", "train.py labels"]
    assert [script_with(word) for word in words] == SCRIPTS


@pytest.mark.parametrize(
    ("word", "variables"), [("torchrun", {"GPUS": "2"}), ("--ckpt_path last", OF_SLURM)]
)
def test_pretraining_takes_its_steps_in_two_processes(
    word: str, variables: dict[str, str], folder: Path, everything: Path
) -> None:
    settings = [*small_pretraining(everything), *BRIEFLY]
    said = execute(script_with(word), folder, *settings, **variables)
    assert "Starting with 2 processes" in said
    (last,) = folder.rglob("last.ckpt")
    assert torch.load(last, weights_only=True)["global_step"] == 2


def test_labels_are_written_by_two_tasks_of_the_script_as_it_is_submitted(
    folder: Path, everything: Path
) -> None:
    lhubert(num_hidden_layers=1).save_pretrained(folder / "exported")
    (submitted,) = blocks(ROOT / "docs/clusters.md", "text")
    places = {"DIR": str(everything / "sounds"), "runs/lhubert": str(folder / "exported")}
    words = submitted.replace("\\\n", " ").split()
    assert words[0] == "sbatch"
    settings = [places.get(word, word) for word in words[2:]]
    settings += ["--model.init_args.num_clusters=5", "--trainer.enable_progress_bar=false"]
    settings += ["--model.init_args.layer=1", "--trainer.accelerator=cpu"]
    settings += ["--data.init_args.num_workers=0"]
    said = execute(script_with("train.py labels"), folder, *settings, **OF_SLURM)
    assert said.count("8 recordings, ") == 1
    assert len(LabelFolder(folder / "runs/labels/hubert").names) == 8


def test_a_sweep_is_measured_by_two_tasks(folder: Path) -> None:
    modalities = {"text": {"variants": ["bert", "local_bert"], "lengths": [40], "refine": False}}
    settings = [f"--modalities={json.dumps(modalities)}", "--size=tiny", "--device=cpu"]
    settings += ["--implementations=[sdpa,local_blocked]", "--phases=[inference,training]"]
    settings += ["--visits=1", "--min_samples=1", "--seconds_per_measurement=0.01"]
    said = execute(
        script_with("profile.py sweep"), folder, *settings, "--metrics=[latency]", **OF_SLURM
    )
    assert "the last shard to end will report" in said
    lines = (folder / "runs/paper/measurements.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["error"] for row in rows if row["status"] != "ok"] == []
    assert sorted((row["variant"], row["phase"]) for row in rows) == [
        *(("bert", "inference"), ("bert", "training")),
        *(("local_bert", "inference"), ("local_bert", "training")),
    ]
    manifest = json.loads((folder / "runs/paper/manifest.json").read_text())
    assert manifest["shards"] == [[1, 2], [2, 2]]


@pytest.mark.parametrize(("task", "count"), [("3", "1"), ("4", "2"), ("1", "4")])
def test_a_task_of_a_job_array_is_the_same_shard_whichever_others_are_submitted_with_it(
    task: str, count: str
) -> None:
    (shard,) = re.findall(r"`--shard (\S*ARRAY\S*)`", (ROOT / "docs/clusters.md").read_text())
    variables = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_COUNT": count}
    command = ["bash", "-c", f"echo {shard}"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert _read_shard(done.stdout.strip()) == (int(task), 4)


def test_fsdp_is_set_up_as_far_as_a_cpu_allows(
    folder: Path,
    everything: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["train.py"])
    monkeypatch.chdir(folder)
    text = (ROOT / "docs/clusters.md").read_text().replace("\n", " ")
    (settings,) = [part for part in text.split("`") if part.startswith("--trainer.strategy fsdp")]
    given = ["fit", "--config", str(PRETRAINING), *small_pretraining(everything), *settings.split()]
    assert train.main(given) == 2
    assert "requires a GPU accelerator" in capsys.readouterr().err
