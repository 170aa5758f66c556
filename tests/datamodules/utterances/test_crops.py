"""Crops for pre-training: every frame has its own label, and nothing is padded."""

import pickle

import pytest
import soundfile
import torch

from datamodules.batching.orders import BatchDraw
from datamodules.batching.reading import SampleSet
from datamodules.errors import BadSampleError, DataError
from datamodules.geometry import samples_for_frames
from datamodules.utterances.pretraining import PretrainingSpeech
from tests.samples.recordings.speech import NUM_CLUSTERS, write_labels, write_sound, write_sounds


@pytest.fixture
def folder(tmp_path):
    write_labels(tmp_path / "labels", write_sounds(tmp_path / "sounds", 9))
    return tmp_path


def speech(folder, **settings):
    given = {"min_seconds": 0.3, "batch_seconds": 2.0, "num_workers": 0, "hold_out_fraction": 0.2}
    return PretrainingSpeech(str(folder / "sounds"), str(folder / "labels"), **given | settings)


@pytest.mark.parametrize("rate_hz", [50, 100])
@pytest.mark.parametrize("sound_hz", [16_000, pytest.param(8_000, marks=pytest.mark.torchaudio)])
def test_a_crop_has_the_samples_and_labels_of_the_same_frames(tmp_path, rate_hz, sound_hz):
    write_sound(tmp_path / "sounds/a.wav", 12_000 * sound_hz // 16_000, 1, sound_hz)
    write_labels(tmp_path / "labels", {"a.wav": 12_000}, rate_hz)
    reader = speech(tmp_path, val_source=str(tmp_path / "sounds")).train_reader
    frames = reader.lengths[0]
    everything = BatchDraw((0,), 0, frames, frames)
    whole = reader.read(0, everything, torch.Generator())["input_values"]
    seen = set()
    for seed in range(120):
        drawn = reader.read(0, BatchDraw((0,), 0, 11, 30), torch.Generator().manual_seed(seed))
        first = int(drawn["labels"][0]) * 50 // rate_hz  # frame j is labelled j * rate / 50, mod 7
        starts = [
            start
            for start in range(frames - 10)
            if torch.allclose(
                drawn["input_values"],
                whole[320 * start : 320 * start + samples_for_frames(11)],
                atol=1e-4,
            )
        ]
        assert len(starts) == 1
        step = rate_hz // 50
        wanted = torch.tensor([(starts[0] + j) * step % NUM_CLUSTERS for j in range(11)])
        assert torch.equal(drawn["labels"], wanted), first
        seen.add(starts[0])
    assert min(seen) == 0
    assert max(seen) == frames - 11


def test_crops_are_never_predicted_under_the_names_of_whole_recordings(folder):
    data = speech(folder)
    with pytest.raises(DataError, match="`data` must be RecordingData for `predict`"):
        data.setup("predict")
    data.setup("fit")


def test_crops_may_all_begin_at_the_beginning(folder):
    reader = speech(folder, crops="beginning").train_reader
    frames = reader.lengths[0]
    whole = reader.read(0, BatchDraw((0,), 0, frames, frames), torch.Generator())
    for seed in range(9):
        crop = reader.read(0, BatchDraw((0,), 0, 11, 30), torch.Generator().manual_seed(seed))
        samples = whole["input_values"][: samples_for_frames(11)]
        torch.testing.assert_close(crop["input_values"], samples)
        assert torch.equal(crop["labels"], whole["labels"][:11])
    with pytest.raises(DataError, match="`crops` must be one of anywhere, beginning"):
        speech(folder, crops="end")


def test_a_batch_is_as_long_as_its_shortest_recording_and_hides_spans(folder):
    data = speech(folder, batch_seconds=3.0)
    loader = data.train_dataloader()
    draws = list(loader.batches)
    for draw, batch in zip(draws, loader, strict=True):
        size = len(draw.positions)
        assert batch["input_values"].shape == (size, samples_for_frames(draw.shortest))
        assert batch["labels"].shape == batch["mask_time_indices"].shape == (size, draw.shortest)
        assert "attention_mask" not in batch
        assert bool(batch["mask_time_indices"].any(1).all())
        assert sorted(batch["index"].tolist()) == sorted(
            data._train_indices()[place] for place in draw.positions
        )


def test_every_epoch_crops_and_hides_anew_and_every_worker_alike(folder):
    epochs = []
    for workers, epoch in ((0, 0), (2, 0), (0, 1)):
        loader = speech(folder, num_workers=workers).train_dataloader()
        loader.batches.set_epoch(epoch)
        epochs.append(
            {
                int(i): (x, m)
                for b in loader
                for i, x, m in zip(
                    b["index"], b["input_values"], b["mask_time_indices"], strict=True
                )
            }
        )
    first, with_workers, second = epochs
    assert set(first) == set(with_workers) == set(second)
    for index, (samples, mask) in first.items():
        assert torch.equal(samples, with_workers[index][0])
        assert torch.equal(mask, with_workers[index][1])
    assert any(first[i][1].tolist() != second[i][1].tolist() for i in first)


def test_validation_is_the_same_every_time(folder):
    loader = speech(folder).val_dataloader()
    first, second = ([batch["mask_time_indices"] for batch in loader] for _ in range(2))
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))


def test_the_data_tell_the_model_about_the_labels(folder):
    data = speech(folder)
    assert (data.num_classes, data.centroids) == (NUM_CLUSTERS, "abc")
    assert pickle.loads(pickle.dumps(data.train_reader)).lengths == data.train_reader.lengths


def test_short_recordings_are_left_out_and_counted(folder):
    with pytest.warns(UserWarning, match=r"[1-8] of 9 recordings are left out: they are shorter"):
        reader = speech(folder, min_seconds=0.6).train_reader
    assert all(recording.num_samples >= 9_600 for recording in reader.recordings)
    with pytest.raises(DataError, match="`min_seconds` 50 leaves none of 9 recordings"):
        _ = speech(folder, min_seconds=50.0, max_seconds=None).train_reader


def test_a_recording_of_just_the_shortest_length_is_not_left_out(tmp_path):
    write_sound(tmp_path / "sounds/a.wav", 32_112)  # 2.007 s, whose product is a little above
    write_labels(tmp_path / "labels", {"a.wav": 32_112})
    assert speech(tmp_path, min_seconds=2.007, max_seconds=None).train_reader.lengths == [100]


def test_labels_that_do_not_belong_are_named_before_training(folder, tmp_path):
    write_labels(tmp_path / "other", {f"{n:02d}.wav": 8_000 for n in range(9)}, centroids="xyz")
    val = {"val_source": str(folder / "sounds"), "val_labels": str(tmp_path / "other")}
    with pytest.raises(DataError, match="`val_labels` must be of the k-means abc .* got xyz"):
        speech(folder, **val).setup("fit")
    with pytest.raises(DataError, match="`val_labels` needs `val_source`, got none"):
        speech(folder, val_labels="other")
    with pytest.raises(DataError, match="00.wav|01.wav"):
        PretrainingSpeech(str(folder / "sounds"), str(tmp_path / "other"), min_seconds=0.3).setup(
            "fit"
        )


def test_where_damaged_recordings_are_skipped_those_without_labels_are_left_out(folder):
    write_sound(folder / "sounds/unlabelled.wav", 9_000)
    with pytest.raises(DataError, match="unlabelled.wav"):
        speech(folder).setup("fit")
    with pytest.warns(UserWarning, match="1 of 10 recordings is left out: it has no labels"):
        speech(folder, on_bad_sample="skip").setup("fit")


def test_a_damaged_recording_stops_or_is_left_out(folder):
    samples, rate = soundfile.read(folder / "sounds/03.wav")
    samples[100] = float("nan")
    soundfile.write(folder / "sounds/03.wav", samples, rate, subtype="FLOAT")
    with pytest.raises(BadSampleError, match="03.wav is damaged"):
        list(speech(folder, hold_out_fraction=0.01).train_dataloader())
    with pytest.warns(UserWarning, match="skipped: .*03.wav"):
        batches = list(
            speech(folder, hold_out_fraction=0.01, on_bad_sample="skip").train_dataloader()
        )
    assert sum(len(batch["index"]) for batch in batches) == 7


def test_a_damaged_recording_alone_in_a_batch_may_be_replaced_by_a_shorter_one(folder):
    data = speech(folder, on_bad_sample="skip")
    lengths = data.train_reader.lengths
    longest = lengths.index(max(lengths))
    path = data.train_reader.recordings[longest].path
    samples, rate = soundfile.read(path)
    soundfile.write(path, samples * float("nan"), rate, subtype="FLOAT")
    crops = SampleSet(data.train_reader, range(9), 0)
    with pytest.warns(UserWarning, match=f"skipped: .*{path.name}"):
        batch = crops[BatchDraw((longest,), 0, lengths[longest], lengths[longest])]
    frames = sorted(lengths)[-2]
    assert batch["labels"].shape == batch["mask_time_indices"].shape == (1, frames)
    assert batch["input_values"].shape == (1, samples_for_frames(frames))
    assert frames < lengths[longest]


def test_overfit_batches_is_refused_with_what_to_use(folder):
    import lightning

    data = speech(folder)
    data.trainer = lightning.Trainer(overfit_batches=1, accelerator="cpu", logger=False)
    with pytest.raises(DataError, match="`overfit_batches` .* use `limit_train_batches`"):
        data.train_dataloader()


def test_a_resume_on_other_data_is_refused(folder):
    loader = speech(folder).train_dataloader()
    iterator = iter(loader)
    next(iterator)
    state = loader.state_dict()
    speech(folder).train_dataloader().load_state_dict(state)
    with pytest.raises(DataError, match="`ckpt_path` must be of a run with the same recordings"):
        speech(folder, batch_seconds=3.0).train_dataloader().load_state_dict(state)


def test_a_resume_goes_on_with_the_next_batch(folder):
    whole = [batch["index"].tolist() for batch in speech(folder).train_dataloader()]
    loader = speech(folder, num_workers=2).train_dataloader()
    iterator = iter(loader)
    seen = [next(iterator)["index"].tolist() for _ in range(2)]
    again = speech(folder).train_dataloader()
    again.load_state_dict(loader.state_dict())
    assert seen + [batch["index"].tolist() for batch in again] == whole
    again.batches.set_epoch(1)
    assert len(list(again)) == len(whole)
