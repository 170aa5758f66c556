"""No measurement may be promised more memory than there is, on any device."""

from pathlib import Path
from typing import Any

import pytest

from profiling.children.crew import Children
from profiling.errors import SettingsError
from profiling.planning.assumed_devices import find_assumed
from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.sweeping.preparation import ROOM_SHARE, Preparation


class OneGpu(Children):
    """Answers for children of a machine that has a GPU."""

    def __init__(self, free_gib: float = 139.8, **more: object) -> None:
        self.free_gib = free_gib
        self.told: dict[str, object] = {"name": "NVIDIA H200", "memory_gib": 139.8} | more
        self.asked: list[str] = []

    def ask(self, function: str, task: object) -> object:
        self.asked.append(function.rpartition(":")[2])
        return self.free_gib if self.asked[-1] == "free_cuda_gib" else self.told


def settings_of(**chosen: Any) -> SweepSettings:
    return SweepSettings({"text": ModalitySettings(["bert"], [64])}, **chosen)


@pytest.mark.parametrize(
    ("device", "assumed", "most"),
    [
        ("cuda", None, r"139\.8 on NVIDIA H200"),
        ("cuda", "h100", r"80\.0 on h100"),
        ("cpu", None, r"\d+\.\d on this machine"),
    ],
)
def test_a_budget_above_the_memory_of_the_device_is_refused(
    device: str, assumed: str | None, most: str
) -> None:
    settings = settings_of(device=device, memory_budget_gib=9e6)
    found = find_assumed(assumed) if assumed else None
    sentence = rf"`memory_budget_gib` must be at most {most}, got 9000000\.0"
    with pytest.raises(SettingsError, match=sentence):
        Preparation(settings, OneGpu(), None, found).plan()


@pytest.mark.parametrize(("free", "room", "is_said"), [(100.0, 0.0, True), (121.0, 10.0, False)])
def test_what_others_hold_of_a_gpu_is_no_room_and_is_said_where_it_is_of_the_budget(
    tmp_path: Path, free: float, room: float, is_said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    preparation = Preparation(settings_of(device="cuda"), OneGpu(free_gib=free), tmp_path)
    preparation.plan()  # with a budget of 111 GiB
    assert preparation.room_gib == pytest.approx(ROOM_SHARE * room)
    said = capsys.readouterr().err
    sentence = "`memory_budget_gib` 111 must be free on NVIDIA H200, and only 100.00 GiB are: "
    assert said.startswith(sentence) == is_said
    assert said.count("\n") == is_said


@pytest.mark.parametrize(("is_exclusive", "room"), [(True, 0.0), (False, 18.0)])
def test_a_gpu_that_lets_in_one_process_at_a_time_has_no_room_for_those_that_wait(
    is_exclusive: bool, room: float, tmp_path: Path
) -> None:
    gpu = OneGpu(free_gib=129.0, is_exclusive=is_exclusive)
    preparation = Preparation(settings_of(device="cuda"), gpu, tmp_path)
    preparation.plan()
    assert preparation.room_gib == pytest.approx(ROOM_SHARE * room)


def test_a_plan_alone_does_not_enter_a_gpu_that_somebody_measures_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gpu = OneGpu(free_gib=1.0)
    Preparation(settings_of(device="cuda"), gpu, None).plan()
    assert gpu.asked == ["describe_cuda"]
    assert capsys.readouterr().err == ""
