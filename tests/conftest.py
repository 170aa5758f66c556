"""What several test files share."""

from multiprocessing.context import ForkServerContext

import pytest
from hypothesis import HealthCheck, settings

from profiling.children.server import start_server

# An example takes as long as it takes: others may be computing on the same cores.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def server() -> ForkServerContext:
    """Give a fork server: importing takes it long, so all tests share one."""
    return start_server()
