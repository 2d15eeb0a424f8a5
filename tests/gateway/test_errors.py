"""The errors of the gateway are the tree that their module draws."""

import inspect
import re

import pytest

from gateway import errors
from gateway.errors import ExitCode, GatewayError

LINE = re.compile(r"(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+)(?P<text>  .*)?")


def drawn_tree() -> dict[str, str | None]:
    """Return the parent of each class as the docstring draws it; four columns are one step down."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    drawing = [line for line in (errors.__doc__ or "").splitlines()[1:] if line.strip()]
    for line in drawing:
        found = LINE.fullmatch(line)
        assert found, f"{line!r} is no line of a tree"
        depth = len(found["branch"]) // 4
        path = [*path[:depth], found["name"]]
        parents[found["name"]] = path[depth - 1] if depth else None
    return parents


def real_tree() -> dict[str, str | None]:
    classes = [
        item
        for _, item in inspect.getmembers(errors, inspect.isclass)
        if issubclass(item, Exception) and item.__module__ == errors.__name__
    ]
    return {item.__name__: None if item is GatewayError else item.__bases__[0].__name__ for item in classes}


def test_the_tree_that_is_drawn_is_the_tree_that_is() -> None:
    assert drawn_tree() == real_tree()


STATUS_AND_EXIT: dict[type[GatewayError], tuple[int, ExitCode]] = {
    errors.GatewayError: (500, ExitCode.FAILED),
    errors.SettingsError: (500, ExitCode.USAGE),
    errors.InvalidInput: (422, ExitCode.INVALID_INPUT),
    errors.TooLarge: (413, ExitCode.INVALID_INPUT),
    errors.NotFound: (404, ExitCode.FAILED),
    errors.NotAuthenticated: (401, ExitCode.NOT_PERMITTED),
    errors.NotPermitted: (403, ExitCode.NOT_PERMITTED),
    errors.TooMany: (429, ExitCode.FAILED),
    errors.Conflict: (409, ExitCode.FAILED),
    errors.StoreRefused: (500, ExitCode.FAILED),
    errors.TokenUnavailable: (503, ExitCode.TOKEN_UNAVAILABLE),
    errors.TooMany: (429, ExitCode.FAILED),
    errors.AlertRefused: (502, ExitCode.FAILED),
    errors.AlertUnreadable: (500, ExitCode.FAILED),
    errors.Unavailable: (503, ExitCode.FAILED),
}


def test_every_error_has_its_status_and_exit_code() -> None:
    assert {kind.__name__ for kind in STATUS_AND_EXIT} == set(real_tree())
    assert {kind: (kind.status, kind.exit_code) for kind in STATUS_AND_EXIT} == STATUS_AND_EXIT


@pytest.mark.parametrize("kind", STATUS_AND_EXIT)
def test_an_error_carries_code_message_and_remedy(kind: type[GatewayError]) -> None:
    more = (1.5,) if kind is errors.TooMany else ()
    error = kind("some_code", "something happened", "do this", *more)
    assert (error.code, error.message, error.remedy, str(error)) == (
        "some_code",
        "something happened",
        "do this",
        "something happened",
    )


def test_exit_codes_are_those_of_the_command_line() -> None:
    """Scripts depend on them: they never change."""
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "FAILED": 1,
        "USAGE": 2,
        "INVALID_INPUT": 3,
        "BREACH_FOUND": 4,
        "NOT_PERMITTED": 5,
        "TOKEN_UNAVAILABLE": 6,
        "SIGNATURE_WRONG": 7,
        "COULD_NOT_VERIFY": 8,
    }
