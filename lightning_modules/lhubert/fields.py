"""Fields of a HuBERT's configuration that a user replaces, and what is wrong with them."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from transformers.activations import ACT2FN

from lightning_modules.errors import ModelError
from lightning_modules.lhubert.configuration import LHubertConfig

ACTIVATIONS = ("feat_extract_activation", "hidden_act")  # fields that name a function
# What building a model of impossible numbers raises.
BUILDING_ERRORS = (IndexError, RuntimeError, TypeError, ValueError, ZeroDivisionError)


def validate_fields(fields: Mapping[str, Any]) -> None:
    """Raise ModelError where there is no such field, or it names no function."""
    unknown = sorted(set(fields) - set(LHubertConfig().to_dict()))
    if unknown:
        raise ModelError(
            f"`model_fields` must be fields of a HuBERT configuration, got {unknown[0]!r}"
        )
    for name in ACTIVATIONS:
        if name in fields and fields[name] not in ACT2FN:
            raise ModelError(
                f"unknown `{name}` {fields[name]!r} of `model_fields`; choose one of: "
                f"{', '.join(sorted(ACT2FN))}"
            )


def validate_config(model_class: Any, config: Any) -> None:
    """Raise ModelError where no model can be built of a configuration; none takes memory for it."""
    with (
        explained_fields(*BUILDING_ERRORS),
        torch.random.fork_rng(devices=[]),
        torch.device("meta"),
    ):
        model_class(copy.deepcopy(config))


@contextmanager
def explained_fields(*kinds: type[Exception]) -> Iterator[None]:
    """Turn what transformers or torch say of fields into one sentence.

    Args:
        kinds: What they raise.

    Raises:
        ModelError: One of these was raised.
    """
    try:
        yield
    except ModelError:
        raise
    except kinds as problem:
        reason = str(problem).strip().splitlines()[-1].strip()
        raise ModelError(
            f"`model_fields` do not make a HuBERT configuration: {reason}"
        ) from problem
