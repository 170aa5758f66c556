"""A whole check: every part in its time, its rows on disk as they come."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from profiling.checking.answers import answers
from profiling.checking.archive import FIGURES, forget_earlier, pack, write_manifest
from profiling.checking.figures import draw_kernels
from profiling.checking.gpu_tests import run_gpu_tests
from profiling.checking.parts import PARTS, DeviceTask, Part, deadlines
from profiling.checking.rows import CheckRows, row
from profiling.checking.scale import Scale
from profiling.checking.sweeping import Answer, run_sweeps
from profiling.checking.time_box import Stopwatch, TimeIsUp
from profiling.children.crew import Children

# A child that has begun its last case may end it; then it is killed.
GRACE_S = 10.0


class Check:
    """Runs the parts.

    Args:
        scale: How large everything is.
        folder: Where everything goes; there already.
        seconds: For the whole check. Time that a part leaves falls to those behind it.
        commit: Of the code, where there is no `.git` to ask.
        answer: Reports a sweep.
    """

    def __init__(
        self, scale: Scale, folder: Path, seconds: float, commit: str | None, answer: Answer
    ) -> None:
        self.scale, self.folder, self.seconds = scale, folder, seconds
        self.commit, self.answer = commit, answer
        self.rows = CheckRows(folder)
        self._children = Children()
        self._watch = Stopwatch()
        self._ends = deadlines(seconds)
        self._spent: dict[str, float] = {}

    def run(self) -> Path:
        """Run every part; return the path of the archive.

        The archive comes to be also where the check is interrupted, of what is there by then.
        """
        forget_earlier(self.folder)
        try:
            for part in PARTS[:-1]:
                self._run(part)
        finally:
            archive = self._conclude()
        return archive

    def _run(self, part: Part) -> None:
        began = self._watch.seconds
        try:
            self.rows.add(self._rows_of(part))
        except KeyboardInterrupt:
            self.rows.add([row(part.name, "the rest", "cut", "the check was interrupted")])
            raise
        except (Exception, TimeIsUp) as problem:  # the other parts go on
            reason = f"{type(problem).__name__}: {problem}"[:300]
            self.rows.add([row(part.name, "all", "failed", reason)])
        finally:
            self._spent[part.name] = round(self._watch.seconds - began, 1)

    def _left_s(self, part: Part) -> float:
        return self._ends[part.name] - self._watch.seconds

    def _rows_of(self, part: Part) -> Iterator[dict[str, Any]]:
        if self._left_s(part) <= 0:
            return iter([row(part.name, "all", "cut", "no time was left")])
        if part.name == "tests":
            return run_gpu_tests(self.folder, self._left_s(part))
        if part.name == "sweep":
            return run_sweeps(self.scale.sweeps, self.folder, self._left_s(part), self.answer)
        return self._visits_of(part)

    def _visits_of(self, part: Part) -> Iterator[dict[str, Any]]:
        for visit in range(part.visits):
            # What is left is shared by the visits that are still to come.
            seconds = max(0.0, self._left_s(part)) / (part.visits - visit)
            yield from self._visit(part, DeviceTask(self.scale, visit, seconds))

    def _visit(self, part: Part, task: DeviceTask) -> Iterator[dict[str, Any]]:
        """Call a part in a child, and in further ones for the cases that each of them left."""
        watch, whole_s = Stopwatch(), task.seconds
        while True:
            outcome = self._children.call(part.function, task, task.seconds + GRACE_S)
            found = outcome.value or {}
            for name, fields in found.items():
                if fields is not None:
                    yield row(part.name, name, **fields, visit=task.visit)
            left = frozenset(name for name, fields in found.items() if fields is None)
            if outcome.kind != "ok":
                status = "cut" if outcome.timed_out else "failed"
                yield row(part.name, "the rest", status, outcome.message, visit=task.visit)
            if outcome.kind != "ok" or not left:
                return
            task = replace(task, seconds=max(0.0, whole_s - watch.seconds), only=left)

    def _conclude(self) -> Path:
        """Answer, draw and pack; the archive comes to be whatever else fails."""
        for name, work in (("answers", self._answer), ("figures", self._draw)):
            try:
                work()
            except Exception as problem:
                reason = f"{type(problem).__name__}: {problem}"[:300]
                self.rows.add([row("archive", name, "failed", reason)])
        write_manifest(
            self.folder,
            self.commit,
            {
                "device": self.scale.device,
                "size": self.scale.size,
                "precision": self.scale.precision,
                "seconds_allowed": self.seconds,
                "seconds": round(self._watch.seconds, 1),
                "seconds_of_parts": self._spent,
                "facts": [one for one in self.rows.of("card") if one["name"] == "device"],
            },
        )
        return pack(self.folder)

    def _answer(self) -> None:
        self.rows.add(answers(self.rows.of("replay")))

    def _draw(self) -> None:
        draw_kernels(self.rows.of("kernels"), self.folder / FIGURES)
