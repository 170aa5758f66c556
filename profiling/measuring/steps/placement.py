"""Where model and batch are: on the device from the beginning, until nobody needs them."""

import torch
from lightning.pytorch.strategies import SingleDeviceStrategy


class StayingStrategy(SingleDeviceStrategy):
    """Lightning's strategy for one device, which leaves the model there when a run is over.

    Lightning would copy a model and the state of its optimisers to the CPU, which for a large one
    takes longer than its measurement; here a process ends soon, or lets go of the model.
    """

    def __init__(self, device: str) -> None:
        """Run on a device: "cpu", "cuda"."""
        super().__init__(torch.device(device, 0) if device == "cuda" else torch.device(device))

    def teardown(self) -> None:
        """Do what Lightning does, and move nothing."""
        self.precision_plugin.teardown()
        assert self.accelerator is not None
        self.accelerator.teardown()
        self.checkpoint_io.teardown()
