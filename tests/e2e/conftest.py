"""Daemons for the end-to-end tests: real processes, each in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Start a daemon with a token, shared by the tests of one module."""
    with Daemon(tmp_path_factory.mktemp("daemon")) as running:
        yield running


@pytest.fixture
def own_daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Start a daemon with a token for one test alone."""
    with Daemon(tmp_path) as running:
        yield running
