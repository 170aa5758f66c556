"""A model that is local says so in its configuration, which is what is saved and loaded.

The configuration is the only source: `attention_window` (a number, or one for each attention
module in order) and `local_implementation` (one of `IMPLEMENTATIONS`). A model that is built from
such a configuration, by whatever way, is made local as soon as it is built.
"""

import warnings
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

from lightning_modules.attention import IMPLEMENTATIONS
from lightning_modules.errors import ModelError

# What transformers chooses where nobody asked for a kernel.
LIBRARY_DEFAULTS = (None, "sdpa")
INTERNAL = "_attn_implementation_internal"  # the field behind `_attn_implementation`
# The kernel that whoever loads or builds a model asks for by name.
ASKED: ContextVar[Any] = ContextVar("asked", default=None)


def says_local(config: Any) -> bool:
    """Tell whether a configuration is that of a model with local attention."""
    return getattr(config, "local_implementation", None) is not None


def write_local(config: Any, attention_window: Any, implementation: str) -> None:
    """Note in a configuration that its model is local."""
    is_number = isinstance(attention_window, int)
    config.attention_window = attention_window if is_number else list(attention_window)
    config.local_implementation = implementation


def window_of(module: Any) -> int | None:
    """Return the window of an attention module; None where it has none, or sees all tokens.

    Raises:
        ModelError: Its configuration says another one than it was given.
    """
    window: int | None = getattr(module, "attention_window", None)
    is_told = says_local(getattr(module, "config", None))
    if not hasattr(module, "attention_place") or not is_told:
        return window
    configured = module.config.attention_window
    told = configured if isinstance(configured, int) else configured[module.attention_place]
    if told != window:
        raise ModelError(
            f"`attention_window` of the configuration must be the one that the layers have, "
            f"{window}, got {told}; `localize(model, {told})` gives it to them"
        )
    return window


def follow_configurations(
    model_class: Any, config_class: Any, make_local: Callable[[Any, Any, str], Any]
) -> None:
    """Let every model of transformers follow a configuration that says local, from now on.

    Args:
        model_class: transformers' class of all models.
        config_class: transformers' class of all configurations.
        make_local: Gets a model that was just built, its windows and its implementation.
    """
    build, choose = model_class.post_init, model_class.set_attn_implementation

    @wraps(build)
    def post_init(model: Any, *args: Any, **named: Any) -> None:
        build(model, *args, **named)
        if says_local(model.config):
            make_local(model, model.config.attention_window, _asked_of(model))
        else:
            _warn_of_unused_window(model)

    @wraps(choose)
    def set_attn_implementation(model: Any, chosen: Any, *args: Any, **named: Any) -> None:
        local = [config for config in configs_in(model) if says_local(config)]
        if local:
            _check_choice(chosen)
        choose(model, chosen, *args, **named)
        for config in local:
            config.local_implementation = config._attn_implementation

    model_class.post_init = post_init
    for name in ("from_pretrained", "_from_config"):
        setattr(model_class, name, _noting_choice(vars(model_class)[name].__func__))
    model_class.set_attn_implementation = set_attn_implementation
    _guard_assignment(config_class)


def _noting_choice(make: Callable[..., Any]) -> Any:
    """Return a class method that notes which kernel its caller asks for.

    Where nobody asks, transformers chooses one, and the configuration does not tell which it was.
    """

    @wraps(make)
    def noting(model_class: Any, *args: Any, **named: Any) -> Any:
        configs = [one for one in (named.get("config"), *args[:1]) if hasattr(one, INTERNAL)]
        inherited = getattr(configs[0], INTERNAL) if configs else None
        before = ASKED.set(named.get("attn_implementation") or inherited)
        try:
            return make(model_class, *args, **named)
        finally:
            ASKED.reset(before)

    return classmethod(noting)


def _warn_of_unused_window(model: Any) -> None:
    """Warn of a window that a configuration has and that its class does not know.

    Such is an L-HuBERT that was saved by an older version, and is loaded as a HuBERT.
    """
    config = model.config
    window = vars(config).get("attention_window")
    is_meant = hasattr(type(config), "attention_window") or hasattr(config, "local_implementation")
    if window is not None and not is_meant:
        warnings.warn(
            f"the configuration has an `attention_window` of {window} and no "
            f"`local_implementation`: {type(model).__name__} computes with full attention; "
            f"`localize(model, {window})` gives it the window",
            stacklevel=4,
        )


def _guard_assignment(config_class: Any) -> None:
    """Refuse full attention also where it is assigned to the configuration of a local model."""
    plain = config_class._attn_implementation

    def assign(config: Any, chosen: Any) -> None:
        if says_local(config) and vars(config).get(INTERNAL) in IMPLEMENTATIONS:
            _check_choice(chosen)
        plain.fset(config, chosen)

    config_class._attn_implementation = property(plain.fget, assign)


def configs_in(model: Any) -> list[Any]:
    """List the configurations of a model and of the models in it, each once."""
    configs = [part.config for part in model.modules() if hasattr(part, "config")]
    return list({id(config): config for config in configs}.values())


def _asked_of(model: Any) -> str:
    """Return the kernel that was asked for when a model was built, or the stored one."""
    if (asked := ASKED.get()) is not None:
        _check_choice(asked)
    chosen = model.config._attn_implementation
    is_default = chosen in LIBRARY_DEFAULTS or not model._supports_sdpa
    if chosen in IMPLEMENTATIONS or not is_default:
        _check_choice(chosen)
        return str(chosen)
    return str(model.config.local_implementation)


def _check_choice(chosen: Any) -> None:
    names = list(chosen.values()) if isinstance(chosen, dict) else [chosen]
    wrong = [name for name in names if name not in IMPLEMENTATIONS]
    if wrong:
        raise ModelError(
            f"unknown `implementation` {wrong[0]!r} for a model whose configuration says local; "
            f"choose one of: {', '.join(sorted(IMPLEMENTATIONS))}"
        )
