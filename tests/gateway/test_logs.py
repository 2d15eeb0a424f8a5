"""Every line on standard error is one record; no local variable is ever shown."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SECRET = "pin-4711"

START = """
import logging, sys, warnings
import structlog
from gateway.logs import configure_logs
from gateway.settings import Log
configure_logs(Log(format=sys.argv[1], level=sys.argv[2]))
log = structlog.get_logger("gateway.test")
"""


def run(code: str, form: str = "json", level: str = "info") -> str:
    """Run *code* with logs in a process of its own; return what stands on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", START + code, form, level],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr


def records(code: str, level: str = "info") -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(code, "json", level).splitlines()]


def test_a_record_has_event_level_time_and_values() -> None:
    [record] = records("log.info('file_signed', file=3, name='a\\nb', data=b'x')")
    assert record.pop("timestamp").endswith("Z")
    assert record == {"event": "file_signed", "level": "info", "file": 3, "name": "a\nb", "data": "b'x'"}


def test_records_of_libraries_have_the_same_form() -> None:
    [record] = records("logging.getLogger('aiohttp.access').warning('%s came\\nlate', 'x', extra={'n': 1})")
    assert record.pop("timestamp").endswith("Z")
    assert record == {"event": "x came\nlate", "level": "warning", "n": 1}


def test_warnings_of_python_have_the_same_form() -> None:
    [record] = records("warnings.warn('old\\nway', UserWarning)")
    assert record["level"] == "warning"
    assert "UserWarning: old\nway" in record["event"]


@pytest.mark.parametrize("logger", ["log", "logging.getLogger('library')"])
def test_an_exception_is_part_of_its_record(logger: str) -> None:
    [record] = records(f"try:\n    1 / 0\nexcept ZeroDivisionError:\n    {logger}.exception('failed')")
    assert (record["event"], record["level"]) == ("failed", "error")
    assert record["exception"].endswith("ZeroDivisionError: division by zero")


def test_a_task_that_nobody_waited_for_is_a_record_too() -> None:
    code = """
import asyncio
async def main():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)
asyncio.run(main())
"""
    [record] = records(code)
    assert record["level"] == "error"
    assert "ZeroDivisionError" in record["exception"]


CHATTER = """
for name in ("aiosqlite", "alembic.runtime.migration", "asyncio", "library"):
    for level in ("debug", "info", "warning"):
        getattr(logging.getLogger(name), level)(f"{name} {level}")
for level in ("debug", "info", "warning"):
    getattr(log, level)(f"ours {level}")
"""


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["library debug", "library info", "library warning", "ours debug", "ours info"]),
        ("info", ["library info", "library warning", "ours info"]),
        ("warning", ["library warning"]),
    ],
)
def test_what_is_below_the_level_and_what_chatters_is_left_out(level: str, shown: list[str]) -> None:
    quiet = ["aiosqlite warning", "alembic.runtime.migration warning", "asyncio warning"]
    found = [record["event"] for record in records(CHATTER, level)]
    assert found == [*quiet, *shown, "ours warning"]


DEEP = """
def login(pin, access_token):
    raise RuntimeError("the token refused")
def work():
    pin, settings = "pin-" + str(4711), {"password": "pin-" + str(4711)}
    login(pin, pin)
for logger in (log, logging.getLogger("library")):
    try:
        work()
    except RuntimeError:
        logger.exception("failed")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_local_variable(form: str) -> None:
    """A PIN is a local variable at the moment of its use, an access token while it is looked up."""
    shown = run(DEEP, form)
    assert shown.count("the token refused") >= 2
    assert SECRET not in shown


def test_the_console_form_shows_events_for_people() -> None:
    shown = run("log.warning('alert_not_sent', channel='file')", "console")
    assert "alert_not_sent" in shown
    assert "channel=file" in shown
    assert "\x1b" not in shown


def log_calls() -> list[tuple[str, ast.Call]]:
    """Return every call of a logger in the project."""
    return [
        (f"{path.name}:{node.lineno}", node)
        for folder in ("gateway", "hsm", "thresholds")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
    ]


def test_no_record_is_given_a_secret() -> None:
    """Events are constant texts, and no value that bears the name of a secret is put beside them."""
    secret = re.compile(r"(^|_)(pin|password|secret|token|authorization|headers?)$")
    calls = log_calls()
    assert len(calls) > 10
    for place, call in calls:
        assert [type(argument) for argument in call.args] == [ast.Constant], place
        names = {keyword.arg or "**" for keyword in call.keywords}
        names |= {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for keyword in call.keywords
            for node in ast.walk(keyword.value)
            if isinstance(node, ast.Name | ast.Attribute)
        }
        assert not [name for name in names if secret.search(name)], place
