"""What every test run shares: no settings from the environment, no deadlines."""

import os

from hypothesis import settings

settings.register_profile("gateway", deadline=None)
settings.load_profile("gateway")

pytest_plugins = ["tests.support.browser", "tests.support.databases"]


def pytest_configure() -> None:
    """Forget the settings of whoever runs the tests, before anything reads them."""
    for name in [name for name in os.environ if name.upper().startswith("ADT_GATEWAY_")]:
        del os.environ[name]
