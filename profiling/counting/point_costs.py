"""What one step of a point computes, reads, writes and holds, by component."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class PassCosts:
    """What a component does in one pass.

    Args:
        flops: Floating point operations of its products of matrices and its convolutions; a
            multiplication and an addition are two.
        bytes: What its operators read and write.
    """

    flops: float = 0.0
    bytes: float = 0.0


@dataclass(frozen=True)
class ComponentCosts:
    """What a component costs.

    Args:
        forward: In the forward pass.
        backward: In the backward pass; nothing in inference.
        parameters: That belong to it, trained or not.
        memory_mib: Of the tensors that it made and that live at the step's peak, in 2^20 bytes.
    """

    forward: PassCosts = PassCosts()
    backward: PassCosts = PassCosts()
    parameters: int = 0
    memory_mib: float = 0.0

    @property
    def flops(self) -> float:
        """Of both passes."""
        return self.forward.flops + self.backward.flops

    def fields(self) -> dict[str, float]:
        """Return what the column `components` holds of it, beside its times."""
        return {
            "flops": self.flops,
            "forward_flops": self.forward.flops,
            "backward_flops": self.backward.flops,
            "parameters": self.parameters,
            "memory_mib": self.memory_mib,
        }


@dataclass(frozen=True)
class PointCosts:
    """What one step of a point costs at batch size 1, the optimiser's own operations apart.

    Args:
        components: By the words of `COMPONENTS`; one that has nothing is left out.
        flops_exact: As `flops`, of attention only the pairs inside window and sequence.
        flops_dense: As `flops`, of attention all pairs of tokens.
        recomputed_flops: What fused attention computes again in its backward pass; in no other
            number.
    """

    components: Mapping[str, ComponentCosts]
    flops_exact: float
    flops_dense: float
    recomputed_flops: float = 0.0

    @property
    def flops(self) -> float:
        """What the kernels execute, blocks and padding included."""
        return sum(costs.flops for costs in self.components.values())

    @property
    def parameters(self) -> int:
        """Of the model."""
        return sum(costs.parameters for costs in self.components.values())

    @property
    def memory_mib(self) -> float:
        """Peak of the step above the weights, in 2^20 bytes."""
        return sum(costs.memory_mib for costs in self.components.values())

    def fields(self) -> dict[str, float]:
        """Return the columns of a row that hold sums."""
        return {
            "flops": self.flops,
            "flops_exact": self.flops_exact,
            "flops_dense": self.flops_dense,
        }

    def component_fields(self) -> dict[str, dict[str, float]]:
        """Return what the column `components` holds of each component, beside its times."""
        return {name: costs.fields() for name, costs in self.components.items()}


@dataclass(frozen=True)
class WholeStep:
    """What a step costs, counted without asking which component computes.

    Args:
        flops: Of both passes.
        peak_bytes: Live at the peak, above the weights.
    """

    flops: float
    peak_bytes: int


def check_sums(costs: PointCosts, whole: WholeStep, model: nn.Module) -> None:
    """Check that the components are the whole: none is counted twice, and none forgotten.

    Raises:
        RuntimeError: FLOPs, parameters or memory of the components are not those of the step.
    """
    parameters = sum(parameter.numel() for parameter in model.parameters())
    sums = {
        "FLOPs": (costs.flops, whole.flops),
        "parameters": (costs.parameters, parameters),
        "MiB of memory": (costs.memory_mib, whole.peak_bytes / 2**20),
    }
    for name, (parts, total) in sums.items():
        if not torch.isclose(torch.tensor(parts).double(), torch.tensor(total).double()):
            raise RuntimeError(f"the components have {parts:,.0f} {name}, the step {total:,.0f}")
