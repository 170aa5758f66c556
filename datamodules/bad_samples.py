"""Samples that cannot be used."""

import warnings

from datamodules.errors import BadSampleError, validate_choice


class BadSamples:
    """Stops at a sample that cannot be used, or skips it and counts it.

    Args:
        policy: `stop` or `skip`.
    """

    def __init__(self, policy: str) -> None:
        validate_choice("on_bad_sample", policy, ("stop", "skip"))
        self.policy = policy
        self.skipped: list[str] = []

    def handle(self, error: BadSampleError) -> None:
        """Raise the error, or note its message and warn of it, once.

        Raises:
            BadSampleError: The policy is `stop`; the message says how to go on.
        """
        if self.policy == "stop":
            raise BadSampleError(f"{error}; `on_bad_sample: skip` leaves it out") from error
        if str(error) not in self.skipped:
            self.skipped.append(str(error))
            warnings.warn(f"skipped: {error}", stacklevel=2)
