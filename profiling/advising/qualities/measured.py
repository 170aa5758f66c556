"""What one's own runs found a variant to keep or lose: a file that `advise --quality` reads."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.nesting import parse_bounded_json
from lightning_modules.variants import VARIANTS
from profiling.errors import SettingsError

NEEDED = ("variant", "metric", "value", "source")
KNOWN = (*NEEDED, "attention_window")


@dataclass(frozen=True)
class MeasuredQuality:
    """One figure that was measured, such as a word error rate.

    Args:
        variant: Of which variant.
        attention_window: Of which window; None speaks for all.
        metric: What was measured, as `train.py` calls it, such as test_wer.
        value: What came out.
        source: Where it was measured: run, data, number of samples.
    """

    variant: str
    attention_window: int | None
    metric: str
    value: float
    source: str

    def is_of(self, variant: str, attention_window: int | None) -> bool:
        """Tell whether it speaks for a variant with this window."""
        return self.variant == variant and self.attention_window in (None, attention_window)

    def __str__(self) -> str:
        """Return it in words."""
        window = f" w{self.attention_window}" if self.attention_window else ""
        return f"{self.metric} of {self.variant}{window} is {self.value:g} ({self.source})"

    def to_dict(self) -> dict[str, Any]:
        """Return what a program reads."""
        return {"metric": self.metric, "value": self.value, "source": self.source}


def read_quality(paths: str | Sequence[str]) -> list[MeasuredQuality]:
    """Read JSON lists of objects with variant, metric, value, source and maybe attention_window.

    A model may have figures of several sources, such as two test sets.

    Args:
        paths: One file or several, as each `train.py test` writes one.

    Raises:
        SettingsError: A file cannot be read, an entry cannot be, or two are of the same.
    """
    files = [paths] if isinstance(paths, str) else paths
    found = [_entry(path, fields) for path in files for fields in _read(path)]
    names = [(each.variant, each.attention_window, each.metric, each.source) for each in found]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(
                "`quality` must have each variant, window, metric and source once, got "
                f"{name[0]} with {name[2]} twice in {', '.join(files)}"
            )
    return found


def _read(path: str) -> list[Any]:
    try:
        given = parse_bounded_json(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"`quality` {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"`quality` {path} cannot be read as JSON: {error}") from error
    if not isinstance(given, list) or not given:
        raise SettingsError(f"`quality` {path} must be a list of entries, got {_shown(given)}")
    return given


def measured_of(
    found: Iterable[MeasuredQuality], variant: str, attention_window: int | None
) -> list[MeasuredQuality]:
    """Return what speaks for a variant; of a metric that with its own window where there is one."""
    mine = [each for each in found if each.is_of(variant, attention_window)]
    own = {each.metric for each in mine if each.attention_window is not None}
    return [each for each in mine if each.attention_window is not None or each.metric not in own]


def _entry(path: str, fields: Any) -> MeasuredQuality:
    if not isinstance(fields, dict) or not set(NEEDED) <= fields.keys() <= set(KNOWN):
        raise SettingsError(
            f"`quality` {path} must have entries with {', '.join(NEEDED)} and, if of one window, "
            f"attention_window, got {_shown(fields)}"
        )
    for name in ("metric", "source"):
        if not isinstance(fields[name], str) or not fields[name].strip():
            raise _wrong(path, name, "a text", fields)
    value, window = fields["value"], fields.get("attention_window")
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _wrong(path, "value", "a number", fields)
    if window is not None and (type(window) is not int or window < 2 or window % 2):
        raise _wrong(path, "attention_window", "an even number above zero", fields)
    variants: Sequence[str] = sorted({name for names in VARIANTS.values() for name in names})
    if fields["variant"] not in variants:
        raise _wrong(path, "variant", f"one of {', '.join(variants)}", fields)
    return MeasuredQuality(fields["variant"], window, fields["metric"], value, fields["source"])


def _wrong(path: str, name: str, expected: str, fields: dict[str, Any]) -> SettingsError:
    return SettingsError(f"`{name}` in {path} must be {expected}, got {_shown(fields[name])}")


def _shown(value: Any) -> str:
    return f"{value!r:.80}"
