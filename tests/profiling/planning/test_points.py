from dataclasses import replace

import pytest

from profiling.errors import SettingsError
from profiling.planning.frontier import searches_of
from profiling.planning.grids import axis_values, shard_of
from profiling.rows.columns import key_of
from tests.samples.variants.points import CONDITIONS, points_of


def test_every_implementation_phase_and_length_is_a_point() -> None:
    points = points_of("text", [128, 64], ["bert", "longformer"])
    kernels = {(point.variant, point.implementation) for point in points}
    assert kernels == {
        ("bert", "eager"),
        ("bert", "sdpa"),
        ("longformer", "library"),
        ("longformer", "mask_fixed"),
    }
    assert len(points) == 4 * 2 * 2
    assert len({point.key for point in points}) == len(points)


def test_variants_of_one_length_and_phase_are_neighbours() -> None:
    points = points_of("text", [64, 128], ["bert", "longformer"])
    groups = [(point.length, point.phase) for point in points]
    assert groups == sorted(groups)


def test_position_tables_grow_to_the_longest_length_equally() -> None:
    assert {point.max_length for point in points_of("text", [64, 900], ["bert", "bigbird"])} == {
        900
    }


def test_a_length_one_variant_cannot_take_is_skipped_with_the_reason() -> None:
    points = points_of("text", [128, 1024], ["bert", "bigbird"])
    skipped = {(point.variant, point.length) for point in points if point.skip_reason}
    assert skipped == {("bigbird", 128)}
    assert all("704" in point.skip_reason for point in points if point.skip_reason)


def test_a_length_beyond_what_one_variant_takes_is_skipped_with_the_reason() -> None:
    points = points_of("speech", [1500, 1501], ["hubert", "whisper"])
    skipped = {(p.variant, p.length): p.skip_reason for p in points if p.skip_reason}
    assert list(skipped) == [("whisper", 1501)]
    assert skipped["whisper", 1501].startswith("whisper takes at most 1,500: ")


def test_a_length_beyond_what_any_of_the_variants_takes_is_the_users_error() -> None:
    with pytest.raises(SettingsError, match="`lengths` of speech must be at most 1,500 .* 2,000"):
        points_of("speech", [100, 2000], ["whisper"])


def test_the_largest_length_is_searched_up_to_what_a_variant_takes() -> None:
    searches = searches_of(points_of("speech", [50], ["hubert", "whisper"]))
    found = {
        (search.point.variant, search.searched): (search.cap, search.limited_at_cap)
        for search in searches
    }
    assert found["whisper", "input_size"] == (1500, "positions")
    assert found["hubert", "sequence_length"] == (2**20, "cap")
    assert found["whisper", "batch_size"] == found["hubert", "batch_size"] == (65_535, "cap")


def test_a_process_that_holds_a_compiler_on_a_cpu_is_not_searched() -> None:
    bert = {"name": "bert", "implementations": ["sdpa"], "compiled": [False, True]}
    local = {"name": "local_bert", "implementations": ["local_blocked", "local_flex"]}
    points = [replace(p, skip_reason=None) for p in points_of("text", [24], [bert, local])]
    plain = {"sdpa", "local_blocked"}
    assert {search.point.kernel for search in searches_of(points)} == plain
    on_gpu = [replace(p, conditions=replace(p.conditions, device="cuda")) for p in points]
    searched = {search.point.kernel for search in searches_of(on_gpu)}
    assert searched == plain | {"sdpa compiled", "local_flex"}


def test_a_length_none_of_the_variants_can_take_is_the_users_error() -> None:
    with pytest.raises(SettingsError, match="`lengths` of text must be at least 65 .* got 32"):
        points_of("text", [32, 900], ["bigbird", "nystromformer"])


def test_image_sides_are_rounded_up_to_a_multiple_of_32_and_not_repeated() -> None:
    assert axis_values("vision", [224, 200, 33]) == [64, 224]
    assert axis_values("text", [200, 33, 200]) == [33, 200]


def test_the_key_changes_with_every_condition_and_not_with_the_place_of_the_batches() -> None:
    point = points_of("text", [64], ["longformer"])[0]
    keys = {point.key, replace(point, length=65).key, replace(point, fingerprint="x").key}
    keys.add(replace(point, attention_window=64).key)
    keys.add(replace(point, conditions=replace(CONDITIONS, threads=1)).key)
    keys.add(replace(point, conditions=replace(CONDITIONS, device_name="another")).key)
    assert len(keys) == 6
    assert replace(point, batches="elsewhere").key == point.key


def test_the_key_changes_with_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    point = points_of("text", [64], ["bert"])[0]
    before = point.key
    again = replace(point)
    monkeypatch.setattr("profiling.planning.points.library_versions", lambda: "torch 9.9")
    assert again.key != before


def test_the_key_changes_with_the_effort_and_not_with_the_order_of_metrics() -> None:
    point = points_of("text", [64], ["bert"])[0]
    assert replace(point, effort=replace(point.effort, min_samples=9)).key != point.key
    assert point.metrics == ("latency", "memory", "throughput")


def test_a_longer_length_leaves_the_other_points_as_they_are_where_no_table_grows() -> None:
    for modality, variants in (("speech", ["hubert"]), ("vision", ["vit"])):
        before = {p.key for p in points_of(modality, [64, 96], variants)}
        assert before <= {p.key for p in points_of(modality, [64, 96, 160], variants)}


def test_a_variant_named_twice_is_measured_once() -> None:
    twice = [{"name": "lhubert", "attention_window": 100}, "lhubert"]  # 100 is its default
    assert len(points_of("speech", [64], twice)) == len(points_of("speech", [64], ["lhubert"]))


def test_shards_split_the_plan_and_never_what_is_compared() -> None:
    points = points_of("text", [64, 128, 256], ["bert", "longformer"])
    parts = [shard_of(points, part, 4) for part in (1, 2, 3, 4)]
    assert sorted(p.key for part in parts for p in part) == sorted(p.key for p in points)
    for part in parts:
        groups = {(p.length, p.phase) for p in part}
        assert all(sum((p.length, p.phase) == group for p in part) == 4 for group in groups)


def test_without_names_the_kernels_that_run_here_in_both_phases_are_measured() -> None:
    kernels = {p.implementation for p in points_of("speech", [64], ["lhubert"])}
    assert kernels == {"local_blocked", "local_masked"}


def test_a_kernel_that_is_named_but_cannot_run_here_is_skipped_with_the_reason() -> None:
    names = ["local_varlen", "local_flex", "local_blocked"]
    points = points_of("speech", [64], [{"name": "lhubert", "implementations": names}])
    reasons = {(p.implementation, p.phase): p.skip_reason for p in points}
    assert len(reasons) == 6
    assert reasons["local_varlen", "inference"] == "it runs on cuda, not on cpu"
    assert reasons["local_flex", "training"] == "on a cpu it has no backward pass"
    assert reasons["local_blocked", "training"] is None


def test_compiled_is_a_further_point_of_the_same_implementation() -> None:
    both = {"name": "bert", "implementations": ["eager", "sdpa"], "compiled": [False, True]}
    points = points_of("text", [64], [both, "nystromformer"])
    kernels = [(p.variant, p.kernel) for p in points if p.phase == "training"]
    assert kernels == [
        *[("bert", "eager"), ("bert", "eager compiled"), ("bert", "sdpa")],
        *[("bert", "sdpa compiled"), ("nystromformer", "library")],
    ]
    assert len({point.key for point in points}) == len(points)


def test_a_point_that_is_not_compiled_keeps_the_key_of_older_rows() -> None:
    plain = points_of("text", [64], ["bert"])[0]
    older = {name: value for name, value in plain.columns.items() if name != "compiled"}
    assert plain.key == key_of(older) != replace(plain, compiled=True).key


def test_what_differs_on_padded_batches_alone_is_measured_where_it_is_named() -> None:
    named = {"name": "bert", "implementations": ["sdpa", "unpadded"]}
    assert "unpadded" not in {p.implementation for p in points_of("text", [64], ["bert"])}
    assert "unpadded" in {p.implementation for p in points_of("text", [64], [named])}
