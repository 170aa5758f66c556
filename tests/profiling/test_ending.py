"""Commands end in a sentence when they are asked to, and so do the children of a sweep."""

import os
import signal
import time
from multiprocessing import Pipe
from types import SimpleNamespace
from typing import Any

import pytest

from profiling import cli
from profiling.children import child
from profiling.children.outcome import Outcome


@pytest.mark.parametrize(("asked_by", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_asked_to_end_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked_by: int, status: int
) -> None:
    def ask(_given: Any) -> None:
        os.kill(os.getpid(), asked_by)
        time.sleep(5)

    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(cli, "parse", ask)
    try:
        assert cli.main(["sweep"]) == status
    finally:
        signal.signal(signal.SIGINT, interrupt)
    assert capsys.readouterr().err == "interrupted; the same command goes on from here\n"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_child_to_whom_nobody_listens_any_more_ends_without_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = SimpleNamespace(guarded=lambda *_: Outcome("ok", 1))
    monkeypatch.setattr(child, "import_module", lambda _: entry)
    listening, speaking = Pipe()
    listening.close()
    child._main(speaking, "module:name", None, takes_turns=False)
    assert speaking.closed
