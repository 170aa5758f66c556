import json
from pathlib import Path

import pytest

from datamodules.lengths import LengthDistribution
from profiling.cli import main
from tests.samples.rows.advising import (
    keyed_rows_of,
    lengths_around,
    rows_of,
    vanilla_law,
)
from tests.samples.rows.runs import write_run

SCHEMA = {
    "objective", "phase", "recommended", "saving", "ci_low", "ci_high", "ceiling", "share_beyond",
    "verdict", "alternatives", "notes", "batch_size", "max_length", "samples", "cost_per_epoch",
    "tipping_point",
}  # fmt: skip


def test_json_has_the_fields_that_programs_rely_on(run_directory, lengths, capsys):
    assert main(["advise", run_directory, "--lengths", lengths, "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found.keys() >= SCHEMA
    assert found["recommended"] == {
        "variant": "local_bert",
        "implementation": "local_blocked",
        "attention_window": 32,
        "policy": "dynamic",
    }
    assert {"variant", "policy", "saving", "quality"} <= found["alternatives"][0].keys()


def test_people_read_the_answer_first(run_directory, lengths, capsys):
    arguments = ["advise", run_directory, "--lengths", lengths, "--objective", "throughput"]
    assert main(arguments) == 0

    first, cost, saving, *_ = capsys.readouterr().out.splitlines()
    assert first == "Take local_bert w32 local_blocked with buckets in batches of 8."
    assert ", an epoch of 100 samples " in cost
    assert "padding is" in cost
    assert "over vanilla padded to the maximum" in saving


def test_several_runs_are_answered_one_by_one_and_compared(
    run_directory, lengths, capsys, tmp_path
):
    slower = [
        row
        | {"latency_ms": 2 * row["latency_ms"], "key": f"{row['variant']}-{row['sequence_length']}"}
        for row in [
            *rows_of("bert", "sdpa", vanilla_law),
            *rows_of("local_bert", "local_blocked", lambda n: 2 * vanilla_law(n)),
        ]
    ]
    other = str(write_run(tmp_path / "other", slower))

    assert main(["advise", other, run_directory, "--lengths", lengths, "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert [run["run"] for run in found["runs"]] == [other, run_directory]
    assert found["comparison"] == {
        "same_recommendation": False,
        "cheapest_run": run_directory,
        "maybe_cheapest": [run_directory],
        "differing_conditions": {},
    }


def test_of_two_runs_within_their_noise_none_is_called_the_cheapest(lengths, capsys, tmp_path):
    names = []
    for seed, slower in ((1, 1.0), (2, 1.01)):
        rows = keyed_rows_of("bert", "sdpa", lambda n, by=slower: by * vanilla_law(n), 0.05, seed)
        names.append(str(write_run(tmp_path / f"run{seed}", rows)))

    assert main(["advise", *names, "--lengths", lengths, "--json"]) == 0
    comparison = json.loads(capsys.readouterr().out)["comparison"]
    assert comparison["cheapest_run"] is None
    assert sorted(comparison["maybe_cheapest"]) == names
    assert main(["advise", *names, "--lengths", lengths]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("The advice of 2 runs is the same; in which of ")
    assert last.endswith(" a sample costs least cannot be told.")


@pytest.mark.parametrize("spoilt", ["one visit", "disturbed"])
def test_a_run_that_decides_nothing_may_be_the_cheapest_or_not(lengths, capsys, tmp_path, spoilt):
    slow = keyed_rows_of("bert", "sdpa", lambda n: 3 * vanilla_law(n))
    fast = keyed_rows_of("bert", "sdpa", vanilla_law)
    if spoilt == "one visit":
        fast = [row for row in fast if row["visit"] == 0]
    else:
        fast = [row | {"disturbed": True} for row in fast]
    names = [
        str(write_run(tmp_path / name, rows)) for name, rows in zip("ab", (slow, fast), strict=True)
    ]

    assert main(["advise", *names, "--lengths", lengths, "--json"]) == 0
    comparison = json.loads(capsys.readouterr().out)["comparison"]
    assert comparison["cheapest_run"] is None
    assert comparison["maybe_cheapest"] == names[::-1]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["--objective", "speed"], "`objective` must be one of latency, throughput, memory"),
        (["--phase", "both"], "`phase` must be one of inference, training, got 'both'"),
        (["--batch_size", "8"], "`batch_size` must be 1 for the objective latency"),
        (["--batch_size", "0"], "`batch_size` must be at least 1, got 0"),
        (["--budget_gib", "-1"], "`budget_gib` must be more than 0"),
        (["--phase", "training"], "text in inference"),
        (
            ["--precision", "16-true", "--device", "cuda"],
            "must be of what the run measured (precision 32-true, cpu), got 16-true, cuda",
        ),
    ],
)
def test_a_mistake_is_one_sentence(run_directory, lengths, capsys, settings, sentence):
    assert main(["advise", run_directory, "--lengths", lengths, *settings]) == 2

    told = capsys.readouterr().err.strip()
    assert sentence in told
    assert len(told.splitlines()) == 1


def test_the_error_of_one_of_several_runs_names_the_run(run_directory, lengths, tmp_path, capsys):
    rows = keyed_rows_of("bert", "sdpa", vanilla_law)
    short = write_run(tmp_path / "short", [row for row in rows if row["sequence_length"] == 64])
    needed = "the run must have enough lengths to advise from"

    assert main(["advise", run_directory, str(short), "--lengths", lengths]) == 2
    assert f"`{short}`: {needed}" in capsys.readouterr().err
    assert main(["advise", str(short), "--lengths", lengths]) == 2
    assert capsys.readouterr().err.startswith(f"error: {needed}")


def test_an_empty_distribution_is_refused(run_directory, tmp_path, capsys):
    empty = {"name": "none", "modality": "text", "unit": "tokens", "count": 0, "values": [],
             "counts": [], "source": "nowhere"}  # fmt: skip
    (tmp_path / "empty.json").write_text(json.dumps(empty))

    assert main(["advise", run_directory, "--lengths", str(tmp_path / "empty.json")]) == 2
    assert "`values` must not be empty" in capsys.readouterr().err


def test_missing_lengths_and_missing_measurements_are_named(
    run_directory, lengths, tmp_path, capsys
):
    assert main(["advise", run_directory]) == 2
    assert "`lengths` must be given" in capsys.readouterr().err
    assert main(["advise", str(tmp_path / "nothing"), "--lengths", lengths]) == 2
    assert "must be a run directory" in capsys.readouterr().err


def hold(run_directory: str, *distributions: LengthDistribution) -> None:
    """Let a run have been measured on these data, as a sweep says it."""
    held = [each.to_dict() | {"skipped": 0} for each in distributions]
    (Path(run_directory) / "manifest.json").write_text(json.dumps({"length_distributions": held}))


def test_a_run_on_real_data_is_advised_for_their_lengths(run_directory, lengths, capsys):
    hold(run_directory, lengths_around(1300))
    assert main(["advise", run_directory, "--json"]) == 0
    own = json.loads(capsys.readouterr().out)
    assert main(["advise", run_directory, "--lengths", lengths, "--json"]) == 0
    given = json.loads(capsys.readouterr().out)

    (note,) = [each for each in own["notes"] if each not in given["notes"]]
    assert note == f"lengths: those of {lengths_around(1300).name}, on which the run was measured"
    assert own | {"notes": given["notes"]} == given


def test_lengths_that_are_given_go_over_those_of_the_run(run_directory, lengths, capsys):
    hold(run_directory, lengths_around(100))
    assert main(["advise", run_directory, "--lengths", lengths]) == 0
    assert "local_bert w32" in capsys.readouterr().out.splitlines()[0]


def test_runs_without_one_data_set_in_common_need_lengths(run_directory, tmp_path, capsys):
    rows = keyed_rows_of("bert", "sdpa", vanilla_law)
    other = str(write_run(tmp_path / "other", rows))
    texts, more = lengths_around(1300), lengths_around(900)
    speeches = LengthDistribution.from_lengths([40, 50], "speeches", "speech", "b")

    hold(run_directory, texts, speeches)
    hold(other, speeches, texts)
    assert main(["advise", run_directory, other]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: `lengths` must be given, a file that `profile.py lengths` wrote")
    assert f"got {texts.name} (text), speeches (speech)\n" in told
    hold(other, more)
    assert main(["advise", run_directory, other]) == 2
    assert "got none that all share\n" in capsys.readouterr().err
    hold(other, texts)
    assert main(["advise", run_directory, other]) == 0


def test_a_run_of_an_older_version_is_read_with_what_its_columns_were(lengths, tmp_path, capsys):
    newer = ("throughput_batch_size", "loaded_memory_mib")
    rows = keyed_rows_of("bert", "sdpa", vanilla_law)
    old = [{name: value for name, value in row.items() if name not in newer} for row in rows]
    directory = str(write_run(tmp_path / "old", old))

    assert main(["advise", directory, "--lengths", lengths]) == 0
    assert "Keep bert sdpa" in capsys.readouterr().out


def test_a_run_is_no_second_one_under_another_name(run_directory, lengths, capsys):
    again = f"{run_directory}/../run"
    assert main(["advise", run_directory, again, "--lengths", lengths]) == 2

    told = f"`run_directories` must name each run once, got {run_directory} more than once"
    assert told in capsys.readouterr().err


def test_rows_of_another_state_are_counted_and_a_run_of_nothing_else_is_refused(
    run_directory, lengths, capsys
):
    file = Path(run_directory) / "measurements.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    of_two = [row | {"versions": "1" if row["implementation"] != "sdpa" else "2"} for row in rows]
    file.write_text("".join(json.dumps(row) + "\n" for row in of_two))
    arguments = ["advise", run_directory, "--lengths", lengths]

    write_manifest(run_directory, "2")
    assert main(arguments) == 0
    assert f"- {len(rows) // 2} of {len(rows)} rows of text are left" in capsys.readouterr().out
    write_manifest(run_directory, "3")
    assert main(arguments) == 2
    assert "must hold rows that count, but" in capsys.readouterr().err


def write_manifest(run_directory: str, versions: str) -> None:
    manifest = {"states": {"text": {"versions": versions}}}
    (Path(run_directory) / "manifest.json").write_text(json.dumps(manifest))
