"""K-means: a bounded sample, the fit, the nearest centroid, and its file."""

import numpy as np
import pytest
import torch

from lightning_modules.errors import ModelError
from lightning_modules.units import kmeans
from lightning_modules.units.kmeans import FrameSample, Quantizer, fit_centroids


def recording(index, num_frames=1_700, size=3):
    """Features that name their recording and frame."""
    return torch.arange(num_frames)[:, None] + torch.tensor([index * 10_000, 0, 0.5])[:size]


def test_a_sample_keeps_no_more_than_its_limit():
    sample = FrameSample(2_500, num_recordings=4, size=3, seed=0)
    for index in range(4):
        assert sample.is_full == (index > 2)
        sample.add(recording(index), index)
    assert sample.frames.shape == (2_500, 3)
    per_recording = np.unique(sample.frames[:, 0] // 10_000, return_counts=True)[1]
    assert per_recording.tolist() == [1_000, 1_000, 500]


def test_short_recordings_are_taken_whole():
    sample = FrameSample(100_000, num_recordings=2, size=3, seed=0)
    sample.add(recording(5, 20), 5)
    assert np.array_equal(sample.frames, recording(5, 20).numpy())


def test_the_frames_of_a_recording_depend_on_the_seed_and_not_on_those_before():
    def taken(seed, *before):
        sample = FrameSample(5_000, num_recordings=50, size=3, seed=seed)
        for index in (*before, 7):
            sample.add(recording(index), index)
        return sample.frames[-1_000:].tolist()

    assert taken(0) == taken(0, 1, 2)
    assert taken(0) != taken(1)
    assert len({tuple(frame) for frame in taken(0)}) == 1_000


def test_centroids_are_found_and_the_same_for_the_same_seed():
    random = np.random.default_rng(0)
    centres = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], dtype=np.float32)
    frames = np.repeat(centres, 50, 0) + random.normal(0, 0.1, (200, 2)).astype(np.float32)
    first, second = (fit_centroids(frames, 4, seed=3) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.dtype == np.float32
    assert np.allclose(first[np.lexsort(first.round().T)], centres, atol=0.2)


def test_fewer_frames_than_clusters_are_one_sentence():
    with pytest.raises(ModelError, match="`num_clusters` must be at most 4, .* got 5"):
        fit_centroids(np.zeros((4, 2), dtype=np.float32), 5, seed=0)


@pytest.mark.parametrize("num_frames", [1, 6, 7, 8, 30])
def test_every_frame_gets_its_nearest_centroid(monkeypatch, num_frames):
    monkeypatch.setattr(kmeans, "ASSIGNED_FRAMES", 7)
    generator = torch.Generator().manual_seed(0)
    centroids = torch.randn(11, 5, generator=generator) + 20  # far from zero
    features = torch.randn(num_frames, 5, generator=generator) + 20
    distances = torch.cdist(features.double(), centroids.double())
    with torch.autocast("cpu", torch.bfloat16):
        labels = Quantizer(centroids, "mfcc").assign(features)
    assert labels.dtype == torch.int64
    assert torch.equal(labels, distances.argmin(1))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_quantizer_whose_weights_are_of_another_dtype_still_assigns(dtype):
    centroids = torch.tensor([[0.0, 1.0], [4.0, 4.0], [-2.0, 0.5]])  # exact in any of them
    quantizer = Quantizer(centroids, "mfcc")
    before = quantizer.hash
    features = (centroids[[2, 0, 1, 1]] + 0.25).to(dtype)
    assert quantizer.to(dtype).assign(features).tolist() == [2, 0, 1, 1]
    assert quantizer.hash == before


def test_a_saved_quantizer_is_the_same(tmp_path):
    quantizer = Quantizer(torch.randn(4, 3), "mfcc")
    quantizer.save(tmp_path / "deep" / "kmeans.safetensors")
    loaded = Quantizer.load(tmp_path / "deep" / "kmeans.safetensors")
    assert torch.equal(loaded.centroids, quantizer.centroids)
    assert (loaded.hash, loaded.fingerprint) == (quantizer.hash, "mfcc")
    assert (loaded.num_clusters, loaded.size) == (4, 3)
    assert len(list((tmp_path / "deep").iterdir())) == 1


def test_the_hash_changes_with_any_centroid():
    centroids = torch.randn(4, 3)
    other = centroids.clone()
    other[2, 1] += 1e-6
    assert Quantizer(centroids, "a").hash != Quantizer(other, "a").hash


@pytest.mark.parametrize("content", [None, b"", b"no k-means"])
def test_a_file_that_is_no_kmeans_is_named(tmp_path, content):
    path = tmp_path / "kmeans.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=f"`kmeans` must be .* got {path}"):
        Quantizer.load(path)


def test_weights_of_a_model_are_no_kmeans(tmp_path):
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(2, 2)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="`kmeans` must be"):
        Quantizer.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("centroids", "said"),
    [
        (np.zeros(4), r"got float64 of shape \(4,\)"),
        (np.zeros((0, 4)), "finite numbers"),
        (np.full((2, 3), np.nan), "finite numbers"),
        (np.zeros((2, 3), dtype=complex), "got complex128"),
    ],
)
def test_an_array_of_others_that_holds_no_centroids_is_named(tmp_path, centroids, said):
    np.save(tmp_path / "kmeans.npy", centroids)
    with pytest.raises(ModelError, match=f"kmeans.npy must hold centroids, .*{said}"):
        Quantizer.load(tmp_path / "kmeans.npy")
