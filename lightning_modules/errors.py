"""Errors that the user of a model can cause; free of torch."""


class ModelError(ValueError):
    """A setting of a model that the user must change."""
