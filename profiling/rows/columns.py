"""The columns of a measurement row."""

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]
