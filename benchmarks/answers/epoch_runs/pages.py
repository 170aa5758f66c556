"""The measured part of a page of `docs/decisions/`."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.answers.epoch_runs.tables import anchor_lines, summary_table, verdict_lines
from profiling.errors import SettingsError

BEGIN, END = "<!-- measured -->", "<!-- end of what is measured -->"
LINES = 3  # of an answer: what to take, what it costs, what it saves


def answer_block(name: str, answers: Sequence[tuple[str, str]], measured: Mapping[str, Any]) -> str:
    """Return the section of one data set.

    Args:
        name: Of the data set.
        answers: What `advise` was asked, and all that it said.
        measured: What `benchmarks/answers/epochs.py` found.
    """
    told = [
        f"{asked}:\n" + "\n".join(f"  {line}" for line in said.splitlines()[:LINES])
        for asked, said in answers
    ]
    return "\n".join(
        [
            f"### {name}",
            "",
            f"{measured['date']}, {measured['machine']}, size {measured['size']}; "
            f"{measured['amount']}.",
            "",
            "```text",
            *told,
            "```",
            "",
            *summary_table(measured["results"]),
            "",
            *verdict_lines(measured["results"]),
            "",
            "Steps of the sweep when the epochs ran, over what they took in it:",
            "",
            *anchor_lines(measured),
            "",
        ]
    )


def refreshed(page: str, block: str) -> str:
    """Return the page with what stands between the two marks replaced.

    Raises:
        SettingsError: The marks are not there, once each and in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in after:
        raise SettingsError(f"the page must have {BEGIN} and then {END}, once each")
    return f"{before}{BEGIN}\n\n{block.strip()}\n\n{END}{after}"
