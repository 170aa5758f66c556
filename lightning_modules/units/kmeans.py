"""K-means over frames: a sample that fits into memory, the fit, and the nearest centroid.

Source of the settings: HuBERT, Hsu et al. 2021, section IV-B, and its published recipe.
"""

import hashlib
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor, nn

from lightning_modules.errors import ModelError
from lightning_modules.units.centroid_files import FINGERPRINT, TENSOR, read_centroids
from lightning_modules.whole_files import whole_file

ASSIGNED_FRAMES = 16_384  # at a time; with 500 clusters their distances take 31 MiB
FEWEST_OF_ONE = 1000  # frames of a recording; many, so that few recordings need to be read


class FrameSample:
    """A sample of all frames, small enough for memory, which k-means is fitted on.

    A recording gives at least a thousand frames, or all if it has fewer. Where there are many
    recordings, the first ones of a random order therefore fill the sample, and the others need not
    be read.

    Args:
        max_frames: Number of frames that the sample holds.
        num_recordings: Number of recordings; the fewer there are, the more frames each one gives.
        size: Number of features of a frame.
        seed: Chooses the frames of a recording.
    """

    def __init__(self, max_frames: int, num_recordings: int, size: int, seed: int) -> None:
        self.of_one = max(FEWEST_OF_ONE, -(-max_frames // num_recordings))
        self.seed = seed
        # The system gives this memory only as it is written to.
        self._frames = np.empty((max_frames, size), dtype=np.float32)
        self._count = 0

    @property
    def is_full(self) -> bool:
        """Whether the sample takes no further frame."""
        return self._count == len(self._frames)

    @property
    def frames(self) -> NDArray[np.float32]:
        """The frames taken so far, (frames, size)."""
        return self._frames[: self._count]

    def add(self, features: Tensor, index: int) -> None:
        """Take some frames of a recording.

        Args:
            features: (frames, size).
            index: Number of the recording; it and the seed alone choose the frames, whatever was
                added before.
        """
        chosen = np.arange(len(features))
        if len(features) > self.of_one:
            random = np.random.default_rng([self.seed, index])
            chosen = np.sort(random.choice(len(features), self.of_one, replace=False))
        chosen = chosen[: len(self._frames) - self._count]
        taken = features[torch.from_numpy(chosen).to(features.device)].float().cpu().numpy()
        self._frames[self._count : self._count + len(taken)] = taken
        self._count += len(taken)


def fit_centroids(frames: NDArray[np.float32], num_clusters: int, seed: int) -> NDArray[np.float32]:
    """Fit mini-batch k-means.

    Args:
        frames: (frames, size).
        num_clusters: Number of centroids to fit.
        seed: Chooses the first centroids and the batches.

    Returns:
        (clusters, size)

    Raises:
        ModelError: There are fewer frames than clusters.
    """
    from sklearn.cluster import MiniBatchKMeans

    if len(frames) < num_clusters:
        raise ModelError(
            f"`num_clusters` must be at most {len(frames)}, the frames that k-means is fitted on, "
            f"got {num_clusters}"
        )
    model = MiniBatchKMeans(
        num_clusters,
        init="k-means++",
        max_iter=100,
        batch_size=10_000,
        tol=0.0,
        max_no_improvement=100,
        n_init=20,
        reassignment_ratio=0.0,
        compute_labels=False,
        random_state=seed,
    )
    return model.fit(frames).cluster_centers_.astype(np.float32)  # type: ignore[no-any-return]


class Quantizer(nn.Module):
    """Gives every frame the number of its nearest centroid, by distances in float32.

    Args:
        centroids: (clusters, size).
        fingerprint: Says which features the centroids were fitted on; they are for no others. None
            where nobody says it.
    """

    centroids: Tensor

    def __init__(self, centroids: Any, fingerprint: str | None) -> None:
        super().__init__()
        self.fingerprint = fingerprint
        self.register_buffer("centroids", torch.as_tensor(centroids, dtype=torch.float32))

    @property
    def num_clusters(self) -> int:
        """Number of centroids."""
        return len(self.centroids)

    @property
    def size(self) -> int:
        """Number of features of a frame."""
        return self.centroids.shape[1]

    @property
    def hash(self) -> str:
        """16 characters that identify the centroids."""
        return hashlib.sha256(self._numpy().tobytes()).hexdigest()[:16]

    @torch.no_grad()
    def assign(self, features: Tensor) -> Tensor:
        """Find the nearest centroids.

        Args:
            features: (frames, size), on the device of the module.

        Returns:
            (frames,) int64
        """
        # The squared distance is |x|^2 - 2 x C + |C|^2; |x|^2 is the same for all centroids.
        centroids = self.centroids.float()  # the weights of a module may be of another dtype
        squares = centroids.square().sum(1)
        with torch.autocast(features.device.type, enabled=False):
            nearest = [
                torch.addmm(squares, part.float(), centroids.T, alpha=-2).argmin(1)
                for part in features.split(ASSIGNED_FRAMES)
            ]
        return torch.cat(nearest)

    def save(self, path: str | Path, **fitted_with: int) -> None:
        """Write the centroids and the fingerprint of their features, in safetensors' format.

        Args:
            path: The file.
            fitted_with: Settings of the fit, which `read_fit` returns.
        """
        metadata = {} if self.fingerprint is None else {FINGERPRINT: self.fingerprint}
        # As tensors: the order of several metadata differs from process to process.
        settings = {name: np.array([value]) for name, value in fitted_with.items()}
        content = save(settings | {TENSOR: self._numpy()}, metadata)
        with whole_file(path) as unfinished:
            unfinished.write_bytes(content)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote, or centroids of others, whose fingerprint is None.

        Raises:
            ModelError: The file is missing, damaged or of another kind.
        """
        return cls(*read_centroids(Path(path)))

    def _numpy(self) -> NDArray[np.float32]:
        values: NDArray[np.float32] = np.ascontiguousarray(self.centroids.float().cpu().numpy())
        return values
