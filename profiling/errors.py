"""What a user can cause: one class to raise it, one tuple to catch it."""

from datamodules.errors import DataError
from lightning_modules.errors import ModelError


class SettingsError(ValueError):
    """A setting, file or directory that the user must change; the text is one sentence."""


USER_ERRORS = (SettingsError, DataError, ModelError)
