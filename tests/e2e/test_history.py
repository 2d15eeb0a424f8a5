"""Counts of the past over the API."""

import time
from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.clock import to_text
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon
from tests.support.softhsm import needs_softhsm
from tests.support.with_people import SUPPLIER

pytestmark = needs_softhsm


def instant(second: float) -> str:
    return to_text(int(second)).replace(".000", "")


def ask(daemon: Daemon, **more: Any) -> Any:
    now = time.time()
    query = {"user_id": SUPPLIER, "from": instant(now - 600), "to": instant(now + 60), "step": 60} | more
    return daemon.as_("adam").get("/api/v1/history?" + urlencode(query))


def test_what_was_just_counted_is_in_the_history_by_class_and_service(daemon: Daemon) -> None:
    lines = [header_line(number) for number in range(4)] + [header_line(9, "4.1.1", 1)]
    assert daemon.as_("adaptor").send_lines(lines).status == 202
    wait_for("the count", lambda: sum(ask(daemon).json["counts"]) == 5)
    for wanted, total in (
        ({"service": "7.4"}, 4),
        ({"service": "4.1"}, 1),
        ({"communication": "SR"}, 5),
        ({"communication": "SPC"}, 0),
        ({"communication": "DEVICES"}, 5),
        ({"user_id": "90-B3-D5-1F-30-02-00-00"}, 0),
        ({"step": 86_400}, 5),
    ):
        assert sum(ask(daemon, **wanted).json["counts"]) == total, wanted
    shown = ask(daemon, step=3600).json
    assert (shown["step"], shown["from"][13:], shown["to"][13:]) == (3600, ":00:00Z", ":00:00Z")


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"step": 61}, "query_malformed"),
        ({"communication": "SRV"}, "query_malformed"),
        ({"user_id": "x"}, "query_malformed"),
        ({"from": "yesterday"}, "query_malformed"),
        ({"to": "2020-01-01T00:00:00Z"}, "query_malformed"),
        ({"from": "2020-01-01T00:00:00Z"}, "too_many_points"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(
    daemon: Daemon, wanted: dict[str, Any], code: str
) -> None:
    answer = ask(daemon, **wanted)
    assert (answer.status, answer.code) == (422, code)
