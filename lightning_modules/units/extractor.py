"""Turns recordings into cluster labels, for `python train.py labels`."""

from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from lightning_modules.counted import counted
from lightning_modules.errors import ModelError
from lightning_modules.units.folder_use import LabelFolderUse
from lightning_modules.units.frame_features import build_features
from lightning_modules.units.kmeans import FrameSample, Quantizer, fit_centroids
from lightning_modules.units.label_data import LabelData
from lightning_modules.units.loading import check_fit, load_quantizer
from lightning_modules.units.quality import Alignment
from lightning_modules.units.summary import describe_labels
from lightning_modules.units.waiting import wait_for

KMEANS_FILE = "kmeans.safetensors"


class UnitExtractor(lightning.LightningModule):
    """Labels every frame of every recording with its cluster, of a k-means that it fits or loads.

    When a run was killed, the same command goes on: it keeps the k-means in `folder` and the labels
    written so far. Training and validation recordings need the same k-means: give `kmeans` for all
    but the first. The datamodule must be RecordingData, which reads recordings and writes labels.
    """

    modality = "speech"

    def __init__(  # noqa: PLR0913  (every setting of a YAML block is an argument)
        self,
        folder: str,
        features: str = "mfcc",
        num_clusters: int = 100,
        layer: int | None = None,
        checkpoint: str | None = None,
        variant: str = "hubert",
        attention_window: int | list[int] | None = None,
        sample_frames: int = 1_000_000,
        kmeans: str | None = None,
        alignment: str | None = None,
        seed: int = 0,
    ) -> None:
        """Build the features; nothing is fitted yet.

        Args:
            folder: The folder for the k-means and the labels.
            features: "mfcc", or "layer" of a model.
            num_clusters: Number of clusters of the k-means.
            layer: Layer of the checkpoint, counted from 1.
            checkpoint: Folder or hub name of a HuBERT or L-HuBERT.
            variant: "hubert" or "lhubert".
            attention_window: Total width in frames, even; only for lhubert; None = the
                checkpoint's, or 100.
            sample_frames: Most frames that k-means is fitted on; each takes 4 bytes of memory per
                feature.
            kmeans: A kmeans.safetensors of an earlier run, or the centroids of others, (clusters,
                features), in a file of NumPy's or safetensors: they are taken to be of these
                features; None fits one.
            alignment: A file of phones to compare the labels with: `rate_hz<TAB>100` (or 50), then
                a line `name<TAB>phone phone ...` for each recording.
            seed: Chooses the frames and the first centroids.

        Raises:
            ModelError: A setting is wrong, or a file is missing or damaged.
        """
        super().__init__()
        for name, value in {"num_clusters": num_clusters, "sample_frames": sample_frames}.items():
            if value < 1:
                raise ModelError(f"`{name}` must be at least 1, got {value}")
        self.features = build_features(features, checkpoint, layer, variant, attention_window)
        self.folder = folder
        self.folder_use = LabelFolderUse(folder)
        self.num_clusters = num_clusters
        self.sample_frames = sample_frames
        self.kmeans = kmeans
        self.alignment = None if alignment is None else Alignment(alignment)
        self.seed = seed
        self.summary = ""
        if kmeans is not None:
            # So that a wrong one is known at once.
            load_quantizer(Path(kmeans), self.features, num_clusters)

    def configure_callbacks(self) -> list[Callback]:
        """Let the folder be given back after a mistake."""
        return [self.folder_use]

    def setup(self, stage: str) -> None:
        """Fit k-means, in one process, or load it, and open the label files.

        Raises:
            ModelError: Another run labels into the folder, or it has a k-means of other settings.
        """
        data = self._data()
        # Before it is known whether it has a k-means.
        self.folder_use.take(self.trainer, data.is_labelled)
        own = Path(self.folder) / KMEANS_FILE
        fitted_with = {"seed": self.seed, "sample_frames": self.sample_frames}
        if self.kmeans is None and not own.exists():
            if self.trainer.is_global_zero:
                self._check_new(data)
                quantizer = self._fit(data)
                data.note_recordings(self.folder)  # first, so that it never labels others
                quantizer.save(own, **fitted_with)
            wait_for(own)  # no barrier: those give up after some minutes
        path = own if self.kmeans is None else Path(self.kmeans)
        self.quantizer = load_quantizer(path, self.features, self.num_clusters)
        if self.kmeans is None:
            check_fit(own, **fitted_with)
        if self.quantizer.fingerprint is None:
            taken = self.features.description
            rank_zero_info(f"`kmeans` does not say which features it is of: taken for {taken}.")
        self.names = data.names
        self.writer = data.open_labels(
            self.folder,
            self.trainer.global_rank,
            num_clusters=self.num_clusters,
            rate_hz=self.features.rate_hz,
            centroids=self.quantizer.hash,
            features=self.features.description,
            fingerprint=self.features.fingerprint,
        )
        self.trainer.strategy.barrier()  # all know what was done before any does more

    def predict_step(self, batch: dict[str, Tensor], batch_idx: int) -> int:
        """Write the labels of one recording, and return how many; a damaged one has none.

        Args:
            batch: `input_values` (1, samples) and `index` (1,).
            batch_idx: Not used.
        """
        if not batch:
            return 0
        waveform = batch["input_values"][0]
        labels = np.empty(0, dtype=np.int64)
        if len(waveform):
            labels = self.quantizer.assign(self.features(waveform)).cpu().numpy()
        assert self.writer is not None, "a folder whose labels are complete loads no recording"
        self.writer.add(self.names[int(batch["index"])], labels)
        return len(labels)

    def teardown(self, stage: str) -> None:
        """Join the labels of all processes; `summary` is one line about them."""
        if self.writer is not None:
            self.writer.close()
        self.trainer.strategy.barrier()
        if self.trainer.is_global_zero:
            labels = self._data().join_labels(self.folder)
            about = describe_labels(
                labels, self.features, self.quantizer, self.names, self.alignment
            )
            self.summary = f"{about}: {self.folder}"
        self.folder_use.release()

    def _data(self) -> LabelData:
        data: LabelData = self.trainer.datamodule  # type: ignore[attr-defined]
        return data

    def _check_new(self, data: LabelData) -> None:
        """Refuse, before anything is fitted, a folder that has labels."""
        if data.has_labels(self.folder):
            raise ModelError(
                f"`kmeans` must be given for `folder` {self.folder}, which holds labels of a "
                "k-means that is not in it, got null"
            )

    @torch.no_grad()
    def _fit(self, data: LabelData) -> Quantizer:
        device = self.trainer.strategy.root_device  # the module itself is moved there later
        self.features.to(device).eval()
        sample = FrameSample(
            self.sample_frames, len(data.names), int(self.features.size), self.seed
        )
        for batch in data.sample_dataloader():
            if batch:
                waveform = batch["input_values"][0].to(device)
                with self.trainer.precision_plugin.predict_step_context():
                    features = self.features(waveform)
                sample.add(features, int(batch["index"]))
            if sample.is_full:
                break
        rank_zero_info(
            f"Fitting {counted(self.num_clusters, 'cluster')} on "
            f"{counted(len(sample.frames), 'frame')}."
        )
        centroids = fit_centroids(sample.frames, self.num_clusters, self.seed)
        return Quantizer(centroids, self.features.fingerprint)
