"""Reference curves as a table, as a picture, and as TensorBoard files that lie beside one's own."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.digits.curves import COLOURS
from benchmarks.digits.reference.curves import seeds_of
from benchmarks.digits.rounds import ROUNDS

# What the picture and the table show: round, scalar, what it is called.
SHOWN = (
    ("pretrain", "train_prediction_loss", "loss, nats"),
    ("pretrain", "train_masked_accuracy", "masked accuracy"),
    ("pretrain", "train_unmasked_accuracy", "unmasked accuracy"),
    ("pretrain", "gradient_norm", "gradient norm"),
    ("words", "train_loss", "CTC loss, words"),
    ("words", "val_wer", "WER, words"),
    ("ctc", "val_wer", "WER, utterances"),
    ("more", "val_wer", "WER, more"),
)
ROWS_PER_CURVE = 5
RANGE = ("lowest", "mean", "highest")


def reference_table(reference: dict[str, Any]) -> str:
    """Return a table in Markdown: mean and range over seeds, at a few steps of every curve."""
    curves = reference["curves"]
    heads = [f"{model}, {seeds_of(rounds)} seeds" for model, rounds in curves.items()]
    lines = [
        f"{reference['date']}, {reference['machine']}; mean and, in brackets, lowest and highest "
        "seed.",
        "",
        f"| round | what | step | {' | '.join(heads)} |",
        "|---" * (3 + len(curves)) + "|",
    ]
    for name, scalar, title in SHOWN:
        of_models = {model: found.get(name, {}).get(scalar) for model, found in curves.items()}
        steps: list[int] = next((each["steps"] for each in of_models.values() if each), [])
        for step in _few(steps):
            cells = [_cell(each, step) for each in of_models.values()]
            lines.append(f"| {name} | {title} | {step + 1} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _few(steps: list[int]) -> list[int]:
    """Take some steps, the ends always."""
    last = len(steps) - 1
    count = min(ROWS_PER_CURVE, len(steps))
    return [steps[round(last * place / max(1, count - 1))] for place in range(count)]


def _cell(curve: dict[str, Any] | None, step: int) -> str:
    if curve is None or step not in curve["steps"]:
        return ""
    place = curve["steps"].index(step)
    low, mean, high = (f"{curve[way][place]:.3g}" for way in RANGE)
    return mean if curve["seeds"][place] < 2 else f"{mean} [{low}-{high}]"


def draw_reference(reference: dict[str, Any]) -> Any:
    """Draw mean and range over seeds of what the table has, a panel for each curve."""
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    panels = figure.subplots(2, len(SHOWN) // 2).flatten()
    for axes, (name, scalar, title) in zip(panels, SHOWN, strict=True):
        axes.set(title=title, xlabel=f"step of `{name}`", xlim=(0, ROUNDS[name].num_steps))
        for model, found in reference["curves"].items():
            if curve := found.get(name, {}).get(scalar):
                steps, colour = curve["steps"], COLOURS[model]
                marker = "." if len(steps) < ROWS_PER_CURVE else ""
                axes.plot(steps, curve["mean"], color=colour, lw=1, marker=marker)
                axes.fill_between(
                    steps, curve["lowest"], curve["highest"], color=colour, alpha=0.2, lw=0
                )
    for model in reference["curves"]:
        panels[0].plot([], [], color=COLOURS[model], lw=1, label=model)
    panels[0].legend(frameon=False)
    return figure


def write_events(reference: dict[str, Any], folder: Path) -> None:
    """Write the curves as TensorBoard files, a run for mean, lowest and highest of every round.

    Scalars have the names under which training logs them, so that `tensorboard --logdir` draws
    them into the charts of a run whose logs are in the same folder.
    """
    from torch.utils.tensorboard import SummaryWriter

    for model, rounds in reference["curves"].items():
        for name, curves in rounds.items():
            for way in RANGE:
                with SummaryWriter(str(folder / f"reference-{model}-{name}" / way)) as writer:
                    for scalar, curve in curves.items():
                        for step, value in zip(curve["steps"], curve[way], strict=True):
                            writer.add_scalar(scalar, value, step)
