"""Settings that are numbers are checked to be numbers that can be counted with."""

import math

import pytest

from datamodules.composing.questions import Questions
from datamodules.composing.settings import ComposeSettings
from datamodules.composing.sounds import Augmentation
from datamodules.errors import DataError, validate_fraction, validate_minimum, validate_range
from datamodules.modalities.speech import SpeechData
from datamodules.utterances.pretraining import PretrainingSpeech
from datamodules.utterances.transcribed import TranscribedSpeech

UNCOUNTABLE = [math.inf, math.nan]


@pytest.mark.parametrize("value", [*UNCOUNTABLE, -math.inf])
def test_no_check_of_a_number_lets_pass_what_is_none(value):
    with pytest.raises(DataError, match="`x` must be (a finite number|at least 0), got"):
        validate_minimum("x", value, 0)
    with pytest.raises(DataError, match="`x` must lie between 0 and 1, got"):
        validate_fraction("x", value)
    for ends in ((value, 2.0), (1.0, value), (value, value)):
        with pytest.raises(DataError, match="`x` must be two finite numbers, the smaller one fir"):
            validate_range("x", ends)
    with pytest.raises(DataError, match="`x` must be two finite numbers of at least 0, the small"):
        validate_range("x", (value, 1.0), 0)


def test_whole_numbers_may_be_of_any_size():
    validate_minimum("x", 10**400, 1)
    validate_range("x", (1, 10**400), 1)


@pytest.mark.parametrize("value", UNCOUNTABLE)
@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("max_seconds", lambda **given: SpeechData("x", **given)),
        *(
            (name, lambda **given: PretrainingSpeech("x", "labels", **given))
            for name in ("max_seconds", "min_seconds", "batch_seconds", "eval_batch_seconds")
        ),
        *(
            (name, lambda **given: TranscribedSpeech("x", **given))
            for name in ("max_seconds", "min_seconds")
        ),
        ("gap_noise", ComposeSettings),
        *((name, Questions) for name in ("tone_hz", "tone_seconds", "tone_level")),
    ],
)
def test_a_number_that_is_infinite_or_none_is_named(name, build, value):
    with pytest.raises(DataError, match=f"`{name}` must be a finite number, got {value}"):
        build(**{name: value})


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("gap_seconds", ComposeSettings),
        ("pause_seconds", Questions),
        ("gain_db", Augmentation),
        ("snr_db", Augmentation),
    ],
)
@pytest.mark.parametrize("ends", [(0.0, math.inf), (math.nan, 1.0), (0.0, math.nan), (2.0, 1.0)])
def test_a_range_that_is_none_is_named(name, build, ends):
    with pytest.raises(DataError, match=f"`{name}` must be two finite numbers"):
        build(**{name: ends})
