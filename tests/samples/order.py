"""In which order tests run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

# Files that take long, the longest first: one that began last would leave all cores but one idle.
BEGIN_FIRST = (
    "test_whole_sweep.py",
    "test_compiling.py",
    "test_minimal_installation.py",
    "test_readme.py",
    "test_sweep.py",
    "test_report_in_browser.py",
    "test_training_configs.py",
    "test_building.py",
    "test_precisions.py",
    "test_measure.py",
    "test_learning.py",
    "test_clusters.py",
    "test_shards.py",
    "test_closed_forms.py",
    "test_costs_of_padded.py",
    "test_train.py",
    "test_configs.py",
    "test_labels_again.py",
    "test_prediction_files.py",
    "test_device_attention.py",
    "test_resume.py",
    "test_entry_points.py",
    "test_macos.py",
    "test_phone_in_browser.py",
    "test_training_page.py",
    "test_frontier_pass.py",
    "test_spoken_stages.py",
)


class InAFile(Protocol):
    """A test, which knows its file."""

    path: Path


Test = TypeVar("Test", bound=InAFile)


def in_order(tests: Sequence[Test], asked: Sequence[str]) -> list[Test]:
    """Put files that take long first; the others stay in their order.

    Args:
        tests: As they were found.
        asked: What was named on the command line: where it is files, they stay in their order.
    """
    if any(".py" in name for name in asked):
        return [*tests]
    places = {name: place for place, name in enumerate(BEGIN_FIRST)}
    return sorted(tests, key=lambda test: places.get(test.path.name, len(places)))
