"""No measurement may be promised more memory than there is, on any device."""

import pytest

from profiling.children.crew import Children
from profiling.errors import SettingsError
from profiling.planning.assumed_devices import find_assumed
from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.sweeping.preparation import Preparation


class OneGpu(Children):
    """Answers for children of a machine that has a GPU."""

    def ask(self, function: str, task: object) -> dict[str, object]:
        return {"name": "NVIDIA H200", "memory_gib": 139.8}


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
    texts = {"text": ModalitySettings(["bert"], [64])}
    settings = SweepSettings(texts, device=device, memory_budget_gib=9e6)  # type: ignore[arg-type]
    found = find_assumed(assumed) if assumed else None
    sentence = rf"`memory_budget_gib` must be at most {most}, got 9000000\.0"
    with pytest.raises(SettingsError, match=sentence):
        Preparation(settings, OneGpu(), None, found).plan()
