"""Commands end in a sentence when they are asked to, and so do the children of a sweep."""

import os
import signal
import time
from contextlib import redirect_stdout
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from profiling import cli
from profiling.children import child
from profiling.children.outcome import Outcome
from tests.samples.rows.runs import noisy_rows, write_run

SWEEP = ["sweep", "--out=a", "--modalities={}"]
GO_ON = "interrupted; the same command goes on from here"
FRESH_GOES_ON = (
    "interrupted; if a visit had begun, the same command without `fresh` goes on from here; before "
    "that nothing was forgotten, and `fresh` is still needed"
)


@pytest.mark.parametrize(
    ("given", "asked_by", "status", "said"),
    [
        (SWEEP, signal.SIGINT, 130, GO_ON),
        (SWEEP, signal.SIGTERM, 143, GO_ON),
        ([*SWEEP, "--fresh"], signal.SIGINT, 130, FRESH_GOES_ON),
        ([*SWEEP, "--dry-run"], signal.SIGINT, 130, "interrupted"),
        (["lengths", "a.json"], signal.SIGINT, 130, "interrupted"),
        (["gpu-check"], signal.SIGTERM, 143, "interrupted"),
    ],
)
def test_a_command_that_is_asked_to_end_says_how_to_go_on_if_it_can(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: list[str],
    asked_by: int,
    status: int,
    said: str,
) -> None:
    def ask(_settings: Any) -> int:
        os.kill(os.getpid(), asked_by)
        time.sleep(5)
        return 0

    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setitem(cli.COMMANDS, given[0], replace(cli.COMMANDS[given[0]], run=ask))
    try:
        assert cli.main(given) == status
    finally:
        signal.signal(signal.SIGINT, interrupt)
    assert capsys.readouterr().err == f"{said}\n"
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    "more", [["--json"], ["--markdown"], ["--fail-on-slower", "5"], ["--help"]], ids=" ".join
)
def test_a_command_whose_output_nobody_reads_ends_without_a_word(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, more: list[str]
) -> None:
    run = str(write_run(tmp_path / "run", noisy_rows(1, 6)))
    reading, writing = os.pipe()
    os.close(reading)  # as behind `| head`
    with os.fdopen(writing, "w") as unread, redirect_stdout(unread):
        assert cli.main(["compare", run, run, *more]) == 141
    assert capsys.readouterr().err == ""


def test_a_child_to_whom_nobody_listens_any_more_ends_without_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = SimpleNamespace(guarded=lambda *_: Outcome("ok", 1))
    monkeypatch.setattr(child, "import_module", lambda _: entry)
    listening, speaking = Pipe()
    listening.close()
    child._main(speaking, "module:name", None, takes_turns=False)
    assert speaking.closed
