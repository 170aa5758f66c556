"""Why answers count in another unit than the sweep of their modality."""

from typing import Any

from profiling.report.answers.unit_words import describe_unit

SECONDS = {"modality": "speech", "axis": "input_size"}
PARAKEET: dict[str, Any] = SECONDS | {"efficient": "parakeet", "vanilla": "hubert"}
WHISPER: dict[str, Any] = SECONDS | {"efficient": "whisper", "vanilla": "hubert"}


def test_tokens_that_are_equally_long_are_not_said_to_differ() -> None:
    said = "in seconds: whisper fills every recording up to 30 s"
    assert describe_unit([WHISPER, WHISPER], True) == said
    turned = WHISPER | {"efficient": "lhubert", "vanilla": "whisper"}
    assert describe_unit([turned], False) == said


def test_each_variant_with_an_axis_of_its_own_is_told_with_its_reason() -> None:
    assert describe_unit([WHISPER, PARAKEET], False) == (
        "in seconds: tokens of parakeet and hubert differ in length; "
        "whisper fills every recording up to 30 s"
    )


def test_the_unit_of_the_sweep_is_named_only_beside_another() -> None:
    frames = PARAKEET | {"efficient": "lhubert", "axis": "sequence_length"}
    assert describe_unit([frames], False) == ""
    assert describe_unit([frames], True) == "in frames"
