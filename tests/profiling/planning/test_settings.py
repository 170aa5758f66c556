import math
import re
from dataclasses import fields
from typing import Any, get_args

import pytest

from lightning_modules.variants import VARIANTS
from profiling.errors import USER_ERRORS, SettingsError
from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.planning.variant_settings import read_variant


def _settings(**changes: Any) -> SweepSettings:
    modalities = {"text": ModalitySettings(variants=["bert", "longformer"], lengths=[64])}
    return SweepSettings(**({"modalities": modalities} | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"modalities": {}}, ["`modalities`"]),
        ({"modalities": {"smell": ModalitySettings(lengths=[3])}}, ["smell", "speech", "text"]),
        ({"modalities": {"text": ModalitySettings(["brt"], [3])}}, ["brt", "bert", "longformer"]),
        ({"modalities": {"text": ModalitySettings(["bert"])}}, ["`lengths`"]),
        ({"modalities": {"text": ModalitySettings(["bert"], [])}}, ["`lengths`"]),
        ({"modalities": {"vision": ModalitySettings(["vit"], [224])}}, ["`input_sizes`"]),
        ({"implementations": ["fast"]}, ["fast", "eager", "sdpa"]),
        (
            {"implementations": ["local_varlen"]},
            ["`implementations`", "got local_varlen; choose one of: eager, library, mask_fixed, "],
        ),
        ({"visits": 0}, ["`visits`", "0"]),
        ({"memory_budget_gib": -1.0}, ["`memory_budget_gib`", "-1"]),
        ({"time_budget_s": -5.0}, ["`time_budget_s`", "-5"]),
        ({"seed": -1}, ["`seed`", "-1"]),
        ({"precision": "16-mixed"}, ["`precision`", "16-mixed", "cuda"]),
        ({"tf32": True}, ["`tf32`", "false", "cuda", "true"]),
        ({"cudnn_benchmark": True}, ["`cudnn_benchmark`", "false", "cuda"]),
        ({"sdpa_backend": "flash"}, ["`sdpa_backend`", "any", "cuda", "flash"]),
        ({"phases": []}, ["`phases`"]),
        ({"phases": ["inference", "inference"]}, ["`phases`", "once", "inference"]),
        ({"metrics": ["memory", "latency", "memory"]}, ["`metrics`", "once", "memory"]),
        ({"pairs": ["bert:sdpa,bert:eager"] * 2}, ["`pairs`", "once", "bert:sdpa,bert:eager"]),
        ({"seconds_per_measurement": 1e-200}, ["`seconds_per_measurement`", "1e-09", "1e-200"]),
        ({"modalities": {"text": ModalitySettings(["bert"], [2**40])}}, ["`lengths`", str(2**40)]),
        ({"pairs": ["bert against longformer"]}, ["`pairs`", "bert against"]),
        ({"pairs": ["bert:sdpa,longformer:fast"]}, ["longformer:fast", "longformer:library"]),
        ({"pairs": ["bert:sdpa,swin:sdpa"]}, ["one modality"]),
        ({"pairs": ["bert:sdpa slow,bert:sdpa"]}, ["`pairs`", "sdpa slow", "compiled"]),
        ({"pairs": ["bert:fast compiled,bert:sdpa"]}, ["bert:fast", "bert:sdpa"]),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence(
    changes: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(USER_ERRORS) as caught:
        _settings(**changes)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("window", [7, 0, -2, True, 2.0, "32"])
def test_an_impossible_window_is_refused(window: Any) -> None:
    with pytest.raises(USER_ERRORS, match="`attention_window` must be a positive even number"):
        read_variant("speech", {"name": "lhubert", "attention_window": window})


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "bert", "attention_window": 32}, "not a setting of bert"),
        ({"name": "bert", "wndow": 32}, "`wndow` is not a setting"),
        ({"attention_window": 32}, "`name`"),
        (3, "`name`"),
        ({"name": "bert", "implementations": ["library"]}, "eager, sdpa"),
        ({"name": "bert", "implementations": [["sdpa"]]}, "`implementations` of bert has no"),
        ({"name": "bert", "implementations": 5}, "`implementations` of bert must be a list; .* 5"),
        ({"name": "bert", "implementations": "eager"}, "must be a list; .* sdpa, .* got 'eager'"),
        ({"name": "bert", "checkpoint": 20241201}, "`checkpoint` of bert must be .* got 20241201"),
        ({"name": "longformer", "checkpoint": ""}, "`checkpoint` of longformer must be .* got ''"),
        ({"name": "bert", "compiled": True}, "`compiled` of bert must be a list; .* got True"),
        ({"name": "bert", "compiled": []}, "`compiled` of bert must be a list"),
        ({"name": "bert", "compiled": ["yes"]}, "`compiled` of bert must be a list"),
        (
            {"name": "local_bert", "compiled": [True], "graphed": [True]},
            r"`compiled` and `graphed` of local_bert must both be .*; got \[true\] and \[true\]",
        ),
        (
            {"name": "bert", "compiled": [False, True], "graphed": [True]},
            r"`compiled` and `graphed` .*; got \[false, true\] and \[true\]",
        ),
    ],
)
def test_a_wrong_entry_of_variants_is_named(entry: Any, words: str) -> None:
    with pytest.raises(USER_ERRORS, match=words):
        read_variant("text", entry)


def test_no_variants_means_all_of_the_modality() -> None:
    settings = _settings(modalities={"vision": ModalitySettings(input_sizes=[64])})
    assert [variant.name for variant in settings.variants_of("vision")] == [*VARIANTS["vision"]]


def test_a_pair_may_name_compiled_kernels() -> None:
    pair = "bert:sdpa compiled,longformer:mask_fixed compiled"
    assert _settings(pairs=[pair]).pairs == [pair]


NUMBERS = [
    field.name
    for field in fields(SweepSettings)
    if {int, float} & {field.type, *get_args(field.type)}
]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**30])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_no_row_can_hold_is_refused(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"`{name}` must be a finite number of at most"):
        _settings(**{name: value})


def test_the_settings_that_are_numbers_are_found() -> None:
    assert {"seed", "target_factor", "point_timeout_s", "memory_budget_gib"} <= {*NUMBERS}


def test_a_window_that_no_row_can_hold_is_refused() -> None:
    with pytest.raises(SettingsError, match="`attention_window` of lhubert must be at most"):
        read_variant("speech", {"name": "lhubert", "attention_window": 2**80})


def test_kernels_that_a_sweep_measures_only_where_they_are_named_are_told() -> None:
    only_named = {
        implementation
        for variants in VARIANTS.values()
        for variant in variants.values()
        for implementation in variant.only_named
    }
    told = str(SweepSettings.__doc__).partition("implementations:")[2].partition("phases:")[0]
    assert set(re.findall(r"`(\w+)`", told)) == only_named
