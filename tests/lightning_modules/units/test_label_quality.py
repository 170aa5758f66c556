"""What labels say about phones, against hand-made cases and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from lightning_modules.errors import ModelError
from lightning_modules.units.quality import Alignment, measure, quality_of


def write(path, text):
    path.write_text(text)
    return Alignment(str(path))


def compare(alignment, labels, rate_hz=50, num_clusters=4):
    arrays = {name: np.array(ids) for name, ids in labels.items()}
    return measure(alignment, arrays.get, rate_hz, num_clusters)


def test_clusters_that_are_phones_are_pure():
    quality = quality_of(np.diag([3, 2, 5]))
    assert (quality.phone_purity, quality.cluster_purity) == (1, 1)
    assert quality.pnmi == pytest.approx(1)


def test_clusters_that_say_nothing_have_no_information():
    quality = quality_of(np.array([[6, 6], [2, 2]]))
    assert quality.phone_purity == pytest.approx(12 / 16)
    assert quality.cluster_purity == pytest.approx(8 / 16)
    assert quality.pnmi == pytest.approx(0)


def test_a_single_phone_has_no_information_to_share():
    assert math.isnan(quality_of(np.array([[2, 3]])).pnmi)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=2, max_size=60))
def test_measures_agree_with_scikit_learn_and_with_counting(pairs):
    joint = np.zeros((4, 5), dtype=np.int64)
    for phone, cluster in pairs:
        joint[phone, cluster] += 1
    quality = quality_of(joint)
    phones, clusters = zip(*pairs, strict=True)
    entropy = mutual_info_score(phones, phones)
    if entropy > 1e-9:
        expected = mutual_info_score(phones, clusters) / entropy
        assert quality.pnmi == pytest.approx(expected, abs=1e-9)
    best = [max(pairs.count((phone, cluster)) for phone in phones) for cluster in set(clusters)]
    assert quality.phone_purity == pytest.approx(sum(best) / len(pairs))


def test_an_alignment_is_read_without_stress(tmp_path):
    alignment = write(tmp_path / "a", "rate_hz\t50\nx y.wav\tAH0 AH1 B 7\n")
    assert alignment.rate_hz == 50
    assert list(alignment) == [("x y.wav", ["AH", "AH", "B", "7"])]


@pytest.mark.parametrize(
    ("aligned_hz", "phones", "rate_hz", "labels"),
    [
        (50, "A B A", 50, [0, 1, 0]),
        (100, "A X B X A X", 50, [0, 1, 0]),
        (100, "A X B X A", 50, [0, 1, 0]),
        (50, "A B A", 100, [0, 3, 1, 3, 0]),
        (100, "A A B B A", 100, [0, 0, 1, 1, 0]),
        (50, "A B A C C C C", 50, [0, 1, 0]),
    ],
)
def test_phones_and_labels_are_compared_where_they_see_the_same(
    tmp_path, aligned_hz, phones, rate_hz, labels
):
    alignment = write(tmp_path / "a", f"rate_hz\t{aligned_hz}\nb.wav\tQ\na.wav\t{phones}\n")
    quality = compare(alignment, {"a.wav": labels, "c.wav": [1]}, rate_hz)
    assert quality.pnmi == pytest.approx(1)
    assert quality.num_frames == (5 if rate_hz == aligned_hz == 100 else 3)
    assert f"over {quality.num_frames} frames" in str(quality)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first line"),
        ("a.wav\tA B\n", "first line"),
        ("rate_hz\t25\n", "50 or 100, got 'rate_hz' and '25'"),
        ("rate_hz\t50\na.wav A B\n", "line 2 of"),
        ("rate_hz\t50\na.wav\t\n", "line 2 of"),
        ("rate_hz\t50\nb.wav\tA\n", "none of the recordings"),
        (f"rate_hz\t50\na.wav\t{'A ' * 9}\n", "as long as the labels of a.wav, 0.06 s, got 0.18"),
    ],
)
def test_an_alignment_that_does_not_fit_is_one_sentence(tmp_path, text, message):
    with pytest.raises(ModelError, match=message) as caught:
        compare(write(tmp_path / "a", text), {"a.wav": [0, 1, 2]})
    assert "\n" not in str(caught.value)


def test_a_missing_alignment_is_named(tmp_path):
    with pytest.raises(ModelError, match="`alignment` must be a file of phones, got"):
        Alignment(str(tmp_path / "absent"))
