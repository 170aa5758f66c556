"""What a second sweep into a run directory leaves of what the first one's rows are read with."""

from typing import Any

from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.sweeping.manifest import with_left_alone, with_sweep

OF_SPEECH = "hubert:sdpa,lhubert:local_blocked"
OF_TEXT = "bert:sdpa,longformer:mask_fixed"
MADE_UP = {"values": [3], "counts": [1]}


def settings_of(*modalities: str, pairs: list[str] | None = None) -> SweepSettings:
    chosen = {name: ModalitySettings(lengths=[1024]) for name in modalities}
    return SweepSettings(chosen, pairs=pairs or [])


def swept(before: dict[str, Any], settings: SweepSettings, name: str = "") -> dict[str, Any]:
    """Return the manifest after a sweep whose modalities have a data set of that name, if any."""
    states = {modality: {"fingerprint": name} for modality in settings.modalities}
    lengths = [{"modality": each, "name": name} | MADE_UP for each in states] if name else []
    return with_sweep(before, settings, (1, 1), states, lengths)


def named(manifest: dict[str, Any]) -> dict[str, str]:
    return {one["modality"]: one["name"] for one in manifest["length_distributions"]}


def test_a_sweep_of_another_modality_leaves_lengths_and_pairs_of_the_first() -> None:
    first = swept({}, settings_of("speech", pairs=[OF_SPEECH]), "meetings")
    second = swept(first, settings_of("text", pairs=[OF_TEXT]))
    assert named(second) == {"speech": "meetings"}
    assert second["config"]["pairs"] == [OF_SPEECH, OF_TEXT]
    assert {*second["states"]} == {"speech", "text"}
    assert {*second["config"]["modalities"]} == {"text"}


def test_a_sweep_of_the_same_modality_says_what_its_rows_are_read_with_from_then_on() -> None:
    first = swept({}, settings_of("speech", "text", pairs=[OF_SPEECH, OF_TEXT]), "meetings")
    second = swept(first, settings_of("speech"), "talks")
    assert named(second) == {"text": "meetings", "speech": "talks"}
    assert second["config"]["pairs"] == [OF_TEXT]
    assert named(swept(second, settings_of("speech", "text"))) == {}


def test_the_same_sweep_once_more_changes_nothing() -> None:
    once = swept({"machine": {"cores": 2}}, settings_of("speech", pairs=[OF_SPEECH]), "meetings")
    assert swept(once, settings_of("speech", pairs=[OF_SPEECH]), "meetings") == once
    assert once["machine"] == {"cores": 2}


def test_shards_of_one_division_are_listed_together() -> None:
    settings = settings_of("text")
    manifest: dict[str, Any] = {"shards": [[1, 3]]}
    for shard in ((2, 2), (1, 2), (2, 2)):
        manifest = with_sweep(manifest, settings, shard, {}, [])
    assert manifest["shards"] == [[1, 2], [2, 2]]


def test_what_a_sweep_is_no_longer_asked_for_is_not_left_alone() -> None:
    before = {"left_alone": ["speech training", "text inference", "text training"]}
    inference_alone = with_left_alone(before, ["text"], [], [])
    assert inference_alone["left_alone"] == ["speech training"]
    first_shard = with_left_alone(before, ["text"], ["text training"], ["text inference"])
    assert first_shard == before
