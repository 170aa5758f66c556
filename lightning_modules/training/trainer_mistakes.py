"""What Lightning, its loggers and torch's optimisers say of settings, in one sentence."""

import re
import traceback

from lightning.fabric.utilities.exceptions import MisconfigurationException

# Pattern of what is raised, and the sentence instead of it; others are said as they are.
SENTENCES = (
    (r"`LearningRateMonitor` callback with", "`logger` must be given for `LearningRateMonitor`"),
    (
        r"monitor='([^']*)'\)` could not find the monitored key in the returned metrics: (.*?\])",
        r"`monitor` must be a metric that is logged, got '\1'; choose one of: \2",
    ),
    (
        r"conditioned on metric `([^`]*)` which is not available.*?the following: (.*?)\.?$",
        r"`monitor` must be a metric that is logged, got '\1'; choose one of: \2",
    ),
    (r"Invalid learning rate: (\S+)", r"`lr` must be at least 0, got \1"),
    (r"Invalid (\w+) value: (\S+)", r"`\1` cannot be \2"),
    (
        r"`?val_check_interval`? \((\d+)\) must be less than or equal to the number .*? \((\d+)\)",
        r"`val_check_interval` must be at most \2, the batches of an epoch, got \1",
    ),
    (r"(-?\d+) is not in bounds", r"`seed_everything` must be at least 0, got \1"),
    (r"Seed must be between .*? (-?\d+)", r"`seed_everything` must be at least 0, got \1"),
    (r"modulo by zero", "`accumulate_grad_batches` must be at least 1, got 0"),
    (r"Requirement '(\w+)[^']*' not met", r"`logger` needs \1, which is not installed"),
    (r"No module named '([^']+)'", r"`trainer` needs \1, which is not installed"),
)
# Packages whose errors are about settings, where the last frame is in them.
PACKAGES = ("lightning", "lightning_fabric", "lightning_utilities", "pytorch_lightning")
OPTIMISERS = "torch.optim."
KINDS = (ImportError, RuntimeError, TypeError, ValueError, ZeroDivisionError)


def find_trainer_mistake(problem: BaseException | None) -> str | None:
    """Return in one sentence which setting of the Trainer is wrong; None where it is none of them.

    Args:
        problem: What was raised; also what it was raised from is looked at.
    """
    while problem is not None:
        if isinstance(problem, MisconfigurationException) or _is_of_settings(problem):
            return _sentence(str(problem))
        problem = problem.__cause__ or problem.__context__
    return None


def _is_of_settings(problem: BaseException) -> bool:
    if not isinstance(problem, KINDS):
        return False
    module = _raising_module(problem)
    # An error of a value that is computed with, such as a shape, is no setting and keeps its trace.
    is_of_optimiser = module.startswith(OPTIMISERS) and isinstance(problem, ValueError)
    return module.partition(".")[0] in PACKAGES or is_of_optimiser


def _raising_module(problem: BaseException) -> str:
    """Return the name of the module whose code raised it; its path may have any folder in it."""
    frames = [frame for frame, _ in traceback.walk_tb(problem.__traceback__)]
    return str(frames[-1].f_globals.get("__name__", "")) if frames else ""


def _sentence(text: str) -> str:
    said = " ".join(text.split())
    for pattern, sentence in SENTENCES:
        if found := re.search(pattern, said):
            return found.expand(sentence)
    return re.split(r"\. |\.$", said)[0]
