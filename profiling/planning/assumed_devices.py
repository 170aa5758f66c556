"""What a sweep will take on a GPU that is not here: an estimate, never a measurement.

Per step the larger of two times: what the device computes and copies, and what the host needs to
launch its operators. Per visit: processes, building, warming up, timing, searching.
"""

from dataclasses import dataclass

from datamodules.geometry import PATCH_SIDE
from lightning_modules.sizes import CONV_WIDTHS, ENCODER_SIZES
from profiling.errors import SettingsError
from profiling.planning.points import Point
from profiling.planning.requests import WARM_UP_S
from profiling.planning.visits import measures_memory

# Of the published HuBERT, per frame: its convolutions and its positional convolution, which reach
# about a quarter of what large products do.
CONV_FLOPS, CONV_FACTOR = 98e6 + 9.4e6, 4.0
# Tokens that a query sees in variants whose window is not a setting.
WIDTHS = {"nystromformer": 2 * 64, "bigbird": 11 * 64, "swin": 49}
# Kernels of transformers gather and mask around their products.
LIBRARY_FACTOR = 3.0
# Operators of a layer, inference and training; blocked windows have more.
OPERATORS = {"inference": 14.0, "training": 44.0}
BLOCKED_FACTOR = 1.4
TRAINING_FACTOR = 3.0
# Bytes that a layer moves per token besides its products, in numbers as wide as the model, and the
# passes over the scores of an attention that is not fused.
ELEMENTWISE_PASSES, SCORE_PASSES = {"text": 24, "speech": 60, "vision": 24}, 6
# A process with its context of the device and its libraries; a model built and brought there.
START_S, BUILD_S = 2.0, {"text": 1.0, "speech": 0.5, "vision": 0.5}
# Beside every measurement of speed: steps to one that is profiled, and what the profiler takes.
PROFILED_STEPS, PROFILE_S = 3, 0.5
# Times the seconds of one measurement: the search for the best batch size, then its winner.
SEARCH_SHARE = 2.5


@dataclass(frozen=True)
class AssumedDevice:
    """A GPU by its figures.

    Args:
        name: What it is called, as `--assume-device` takes it.
        memory_gib: Its memory.
        products: Floating-point operations per second of large products, by the bytes of a number.
        attention: The same of fused attention with heads 64 wide.
        bytes_per_s: Of a large copy, read and written.
        operator_s: Seconds that the host takes to launch an operator.
    """

    name: str
    memory_gib: float
    products: dict[int, float]
    attention: dict[int, float]
    bytes_per_s: float
    operator_s: float = 17e-6

    def step_s(self, point: Point) -> float:
        """Return the seconds of a step at batch size 1."""
        factor = TRAINING_FACTOR if point.phase == "training" else 1.0
        return max(factor * self._device_s(point), self._host_s(point))

    def visit_s(self, point: Point, number: int = 0) -> float:
        """Return the seconds of a visit, which are 0 where it is skipped.

        Args:
            point: What is visited.
            number: Which visit; memory is not measured in all.
        """
        if point.skip_reason:
            return 0.0
        effort, metrics = point.effort, point.metrics
        step_s = self.step_s(point)
        timed_s = max(effort.seconds_per_measurement, effort.min_samples * step_s)
        start_s = START_S + BUILD_S[point.modality]
        beside_speed = bool({"latency", "throughput"} & {*metrics})
        seconds = 0.0
        if beside_speed:
            seconds += start_s + self._around_s(point) + timed_s
        if "throughput" in metrics:
            trials = point.conditions.max_batch_size.bit_length()
            seconds += SEARCH_SHARE * timed_s + trials * BUILD_S[point.modality]
        if measures_memory(point, number, beside_speed):
            seconds += start_s + 2 * step_s
        return seconds

    def _around_s(self, point: Point) -> float:
        """Return the seconds before and after the timed steps: the warm-up, a profiled step."""
        step_s, device = self.step_s(point), point.conditions.device
        warm_up_s = max(point.effort.num_warmup_steps * step_s, step_s + WARM_UP_S.get(device, 0.0))
        return warm_up_s + (PROFILED_STEPS * step_s + PROFILE_S if device == "cuda" else 0.0)

    def _device_s(self, point: Point) -> float:
        shape, tokens, width = ENCODER_SIZES[point.conditions.size], _tokens(point), _width(point)
        size = 4 if point.conditions.precision == "32-true" else 2
        values = tokens * shape.hidden_size * shape.num_layers
        products = 24.0 * values * shape.hidden_size + _ends(point) * tokens
        attention = 4.0 * values * width
        if point.implementation in ("library", "mask_fixed"):
            attention *= LIBRARY_FACTOR
        moved = ELEMENTWISE_PASSES[point.modality] * values * size
        if point.implementation in ("eager", "local_masked"):
            moved += SCORE_PASSES * size * tokens**2 * shape.num_heads * shape.num_layers
        return (
            products / self.products[size]
            + attention / self.attention[size]
            + moved / self.bytes_per_s
        )

    def _host_s(self, point: Point) -> float:
        layers = ENCODER_SIZES[point.conditions.size].num_layers
        factor = BLOCKED_FACTOR if point.implementation == "local_blocked" else 1.0
        return layers * OPERATORS[point.phase] * factor * self.operator_s


def _tokens(point: Point) -> int:
    return (point.length // PATCH_SIDE) ** 2 if point.modality == "vision" else point.length


def _width(point: Point) -> int:
    """Return how many tokens a query sees."""
    tokens = _tokens(point)
    own = point.attention_window or WIDTHS.get(point.variant)
    dense = own is None or point.implementation == "local_masked"
    return tokens if dense else min(tokens, own or tokens)


def _ends(point: Point) -> float:
    """Return the operations per token of what comes before the encoder, and after it."""
    size = point.conditions.size
    if point.modality == "speech":
        return CONV_FACTOR * CONV_FLOPS * (CONV_WIDTHS[size] / CONV_WIDTHS["base"]) ** 2
    return 2.0 * point.num_classes * ENCODER_SIZES[size].hidden_size


# Of an H100: products of half precision sustained, float32 without TF32; an H200 is the same chip
# with a faster memory.
ASSUMED = {
    device.name: device
    for device in (
        AssumedDevice("h100", 80.0, {2: 600e12, 4: 50e12}, {2: 324e12, 4: 50e12}, 3.0e12),
        AssumedDevice("h200", 141.0, {2: 600e12, 4: 50e12}, {2: 324e12, 4: 50e12}, 4.2e12),
    )
}


def find_assumed(name: str) -> AssumedDevice:
    """Look one up; SettingsError lists the choices."""
    if name not in ASSUMED:
        raise SettingsError(
            f"`assume_device` has no {name!r}; choose one of: {', '.join(sorted(ASSUMED))}"
        )
    return ASSUMED[name]
