"""Daemons for the end-to-end tests: real processes, each in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.adaptor import TestAdaptor, plain_answer, running_adaptor
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


@pytest.fixture(scope="module")
def module_adaptor() -> Iterator[TestAdaptor]:
    """Run an adaptor, shared by the tests of one module."""
    with running_adaptor() as running:
        yield running


@pytest.fixture
def adaptor(module_adaptor: TestAdaptor) -> TestAdaptor:
    """Return the adaptor, answering as usual."""
    module_adaptor.answering, module_adaptor.early, module_adaptor.bare = plain_answer, False, False
    return module_adaptor


@pytest.fixture(scope="module")
def forwarding(tmp_path_factory: pytest.TempPathFactory, module_adaptor: TestAdaptor) -> Iterator[Daemon]:
    """Start a daemon that passes on to the adaptor, shared by the tests of one module."""
    settings = {"url": module_adaptor.url + "/base", "authenticate": False, "timeout_seconds": 2}
    with Daemon(tmp_path_factory.mktemp("forward"), token=False, forward=settings) as running:
        yield running
