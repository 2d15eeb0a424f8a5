"""The pages of rates as a server sends them: content, hostile words, empty states, downloads, work done."""

import csv
import io
import re
import time
from urllib.parse import quote

import pytest

from gateway.web.console.rate_list import PAGE_ROWS
from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.softhsm import needs_softhsm
from tests.support.visitor import Visitor, words
from tests.support.with_people import OTHER_SUPPLIER, SUPPLIER
from thresholds.catalogue import load_catalogue

pytestmark = needs_softhsm

KEY = f"{SUPPLIER}~SR~7.4~PT1H~rolling"
HOSTILE = "<script>alert('\"&~%"


@pytest.fixture(scope="module")
def visitor(daemon: Daemon) -> Visitor:
    """Let the auditor visit a daemon with thresholds, one of them breached."""
    found = Visitor(daemon.url)
    found.sign_in("adam")
    assert "No threshold is in force" in words(found.get("/rates"))
    daemon.put_in_force(
        row(3, 5),
        row(30, 50, period="PT1H", user=OTHER_SUPPLIER),
        row(7, 9, period="PT1H", start=-30, end=3600, user=OTHER_SUPPLIER),
        row(800, 1000, communication="ALL", service="*", period="P1D"),
    )
    assert daemon.as_("adaptor").send_lines(header_line(number) for number in range(6)).status == 202
    wait_for("the breach", lambda: len(daemon.incidents()) >= 2)
    wait_for("the next second", lambda: "6 3 5" in words(found.get("/rates")))
    return found


def listed(body: bytes) -> list[str]:
    return re.findall(r'<tr[^>]* data-key="([^"]+)"', body.decode())


def test_every_threshold_is_listed_beside_its_count_the_nearest_first(visitor: Visitor) -> None:
    answer = visitor.get("/rates")
    assert listed(answer.body) == [
        f"{SUPPLIER}~SR~7.4~3600~rolling",
        f"{SUPPLIER}~ALL~*~86400~rolling",
        f"{OTHER_SUPPLIER}~SR~7.4~3600~rolling",
    ]
    text = words(answer)
    assert "3 of 3 thresholds" in text
    assert "Read Supply Status SR PT1H quarantine exception 6 3 5" in text
    assert "-1 passed" in text
    assert "not in sight" in text


def test_filters_and_order_stand_in_the_address_and_hold(visitor: Visitor) -> None:
    body = visitor.get("/rates?class=ALL").body
    assert listed(body) == [f"{SUPPLIER}~ALL~*~86400~rolling"]
    assert b'<option value="ALL" selected>' in body
    assert b'href="/rates?class=ALL&amp;sort=count"' in body
    assert len(listed(visitor.get("/rates?text=supply+status").body)) == 2
    assert listed(visitor.get("/rates?sort=period").body)[-1] == f"{SUPPLIER}~ALL~*~86400~rolling"
    assert "No threshold is like that" in words(visitor.get("/rates?user=nobody"))


@pytest.mark.parametrize(
    "name", ["user", "class", "service", "period", "state", "text", "sort", "page", "other"]
)
def test_what_an_address_holds_stays_text(visitor: Visitor, name: str) -> None:
    answer = visitor.get(f"/rates?{name}={quote(HOSTILE)}")
    assert answer.status == 200
    assert b"<script>alert" not in answer.body
    for path in (f"/rates/{quote(HOSTILE)}", f"/rates/{KEY}?{name}={quote(HOSTILE)}"):
        answer = visitor.get(path)
        assert answer.status in {200, 404}
        assert b"<script>alert" not in answer.body


def test_a_page_tells_the_past_of_a_threshold_who_set_it_and_what_came_of_it(visitor: Visitor) -> None:
    answer = visitor.get(f"/rates/{KEY}?span=1h")
    text = words(answer)
    assert "6 counted; warning above 3 , quarantine above 5" in text
    assert "The quarantine level is passed." in text
    assert "quarantine threshold passed: SR 7.4" in text
    assert "adt.csv file 1 2 3 5" in text
    assert re.search("alice .* UTC bob", text)
    body = answer.body.decode()
    assert body.count('<svg class="chart') == 2
    assert body.count('<rect class="shade quarantine" x=') == 2
    assert body.count("<desc id=") == 2
    assert "The highest count was 6" in text
    assert re.search(r'<path class="level quarantine" d="M[0-9.]+ [0-9.]+H', body)


def test_an_exception_is_marked_where_it_held(visitor: Visitor) -> None:
    answer = visitor.get(f"/rates/{OTHER_SUPPLIER}~SR~7.4~PT1H~rolling?span=1h")
    assert answer.body.count(b'<rect class="shade exception" x=') == 2
    assert "adt.csv file 1 4 7 9 exception" in words(answer)
    assert "No level was passed in this time." in words(answer)


def test_a_time_that_is_none_is_said_to_be_none_and_stays_in_the_form(visitor: Visitor) -> None:
    query = "?from=2026-11-02T10:00&to=2026-11-01T10:00"
    answer = visitor.get(f"/rates/{KEY}{query}")
    assert (answer.status, "The end has to come after the beginning" in words(answer)) == (422, True)
    assert b'value="2026-11-02T10:00"' in answer.body
    assert b'href="#to"' in answer.body
    assert "Say when the time begins" in words(visitor.get(f"/rates/{KEY}?from=&to=2026-11-01T10:00"))
    assert visitor.get(f"/rates/{KEY}/counts.csv{query}").status == 422
    answer = visitor.get(f"/rates/{KEY}?from=2020-01-01T00:00&to=2020-12-01T00:00")
    assert (answer.status, "at the most 31 days are shown" in words(answer)) == (200, True)
    assert "is a part" not in words(visitor.get(f"/rates/{KEY}?from=2020-01-01T00:00&to=2020-01-02T00:00"))


def test_the_download_holds_every_point_with_the_levels_that_held(visitor: Visitor) -> None:
    answer = visitor.get(f"/rates/{KEY}/counts.csv?span=1h")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    found = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert len(found) == 60
    assert sum(int(each["Counted"]) for each in found) == 6
    last = found[-1]
    assert (last["HighestCount"], last["WarningThreshold"], last["QuarantineThreshold"]) == ("6", "3", "5")
    assert found[0]["QuarantineThreshold"] == ""
    until = time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(time.time() + 60))
    assert last["Until"] <= until


def test_a_threshold_that_no_file_named_is_not_there(visitor: Visitor) -> None:
    for key in (KEY.replace("7.4", "7.3"), KEY.replace("PT1H", "PT2H"), "nothing", KEY.replace("SR", "XX")):
        assert visitor.get(f"/rates/{key}").status == 404
        assert visitor.get(f"/rates/{key}/counts.csv").status == 404


def test_a_threshold_that_was_superseded_keeps_its_past(own_daemon: Daemon) -> None:
    own_daemon.put_in_force(row(3, 5))
    first = own_daemon.rates()
    number = own_daemon.put_in_force(row(30, 50, service="4.1.1"), name="other.csv")
    own_daemon.wait_state(number, "in force")
    wait_for("the other set", lambda: own_daemon.rates() != first and own_daemon.rates())
    visitor = Visitor(own_daemon.url)
    visitor.sign_in("adam")
    text = words(visitor.get(f"/rates/{KEY}?span=1h"))
    assert "Nothing is counted against this threshold any more" in text
    assert "adt.csv file 1 2 3 5" in text


def test_a_long_list_comes_a_hundred_rows_at_a_time(own_daemon: Daemon) -> None:
    known = [each.variant for each in load_catalogue() if each.may_be_sent_by(frozenset({"IS", "GS"}))][:70]
    own_daemon.put_in_force(
        *[
            row(80, 100, communication="ALL", service=each, period=period)
            for each in known
            for period in ("PT1H", "P1D")
        ]
    )
    visitor = Visitor(own_daemon.url)
    visitor.sign_in("adam")
    first, second = (visitor.get(f"/rates?sort=service&page={page}") for page in (1, 2))
    assert (len(listed(first.body)), len(listed(second.body))) == (PAGE_ROWS, 40)
    assert not set(listed(first.body)) & set(listed(second.body))
    assert "140 of 140 thresholds, page 1 of 2" in words(first)
    assert b'href="/rates?sort=service&amp;page=2"' in first.body
