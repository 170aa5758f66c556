"""Labels are the same from several processes, from a loader of its own, and after a kill."""

import os
import subprocess
import time
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest
import torch

import train
from lightning_modules.errors import ModelError
from lightning_modules.folder_lock import FolderLock
from lightning_modules.units import waiting
from tests.samples.labels.command import MFCC, labels, make_labels, read_all


def begin_to_wait_and_end(path: Path, sender: Connection) -> None:
    """Leave a process behind that waits for a file and sends what it says; as a fit that fails."""
    is_waiting, waits = os.pipe()
    if os.fork():
        os.read(is_waiting, 1)
        return

    def sleep(seconds: float) -> None:
        os.write(waits, b"w")  # it knows by now whose end it is to notice
        time.sleep(seconds)

    with mock.patch.object(waiting, "time", SimpleNamespace(sleep=sleep)):
        try:
            waiting.wait_for(path)
        except ModelError as error:
            sender.send(str(error))
    os._exit(0)


def test_who_waits_for_a_kmeans_ends_with_the_process_that_fits_it(server, tmp_path):
    receiver, sender = server.Pipe(duplex=False)
    path = tmp_path / "kmeans.safetensors"
    child = server.Process(target=begin_to_wait_and_end, args=(path, sender))
    child.start()
    sender.close()
    # What never ends is not worth more patience, whoever computes here: it takes seconds.
    assert receiver.poll(1200)
    assert "fitting it has ended without one" in receiver.recv()
    child.join()


@pytest.mark.torchaudio
def test_a_folder_that_another_run_labels_into_gets_no_second_kmeans(sounds, tmp_path):
    lock = FolderLock(tmp_path / "out")
    before = list((tmp_path / "out").iterdir())
    with pytest.raises(ModelError, match="`folder` must be a folder that no other process writes"):
        make_labels(sounds[0], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == before
    lock.release()


@pytest.mark.torchaudio
def test_two_processes_write_the_files_that_one_does(sounds, made, tmp_path, interpreter):
    source, _ = sounds
    command = [str(interpreter / "python"), train.__file__, "labels", f"--config={MFCC}"]
    command += [f"--data.init_args.source={source}", "--data.init_args.num_workers=0"]
    command += [f"--model.init_args.folder={tmp_path / 'two'}", "--model.init_args.num_clusters=6"]
    command += ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.strategy=ddp"]
    # As many threads as here, or the same kernels would add up in another order.
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | threads)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("7 recordings, ") == 1
    assert read_all(tmp_path / "two") == read_all(made)


@pytest.mark.torchaudio
def test_a_run_that_was_killed_goes_on_to_the_same_files(sounds, made, tmp_path, capsys):
    source, _ = sounds
    killed = tmp_path / "killed"
    assert labels(MFCC, source, killed, trainer__limit_predict_batches=4) == 2
    assert "no labels yet of 3 of 7 recordings" in capsys.readouterr().err
    (part,) = killed.glob(".part-*")
    part.write_bytes(part.read_bytes()[:-20])
    assert labels(MFCC, source, killed) == 0
    assert read_all(killed) == read_all(made)


@pytest.mark.torchaudio
def test_loader_processes_change_nothing(sounds, made, tmp_path):
    source, _ = sounds
    assert labels(MFCC, source, tmp_path / "one", data__init_args__num_workers=1) == 0
    assert read_all(tmp_path / "one") == read_all(made)
