"""What loader processes get can be sent to processes that were not forked, as Python 3.14 needs."""

import pickle
import warnings

import numpy as np
import pytest
import soundfile
from torch.utils.data import DataLoader

from datamodules.utterances.whole import RecordingData
from tests.samples.data import DATA, all_equal, loader_of, write_all
from tests.samples.recordings.speech import write_sound


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        write_all(root)
        yield root


@pytest.mark.parametrize("name", DATA)
def test_dataset_and_order_can_be_sent_to_another_process(folder, name):
    loader = loader_of(name, folder)
    sent = pickle.dumps((loader.dataset, loader.sampler, loader.collate_fn))
    dataset, sampler, collate = pickle.loads(sent)
    copied = DataLoader(dataset, batch_size=None, sampler=sampler, collate_fn=collate)
    assert all_equal(copied, loader)


class Processes:
    """Stands in for a Trainer, and cannot be pickled, as a real one often cannot."""

    world_size, global_rank, overfit_batches = 1, 0, 0

    def __reduce__(self):
        raise AssertionError("the Trainer is sent to loader processes")


@pytest.mark.parametrize("name", DATA)
def test_what_is_sent_holds_neither_datamodule_nor_trainer(folder, name):
    data = DATA[name](folder)
    data.trainer = Processes()
    loader = data.predict_dataloader().loader
    assert len(pickle.dumps(loader.dataset)) < 60_000


# One of each way to read: lines, a table of `datasets`, recordings of any length.
@pytest.mark.parametrize("name", ["text", "datasets", "transcribed"])
def test_two_workers_of_a_fork_server_load_the_same_batches(folder, name, server):
    loader = loader_of(name, folder)
    workers = DataLoader(
        loader.dataset,
        batch_size=None,
        sampler=loader.sampler,
        num_workers=2,
        multiprocessing_context=server,
    )
    assert all_equal(workers, loader)


def test_a_loader_of_the_project_uses_the_way_to_start_that_it_is_told(folder, server):
    loader = loader_of("transcribed", folder, num_workers=2)
    loader.multiprocessing_context = server
    assert all_equal(loader, loader_of("transcribed", folder))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_what_loader_processes_leave_out_is_told_and_counted_once_and_by_the_main_one(
    tmp_path, num_workers
):
    for name in ("a", "b", "c", "d"):
        write_sound(tmp_path / f"{name}.wav", 4_000)
    silent = np.zeros(4_000, np.float32)
    silent[900] = np.nan
    soundfile.write(tmp_path / "nan.wav", silent, 16_000, subtype="FLOAT")
    data = RecordingData(str(tmp_path), on_bad_sample="skip", num_workers=num_workers)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaders = (data.sample_dataloader(), data.predict_dataloader(), data.sample_dataloader())
        assert [len([batch for batch in loader if batch]) for loader in loaders] == [4, 4, 4]
    assert len([one for one in caught if "nan.wav" in str(one.message)]) == 1
    assert data.predict_reader.bad_samples.left_out == {"damaged": {".wav": 1}}
