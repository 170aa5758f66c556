"""The tests that need a GPU, run by pytest in a process of its own."""

import importlib.util
import signal
import subprocess
import sys
import xml.etree.ElementTree as Tree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from profiling.checking.archive import TEST_LOG, TEST_REPORT
from profiling.checking.rows import row
from profiling.rows.machine import ROOT

# The most important first, should the time not last: what of a measurement only a GPU can show. The
# attention kernels have a proof of their own beside these tests.
FILES = ("test_gpu_steps.py", "test_device_*.py", "test_gpu_windows.py")
# FlexAttention compiles for each case, a quarter of a minute: it has a proof and timings elsewhere.
LEFT_OUT = "not flex"
GRACE_S = 5.0


def run_gpu_tests(folder: Path, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield a row for the tests together, and one for each that failed; the log is in `folder`."""
    report, log_path = (folder / TEST_REPORT).resolve(), folder / TEST_LOG
    for earlier in (report, log_path):  # of another check, which would pass for this one's
        earlier.unlink(missing_ok=True)
    files = find_tests()
    if not files:
        yield row("tests", "all", "skipped", f"no {', '.join(FILES)} beside the packages")
        return
    if importlib.util.find_spec("pytest") is None:
        yield row("tests", "all", "skipped", "pytest is not installed")
        return
    with log_path.open("w") as log:
        was_cut, exit_status = _run(_command(files, report), seconds, log)
    if not report.exists():
        reason = f"pytest ended with exit status {exit_status} and wrote no report: see {TEST_LOG}"
        yield row("tests", "all", "cut" if was_cut else "failed", reason)
        return
    yield from _rows(Tree.parse(report).getroot(), was_cut, exit_status)


def find_tests() -> list[str]:
    """Return the files of tests for a GPU, from the root of the project, in their order."""
    found = (path for name in FILES for path in sorted(ROOT.glob(f"tests/**/{name}")))
    return [*dict.fromkeys(str(path.relative_to(ROOT)) for path in found)]


def _command(files: list[str], report: Path) -> list[str]:
    options = ["-m", "gpu", "-k", LEFT_OUT, "-v", "-rs", "-p", "no:cacheprovider"]
    return [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", *files]


def _run(command: list[str], seconds: float, log: Any) -> tuple[bool, int]:
    """Run it; where the time is over, end it as Ctrl-C does, so that it still reports."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    try:
        return False, process.wait(timeout=max(1.0, seconds - GRACE_S))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            return True, process.wait(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            return True, -1
    finally:
        process.kill()
        process.wait()


def _rows(report: Tree.Element, was_cut: bool, exit_status: int) -> Iterator[dict[str, Any]]:
    cases = report.findall(".//testcase")
    bad = [case for case in cases if case.find("failure") is not None or _broke(case)]
    skipped = [case for case in cases if case.find("skipped") is not None]
    counts = {"passed": len(cases) - len(bad) - len(skipped), "failures": len(bad)}
    fields: dict[str, Any] = counts | {"skips": len(skipped)}
    for case in bad:
        problem = case.find("failure") if case.find("failure") is not None else case.find("error")
        assert problem is not None
        name = f"{case.get('classname')}.{case.get('name')}"
        yield row("tests", name, "failed", (problem.get("message") or "it broke")[:300])
    if was_cut:
        yield row("tests", "all", "cut", "the time was over", **fields)
    elif bad or exit_status not in (0, 5):
        yield row("tests", "all", "failed", f"pytest: exit status {exit_status}", **fields)
    elif skipped and not counts["passed"]:
        yield row("tests", "all", "skipped", _reason(skipped[0]), **fields)
    else:
        yield row("tests", "all", "ok", **fields)


def _broke(case: Tree.Element) -> bool:
    return case.find("error") is not None


def _reason(case: Tree.Element) -> str:
    found = case.find("skipped")
    return str(found.get("message")) if found is not None else ""
