"""The columns of a measurement row: the one table from which everything about them follows.

Keys of rows, what may be compared with what, curves, the tables of the page, the CSV and
TensorBoard ask this table. A column that is added here is in all of them.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from datamodules.modality import MODALITIES

Row = Mapping[str, Any]
"""A measurement, or a tipping point: values by the names of their columns."""

Type = type  # inside `Column` that word means something else
Kind = Literal["name", "identity", "condition", "state", "effort", "result"]
"""What a column says of a row.

name: which row it is; identity: what was measured; condition: what two rows must share to be
compared; state: of data, seed, libraries and this project, of which only the current one counts;
effort: how long was measured, of which rows never mix; result: what came out.
"""


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        name: Its name in rows, TensorBoard and the CSV.
        kind: What it says of a row.
        type: Type of its values, beside null.
        items: Type of what a list or a map holds.
        unit: Unit of a number, in the words of a chart.
        before: Value of rows that were written before there was such a column.
        required: Whether no row can do without it.
        choices: The values it can have; empty: any.
        on_axis: Whether curves run over this condition instead of being told apart by it.
        belongs_to: The conditions of which each combination has a state of its own: another device
            has other libraries, and other batches have other data.
        words: How a condition or a part of the identity reads beside others; `{}` is the value.
            Empty: it is not named unless it tells two apart.
        judged: The metric that is judged by it; empty for none.
        cost: What a ratio of the metric's costs is a ratio of: a cost, so below 1 is better.
        measured_with: The metrics with which it is measured: a sweep that is asked for one of them
            measures it. Empty: every sweep does.
        higher_is_better: Whether a large value is good; a cost is then one over it.
        drawn: Whether it has curves.
        heading: Its heading in the page's table of all rows; empty: it is not in there.
    """

    name: str
    kind: Kind
    type: type
    unit: str = ""
    items: Type | None = None
    before: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    on_axis: bool = False
    belongs_to: tuple[str, ...] = ()
    words: str = ""
    judged: str = ""
    cost: str = ""
    measured_with: tuple[str, ...] = ()
    higher_is_better: bool = False
    drawn: bool = False
    heading: str = ""


PHASES = ("inference", "training")
DEVICE = ("device", "device_name")
COLUMNS: tuple[Column, ...] = (
    Column("key", "name", str, required=True),
    Column("visit", "name", int, required=True, heading="visit"),
    Column("modality", "identity", str, required=True, choices=tuple(MODALITIES),
           heading="modality"),
    Column("variant", "identity", str, required=True, heading="variant"),
    Column("implementation", "identity", str, required=True, heading="implementation"),
    Column("attention_window", "identity", int, heading="window"),
    Column("checkpoint", "identity", str, heading="checkpoint"),
    Column("compiled", "identity", bool, before=False, words="compiled", heading="compiled"),
    Column("graphed", "identity", bool, before=False, words="graphed", heading="graphed"),
    Column("phase", "condition", str, required=True, choices=PHASES, heading="phase"),
    Column("sequence_length", "condition", int, "tokens", on_axis=True),
    Column("input_size", "condition", int, on_axis=True),
    Column("size", "condition", str, words="{}", heading="size"),
    Column("precision", "condition", str, words="precision {}", heading="precision"),
    Column("device", "condition", str, words="{}"),
    Column("device_name", "condition", str, words="{}", heading="device"),
    Column("threads", "condition", int, words="{} threads"),
    Column("allocator", "condition", str, before="system", choices=("kept", "system"),
           words="memory {}"),
    Column("tf32", "condition", bool, words="tf32 {}"),
    Column("cudnn_benchmark", "condition", bool, words="cudnn benchmark {}"),
    Column("sdpa_backend", "condition", str, words="fused attention {}"),
    Column("dropout", "condition", str, words="dropout {}"),
    Column("batch_source", "condition", str, words="{} batches"),
    Column("batch_size", "condition", int, before=1),
    Column("memory_budget_gib", "condition", float, "GiB", words="{} GiB budget"),
    Column("max_batch_size", "condition", int, words="batches up to {}"),
    Column("fingerprint", "state", str, belongs_to=("batch_source",)),
    Column("seed", "state", int),
    Column("versions", "state", str),
    Column("cuda_version", "state", str, belongs_to=DEVICE),
    Column("cudnn_version", "state", str, belongs_to=DEVICE),
    Column("driver_version", "state", str, belongs_to=DEVICE),
    Column("num_warmup_steps", "effort", int),
    Column("min_samples", "effort", int),
    Column("seconds_per_measurement", "effort", float, "s"),
    Column("metrics", "effort", list, items=str),
    Column("max_length", "effort", int),
    Column("status", "result", str, required=True, choices=("ok", "oom", "error", "skipped"),
           heading="status"),
    Column("error", "result", str),
    Column("effective_sequence_length", "result", int, "tokens", heading="computed on"),
    Column("latency_ms", "result", float, "ms", judged="latency", cost="time",
           measured_with=("latency", "throughput"), drawn=True, heading="latency ms"),
    Column("latency_ms_p10", "result", float, "ms", heading="p10"),
    Column("latency_ms_p90", "result", float, "ms", heading="p90"),
    Column("latency_ms_samples", "result", list, "ms", items=float),
    Column("throughput_samples_per_s", "result", float, "samples/s", judged="throughput",
           cost="time per sample", measured_with=("throughput",), higher_is_better=True, drawn=True,
           heading="samples/s"),
    Column("throughput_tokens_per_s", "result", float, "tokens/s",
           measured_with=("throughput",), drawn=True, heading="tokens/s"),
    Column("throughput_batch_size", "result", int, heading="at batch"),
    Column("throughput_latency_ms_samples", "result", list, "ms", items=float),
    Column("throughput_page_faults_per_step", "result", float),
    Column("throughput_attention_kernel", "result", str),
    Column("masked_step_ratio", "result", float, heading="masked step over plain"),
    Column("throughput_masked_step_ratio", "result", float),
    Column("largest_batch_size", "result", int, heading="largest batch"),
    Column("largest_batch_limited_by", "result", str),
    Column("peak_memory_mib", "result", float, "MiB", judged="memory", cost="memory",
           measured_with=("memory",), drawn=True, heading="peak MiB"),
    Column("memory_above_weights_mib", "result", float, "MiB", measured_with=("memory",),
           drawn=True, heading="above weights MiB"),
    Column("loaded_memory_mib", "result", float, "MiB", heading="loaded MiB"),
    Column("first_step_peak_mib", "result", float, "MiB", heading="first step MiB"),
    Column("workspace_mib", "result", float, "MiB"),
    Column("parameters", "result", int),
    Column("attention_kernel", "result", str),
    Column("cores", "result", list, items=int),
    Column("page_faults_per_step", "result", float, heading="page faults per step"),
    Column("others_cpu_share", "result", float, heading="CPU taken by others"),
    Column("disturbed", "result", bool, before=False, heading="disturbed"),
    Column("cpu_mhz", "result", float, "MHz", heading="CPU MHz"),
    Column("device_busy_ms", "result", float, "ms", heading="device busy ms"),
    Column("host_bound_share", "result", float, heading="waits for the host"),
    Column("gpu_mhz", "result", float, "MHz", heading="GPU MHz"),
    Column("gpu_watts", "result", float, "W", heading="GPU W"),
    Column("gpu_joules_per_step", "result", float, "J"),
    Column("gpu_throttles", "result", list, items=str),
    Column("compile_seconds", "result", float, "s", heading="compile s"),
    Column("compiled_graphs", "result", int),
    Column("graph_breaks", "result", int, heading="graph breaks"),
    Column("flops", "result", float),
    Column("flops_exact", "result", float),
    Column("flops_dense", "result", float),
    Column("peak_flops_per_s", "result", float),
    Column("components", "result", dict, items=dict),
    Column("components_closure", "result", float, heading="components over step"),
    Column("components_error", "result", str),
    Column("seconds", "result", float, "s", before=0.0),
)  # fmt: skip


def columns_of(*kinds: Kind) -> list[Column]:
    """Return the columns of some kinds, by default all, in the order of the table."""
    return [column for column in COLUMNS if not kinds or column.kind in kinds]


def shared_conditions() -> list[Column]:
    """Return what all rows of a curve share: every condition but the place on the axis."""
    return [column for column in columns_of("condition") if not column.on_axis]


def drawn_columns() -> list[Column]:
    """Return the columns that have curves."""
    return [column for column in COLUMNS if column.drawn]


def judged_columns() -> dict[str, Column]:
    """Return the columns that verdicts judge by, by the name of their metric."""
    return {column.judged: column for column in COLUMNS if column.judged}


def value_of(row: Row, column: Column) -> Any:
    """Return a row's value of a column, also where the row is older than the column."""
    return row.get(column.name, column.before)


def key_of(row: Row) -> str:
    """Return a hash of what a row is a measurement of, and of how it was measured.

    A column that has the value of older rows is left out: their keys stay when one is added.
    """
    asked = {
        column.name: value
        for column in columns_of("identity", "condition", "state", "effort")
        if (value := value_of(row, column)) != column.before
    }
    text = json.dumps(asked, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def effort_of(row: Row) -> str:
    """Return how long was measured, as a text that is the same for rows that may meet."""
    values = [value_of(row, column) for column in columns_of("effort")]
    return json.dumps(values, sort_keys=True)


def complete(row: Row) -> dict[str, Any]:
    """Return a row that has every column, those it lacks with the value of older rows."""
    known = {
        column.name: column.before if row.get(column.name) is None else row[column.name]
        for column in COLUMNS
    }
    return {**row, **known}
