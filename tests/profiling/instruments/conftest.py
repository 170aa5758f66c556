"""What the tests of instruments share."""

import pytest

from profiling.instruments import step_memory


@pytest.fixture(autouse=True)
def _peaks_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the memory of the tests' process for one that falls, whatever earlier tests did to it.

    A process that keeps what it frees does so for good, and then no run of it has peaks.
    """
    monkeypatch.setattr(step_memory, "keeps_freed_memory", lambda: False)
