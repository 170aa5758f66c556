"""What several test files share."""

from multiprocessing.context import ForkServerContext

import pytest

from profiling.children.server import start_server


@pytest.fixture(scope="session")
def server() -> ForkServerContext:
    """Give a fork server: importing takes it long, so all tests share one."""
    return start_server()
