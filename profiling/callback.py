"""`ProfilingCallback`, under the name by which scripts and YAML files import it."""

from profiling.instruments.callback import ProfilingCallback

__all__ = ["ProfilingCallback"]
