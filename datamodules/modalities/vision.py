"""Images from a folder."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Generator

from datamodules.bad_samples import BadSamples
from datamodules.base import Batch
from datamodules.batching.orders import BatchDraw
from datamodules.batching.reading import SampleReader
from datamodules.batching.resumable import Loader
from datamodules.errors import BadSampleError, DataError, reading, shown, validate_minimum
from datamodules.files.finding import Found, resolve_source, survey
from datamodules.files.fingerprints import fingerprint_of, stamp_file
from datamodules.geometry import round_up_side
from datamodules.modalities.real import FileData
from datamodules.sampling import Sampling

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


def list_images(source: str) -> list[Path]:
    """Return the image files under a folder, sorted."""
    return survey_images(source).files


def survey_images(source: str) -> Found:
    """Look at all files under a folder for images.

    Raises:
        DataError: It is no folder, holds none, or one may not look at it.
    """
    folder = resolve_source(source)
    if not folder.is_dir():
        raise DataError(f"`source` must be a folder of images, {folder} is not a folder")
    return survey(folder, SUFFIXES)


def list_classes(source: str, files: list[Path]) -> list[str]:
    """Return each file's class: the sub-folder of `source` it lies in, or nothing."""
    folder = resolve_source(source)
    parts = [file.relative_to(folder).parts for file in files]
    return [names[0] if len(names) > 1 else "" for names in parts]


class ImageReader(SampleReader):
    """Decodes images and resizes them to a square.

    Args:
        files: The images.
        classes: The name of the class of each.
        input_size: Pixels per side, where no other size is asked for.
        bad_samples: Stops at a damaged one, or skips it and counts it.
        sampling: Hears how many headers have been read.
        folder: The files are told apart by their places in it; None takes their whole paths.
    """

    def __init__(
        self,
        files: list[Path],
        classes: list[str],
        input_size: int,
        bad_samples: BadSamples,
        sampling: Sampling | None = None,
        folder: Path | None = None,
    ) -> None:
        self.input_size = input_size
        self.folder = folder
        numbers = {name: number for number, name in enumerate(sorted(set(classes)))}
        self.files: list[Path] = []
        self.labels: list[int] = []
        sides: list[int] = []
        named = list(zip(files, classes, strict=True))
        for file, name in (sampling or Sampling()).follow(named):
            try:
                sides.append(_native_side(file))
            except BadSampleError as error:
                bad_samples.handle(error)
                continue
            self.files.append(file)
            self.labels.append(numbers[name])
        super().__init__(sides, bad_samples)

    def read(self, index: int, draw: BatchDraw, generator: Generator) -> Batch:
        """Decode one image and resize it to the size that is asked for, a multiple of 32.

        Returns:
            `pixel_values` (3, side, side) float32 from -1 to 1, and `labels` () int64, its class.
        """
        side = round_up_side(draw.exact_length or self.input_size)
        return {
            "pixel_values": _decode(self.files[index], side),
            "labels": torch.tensor(self.labels[index]),
        }

    def collate(self, samples: list[Batch], draw: BatchDraw) -> Batch:
        """Stack images, which all have the same side.

        Returns:
            `pixel_values` (batch, 3, side, side) float32, `labels` (batch,) int64.
        """
        return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}

    def identities(self) -> list[str]:
        """Return the paths of the files from the folder on."""
        if self.folder is None:
            return [str(file) for file in self.files]
        return [file.relative_to(self.folder).as_posix() for file in self.files]


def _native_side(path: Path) -> int:
    """Return the side of the square with the image's area, rounded; read the header alone."""
    from PIL import Image

    with reading("image file", path), Image.open(path) as image:
        return max(1, round(math.sqrt(image.width * image.height)))


def _decode(path: Path, side: int) -> torch.Tensor:
    """Return an image, upright, (3, side, side) float32 in [-1, 1]."""
    from PIL import Image, ImageOps

    with reading("image file", path, "is damaged"), Image.open(path) as image:
        upright = _to_rgb(ImageOps.exif_transpose(image))
    resized = upright.resize((side, side), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.asarray(resized, dtype=np.float32))
    return (pixels / 127.5 - 1).permute(2, 0, 1).contiguous()


def _to_rgb(image: "Image.Image") -> "Image.Image":
    """Return 8-bit colours: deep greys are scaled, not clipped; transparent pixels are white."""
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits, in a type of 16 or of 32
        deep = np.asarray(image, dtype=np.int64).clip(0, 65535)
        return Image.fromarray((deep // 257).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("its values are floating-point numbers, whose white is not known")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


class ImageData(FileData):
    """Images to classify, resized to a square; their class is the sub-folder they lie in.

    Lengths are the sides of squares with the images' native areas, read from file headers.

    Args:
        source: Folder of images, at any depth; its sub-folders are the classes, and images
            directly in it are a class of their own.
        input_size: Pixels per side in the loaders, rounded up to a multiple of 32.
        kwargs: Settings of FileData.
    """

    modality = "vision"

    def __init__(self, source: str, input_size: int = 224, **kwargs: Any) -> None:
        super().__init__(source, **kwargs)
        validate_minimum("input_size", input_size, 1)
        self.input_size = input_size

    @property
    def num_classes(self) -> int:
        """Number of sub-folders with images; lists the folder."""
        return len(set(list_classes(self.source, list_images(self.source))))

    def fingerprint(self) -> str:
        """Return a text that changes with the settings and with any of the files."""
        stamps = [stamp_file(file) for file in list_images(self.source)]
        return fingerprint_of({"source": self.source, "input_size": self.input_size}, stamps)

    def train_dataloader(self) -> Loader:
        """Return all images but the held-out ones, shuffled.

        Raises:
            DataError: There is one class alone, of which nothing can be learnt.
        """
        if self.num_classes < 2:
            raise DataError(
                f"`source` {self.source} must have at least 2 sub-folders, the classes, to train"
            )
        return super().train_dataloader()

    def open_reader(self) -> ImageReader:
        """List the images and read their headers."""
        found = survey_images(self.source)
        self.bad_samples.take(found, shown(self.source))
        files = self.sampling.choose(found.files)
        classes = list_classes(self.source, files)
        return ImageReader(
            files,
            classes,
            self.input_size,
            self.bad_samples,
            self.sampling,
            resolve_source(self.source),
        )
