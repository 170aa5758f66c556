import json

import pytest

from profiling.cli import main
from tests.samples.advising import keyed_rows_of, lengths_around, linear_law, rows_of, vanilla_law
from tests.samples.runs import write_run

SCHEMA = {
    "objective", "phase", "recommended", "saving", "ci_low", "ci_high", "ceiling", "share_beyond",
    "verdict", "alternatives", "notes",
}  # fmt: skip


@pytest.fixture
def run_directory(tmp_path):
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("local_bert", "local_blocked", linear_law, attention_window=32),
    ]
    keyed = [row | {"key": f"{row['variant']}-{row['sequence_length']}"} for row in rows]
    return str(write_run(tmp_path / "run", keyed))


@pytest.fixture
def lengths(tmp_path):
    lengths_around(1300).to_json(tmp_path / "lengths.json")
    return str(tmp_path / "lengths.json")


def test_json_has_the_fields_that_programs_rely_on(run_directory, lengths, capsys):
    assert main(["advise", run_directory, "--lengths", lengths, "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found.keys() >= SCHEMA
    assert found["recommended"] == {
        "variant": "local_bert",
        "implementation": "local_blocked",
        "attention_window": 32,
        "policy": "pad_to_maximum" if found["padding_share"] else "dynamic",
    }
    assert {"variant", "policy", "saving", "quality"} <= found["alternatives"][0].keys()


def test_people_read_the_answer_first(run_directory, lengths, capsys):
    arguments = ["advise", run_directory, "--lengths", lengths, "--objective", "throughput"]
    assert main(arguments) == 0

    first, cost, saving, *_ = capsys.readouterr().out.splitlines()
    assert first == "Take local_bert w32 local_blocked with buckets."
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
    assert found["comparison"] == {"same_recommendation": False, "cheapest_run": run_directory}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["--objective", "speed"], "`objective` must be one of latency, throughput, memory"),
        (["--phase", "both"], "`phase` must be one of inference, training, got 'both'"),
        (["--batch_size", "8"], "`batch_size` must be 1 for the objective latency"),
        (["--batch_size", "0"], "`batch_size` must be at least 1, got 0"),
        (["--budget_gib", "-1"], "`budget_gib` must be more than 0"),
        (["--phase", "training"], "text in inference"),
    ],
)
def test_a_mistake_is_one_sentence(run_directory, lengths, capsys, settings, sentence):
    assert main(["advise", run_directory, "--lengths", lengths, *settings]) == 2

    told = capsys.readouterr().err.strip()
    assert sentence in told
    assert len(told.splitlines()) == 1


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


def test_a_run_of_an_older_version_is_read_with_what_its_columns_were(lengths, tmp_path, capsys):
    newer = ("throughput_batch_size", "loaded_memory_mib")
    rows = keyed_rows_of("bert", "sdpa", vanilla_law)
    old = [{name: value for name, value in row.items() if name not in newer} for row in rows]
    directory = str(write_run(tmp_path / "old", old))

    assert main(["advise", directory, "--lengths", lengths]) == 0
    assert "Keep bert sdpa" in capsys.readouterr().out
