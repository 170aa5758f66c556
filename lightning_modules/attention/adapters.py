"""Adapters (LoRA) of a local model: their files say so, and they refuse a base that is not.

An adapter is saved without the configuration of its base, whose windows would be lost: on a fresh
base it would silently compute with full attention.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

from lightning_modules.attention.local_configs import says_local
from lightning_modules.errors import ModelError
from lightning_modules.side_files import find_side_file

NOTE = "local_attention.json"
ADAPTER = "adapter_config.json"
# Linux's clock of files stands still for less.
TICK_NS = 20_000_000
# What loaders of adapters hand on to the hub.
OF_THE_HUB = ("cache_dir", "local_files_only", "revision", "subfolder", "token")
# Writes the notes of what is being saved.
WRITE_NOTES: ContextVar[Callable[[], None] | None] = ContextVar("write_notes", default=None)


def guard_adapters(model_class: Any) -> None:
    """Let a class write the note with every adapter that it saves, and heed it when it loads one.

    Args:
        model_class: Has `save_pretrained(folder)` and `load_adapter(folder or hub name)`, as
            models of transformers and of peft have.
    """
    save, load = model_class.save_pretrained, model_class.load_adapter

    @wraps(save)
    def save_pretrained(model: Any, save_directory: Any, *args: Any, **named: Any) -> Any:
        with _noting_saved(_base_config(model), Path(save_directory)):
            return save(model, save_directory, *args, **named)

    @wraps(load)
    def load_adapter(model: Any, *args: Any, **named: Any) -> Any:
        source = args[0] if args else named.get("model_id", named.get("peft_model_id"))
        if source is not None and (note := _find_note(str(source), named)) is not None:
            _heed_note(model, note, str(source))
        return load(model, *args, **named)

    model_class.save_pretrained, model_class.load_adapter = save_pretrained, load_adapter


def note_before_uploads(model_class: Any) -> None:
    """Let a class that uploads while it saves write the notes first, so that they go along.

    Args:
        model_class: Has been given to `guard_adapters`; has `_upload_modified_files`, as models of
            transformers have.
    """
    upload = model_class._upload_modified_files

    @wraps(upload)
    def _upload_modified_files(model: Any, *args: Any, **named: Any) -> Any:
        if (write_notes := WRITE_NOTES.get()) is not None:
            write_notes()
        return upload(model, *args, **named)

    model_class._upload_modified_files = _upload_modified_files


def guard_peft() -> None:
    """Guard the adapters of peft, which has been imported."""
    guard_adapters(import_module("peft.peft_model").PeftModel)


def _base_config(model: Any) -> Any:
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return getattr(base, "config", None)


@contextmanager
def _noting_saved(config: Any, folder: Path) -> Iterator[None]:
    """Write the note of every adapter that is saved meanwhile; others there keep theirs."""
    before = _times_of_adapters(folder)
    if any(time.time_ns() - changed < TICK_NS for changed in before.values()):
        time.sleep(TICK_NS / 1e9)  # or what is written now might look as if it had not been

    def write_notes() -> None:
        for adapter, changed in _times_of_adapters(folder).items():
            if before.get(adapter) != changed:
                _write_note(config, adapter.parent / NOTE)

    outer = WRITE_NOTES.set(write_notes)
    try:
        yield
    finally:
        WRITE_NOTES.reset(outer)
    write_notes()


def _times_of_adapters(folder: Path) -> dict[Path, int]:
    found = (*folder.glob(ADAPTER), *folder.glob(f"*/{ADAPTER}"))
    return {adapter: adapter.stat().st_mtime_ns for adapter in found}


def _write_note(config: Any, note: Path) -> None:
    if says_local(config):
        note.write_text(json.dumps({"attention_window": config.attention_window}) + "\n")
    else:
        note.unlink(missing_ok=True)  # of an adapter that was here before


def _find_note(source: str, named: dict[str, Any]) -> Path | None:
    """Return the note of an adapter in a folder or on the hub, from where it is fetched."""
    asked = named | (named.get("adapter_kwargs") or {})
    chosen = {name: asked[name] for name in OF_THE_HUB if asked.get(name) is not None}
    # An adapter without a note is none of a local model; whether it can be had at all is for its
    # loader to say.
    return find_side_file(source, NOTE, **chosen)


def _heed_note(model: Any, note: Path, source: str) -> None:
    """Refuse an adapter whose base had other windows.

    Raises:
        ModelError: The model is not local, its windows are others, or the note is damaged.
    """
    try:
        expected = json.loads(note.read_text())["attention_window"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelError(f"the adapter in {source} has a {NOTE} that is damaged, {note}") from error
    config = _base_config(model)
    got = config.attention_window if says_local(config) else None
    if got != expected:
        raise ModelError(
            f"the adapter in {source} belongs to a base with `attention_window` {expected}, "
            f"got {'full attention' if got is None else got}; "
            f"give it first: `localize(base, {expected})`"
        )
