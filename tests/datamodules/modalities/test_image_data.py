import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.errors import BadSampleError, DataError
from datamodules.modalities.vision import ImageData
from tests.samples.places import SHARED_DATA

SHARED = SHARED_DATA


def write_image(path, width, height, colour=(200, 30, 60)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), colour).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "images"
    write_image(root / "cats/a.png", 40, 90)
    write_image(root / "cats/more/b.jpg", 200, 100)
    write_image(root / "dogs/c.bmp", 64, 64, colour=(0, 255, 0))
    (root / "notes.txt").write_text("no image")
    return root


def test_lengths_are_the_sides_of_squares_of_the_same_area(folder):
    distribution = ImageData(str(folder)).lengths()
    assert distribution.values == (60, 64, 141)
    assert (distribution.modality, distribution.unit) == ("vision", "pixels")


def test_lengths_need_the_header_alone(folder):
    image = folder / "cats/more/b.jpg"
    image.write_bytes(image.read_bytes()[:700])  # what follows the header is gone
    assert ImageData(str(folder)).lengths().values == (60, 64, 141)


@pytest.mark.parametrize(("length", "side"), [(20, 32), (64, 64), (100, 128)])
def test_a_batch_has_the_asked_side_rounded_up(folder, length, side):
    batch = ImageData(str(folder)).batch_at(length, 5)
    assert batch.keys() == {"pixel_values", "labels"}
    assert batch["pixel_values"].shape == (5, 3, side, side)
    assert batch["pixel_values"].dtype == torch.float32
    assert batch["labels"].dtype == torch.int64


def test_pixels_lie_between_minus_one_and_one_and_sub_folders_are_classes(folder):
    data = ImageData(str(folder))
    batch = data.batch_at(64, 1)
    assert batch["labels"].tolist() == [1]
    assert batch["pixel_values"].mean((0, 2, 3)).tolist() == [-1.0, 1.0, -1.0]
    assert data.num_classes == 2


def test_images_without_sub_folders_are_one_class(tmp_path):
    write_image(tmp_path / "a.png", 30, 50)
    write_image(tmp_path / "b.png", 50, 30)
    assert ImageData(str(tmp_path)).num_classes == 1
    assert ImageData(str(tmp_path)).batch_at(32, 2)["labels"].tolist() == [0, 0]


def test_an_image_is_turned_upright(tmp_path):
    pixels = np.zeros((32, 64, 3), dtype=np.uint8)
    pixels[:, :32] = 255  # white on the left, which orientation 6 turns to the top
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    values = ImageData(str(tmp_path)).batch_at(64, 1)["pixel_values"][0, 0]
    assert values[8].mean() > 0.9
    assert values[-8].mean() < -0.9


def test_changing_a_file_changes_the_batch_and_the_fingerprint(folder):
    data = ImageData(str(folder))
    before, mark = data.batch_at(64, 1), data.fingerprint()
    write_image(folder / "dogs/c.bmp", 64, 64, colour=(9, 9, 255))
    assert data.fingerprint() != mark
    assert not torch.equal(before["pixel_values"], data.batch_at(64, 1)["pixel_values"])
    changed = data.fingerprint()
    write_image(folder / "dogs/d.png", 10, 10)
    assert data.fingerprint() != changed


def test_loaders_give_images_of_one_size_and_hold_some_out(tmp_path):
    for number in range(20):
        write_image(tmp_path / f"{number % 3}/{number}.png", 20 + number, 30)
    data = ImageData(str(tmp_path), input_size=40, batch_size=8)
    train, val = list(data.train_dataloader()), list(data.val_dataloader())
    assert [tuple(batch["pixel_values"].shape) for batch in train] == [
        (8, 3, 64, 64),
        (8, 3, 64, 64),
        (1, 3, 64, 64),
    ]
    assert len(val[0]["labels"]) == 3  # which ones, and so how many, their names decide
    assert torch.cat([batch["labels"] for batch in train]).unique().tolist() == [0, 1, 2]
    assert sum(len(batch["labels"]) for batch in data.predict_dataloader()) == 20


def test_a_file_that_is_no_image_stops_or_is_skipped_and_counted(folder):
    bad = folder / "cats/a.png"
    bad.write_text("this is text")
    with pytest.raises(BadSampleError, match=f"image file {bad} cannot be read") as caught:
        ImageData(str(folder)).lengths()
    assert "\n" not in str(caught.value)
    data = ImageData(str(folder), on_bad_sample="skip")
    with pytest.warns(UserWarning, match=f"skipped: .*{bad}"):
        assert data.lengths().count == 2
    assert len(data.skipped) == 1


def test_an_image_damaged_after_its_header_is_replaced_by_the_next_nearest(folder):
    bad = folder / "cats/more/b.jpg"
    bad.write_bytes(bad.read_bytes()[:700])
    with pytest.raises(BadSampleError, match=f"image file {bad} is damaged"):
        ImageData(str(folder)).batch_at(141, 1)
    data = ImageData(str(folder), on_bad_sample="skip")
    with pytest.warns(UserWarning, match="skipped"):
        assert data.batch_at(141, 1)["labels"].tolist() == [1]


def test_when_nothing_can_be_read_the_run_stops(tmp_path):
    bad = write_image(tmp_path / "a.jpg", 100, 100)
    bad.write_bytes(bad.read_bytes()[:700])
    data = ImageData(str(tmp_path), on_bad_sample="skip")
    with (
        pytest.warns(UserWarning, match="skipped"),
        pytest.raises(DataError, match="holds no samples that can be read"),
    ):
        data.batch_at(32, 1)


def test_deep_greys_are_scaled_and_transparency_is_white(tmp_path):
    ramp = (np.arange(64 * 64, dtype=np.uint16) * 16).reshape(64, 64)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    pixels = ImageData(str(tmp_path)).batch_at(64, 1)["pixel_values"]
    assert pixels.mean() == pytest.approx(0.0, abs=0.05)
    assert (pixels.min(), pixels.max()) == pytest.approx((-1.0, 1.0), abs=0.05)
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert ImageData(str(tmp_path)).batch_at(64, 1)["pixel_values"].min() == 1.0


def test_floating_point_images_are_refused_by_name(tmp_path):
    Image.fromarray(np.ones((64, 64), dtype=np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(BadSampleError, match=r"a.tiff is damaged: .* whose white is not known"):
        ImageData(str(tmp_path)).batch_at(64, 1)


def test_links_are_followed_and_hidden_files_are_not(tmp_path, folder):
    (tmp_path / "all").mkdir()
    (tmp_path / "all/linked").symlink_to(folder, target_is_directory=True)
    (tmp_path / "all/linked/round").symlink_to(tmp_path / "all", target_is_directory=True)
    (folder / "cats/._a.png").write_bytes(b"what another system keeps beside a.png")
    (folder / "dogs.png").mkdir(exist_ok=True)
    assert (
        ImageData(str(tmp_path / "all")).lengths().count == ImageData(str(folder)).lengths().count
    )


def test_one_class_alone_cannot_be_trained_on(tmp_path):
    for number in range(3):
        write_image(tmp_path / f"{number}.jpg", 64, 64)
    with pytest.raises(DataError, match="at least 2 sub-folders"):
        ImageData(str(tmp_path)).train_dataloader()


def test_wrong_sources_and_settings_are_named(tmp_path):
    for build, message in [
        (lambda: ImageData(str(tmp_path / "absent")).lengths(), "must be a folder of images"),
        (lambda: ImageData(str(tmp_path)).lengths(), "holds no files ending in .bmp"),
        (lambda: ImageData(" ").lengths(), "`source` must be a path, got an empty one"),
        (lambda: ImageData("x", input_size=0), "`input_size` must be at least 1, got 0"),
        (lambda: ImageData("x", num_workers=-1), "`num_workers` must be at least 0, got -1"),
    ]:
        with pytest.raises(DataError, match=message):
            build()


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there")
def test_real_photographs_are_read():
    data = ImageData(str(SHARED / "images"))
    assert data.lengths().count == 100
    assert data.batch_at(224, 4)["pixel_values"].shape == (4, 3, 224, 224)
