"""The evidence of an incident in one place: as JSON, as CSV, on its page."""

import csv
import io
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.past import give_past, kind
from tests.support.softhsm import needs_softhsm
from tests.support.visitor import Visitor, words
from tests.support.with_people import SUPPLIER

pytestmark = needs_softhsm

WEEK: Final = 7 * 86_400
SENT: Final = 30


@pytest.fixture(scope="module")
def breached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon with a breach, a source that fell silent, and two weeks of history."""
    with Daemon(tmp_path_factory.mktemp("evidence"), silence={"http_seconds": 1}) as daemon:
        number = daemon.put_in_force(row(2, 4), name="limits.csv")
        assert number == 1
        now = int(float(daemon.query("SELECT in_force_at FROM adt_files")[0][0]))
        past = [1] * (3 * WEEK // 60 - 120)
        give_past(daemon, kind(SUPPLIER, "SR", "4.1.1"), (now - 3 * WEEK) // 60 * 60, past)
        lines = [header_line(each) for each in range(SENT)]
        lines += [header_line(1000 + each, "4.1.1") for each in range(SENT)]
        daemon.as_("adaptor").send_lines(lines)
        wait_for("the incidents", lambda: len(daemon.incidents()) >= 3)
        yield daemon


def evidence(daemon: Daemon, number: int) -> Any:
    answer = daemon.as_("adam").get(f"/api/v1/incidents/{number}/evidence")
    assert answer.status == 200, answer.body
    return answer.json


def table(daemon: Daemon, number: int, name: str) -> list[dict[str, str]]:
    answer = daemon.as_("adam").get(f"/api/v1/incidents/{number}/evidence/{name}.csv")
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.body.decode())))


def of_kind(daemon: Daemon, kind: str, level: str = "") -> int:
    found = [i for i in daemon.incidents() if i["kind"] == kind and level in i["level"]]
    return int(found[-1]["id"])


def test_who_set_the_limit_is_told_with_the_way_to_its_signature(breached: Daemon) -> None:
    found = evidence(breached, of_kind(breached, "threshold", "quarantine"))
    file = found["set_by"]
    assert (file["file"]["submitted_by"], file["file"]["approved_by"]) == ("alice", "bob")
    assert (file["is_same"], file["line"], file["file"]["name"]) == (True, 2, "limits.csv")
    assert set(file["links"]) == {"file", "signature", "receipt"}
    for link in file["links"].values():
        assert breached.as_("adam").get(link).status == 200
    assert any('"adt_file.approved"' in record["body"] for record in file["records"])
    assert any('"incident.opened"' in record["body"] for record in found["records"])


def test_the_counts_around_it_are_those_of_the_window(breached: Daemon) -> None:
    number = of_kind(breached, "threshold", "quarantine")
    counts = evidence(breached, number)["counts"]
    (rate,) = breached.rates()
    assert counts["counts"][-1] == rate["count"] == SENT
    assert counts["from"] < counts["as_of"] <= counts["to"], "the last minute is counted until now"
    assert sum(counts["arrivals"]) == SENT
    assert counts["levels"][-1]["quarantine"] == 4
    rows = table(breached, number, "counts")
    assert [int(each["Count"]) for each in rows] == counts["counts"]
    assert rows[-1]["WarningThreshold"] == "2"
    assert rows[0]["WarningThreshold"] == "", "the file was not in force an hour before"


def test_every_device_in_excess_is_told_with_its_requests(breached: Daemon) -> None:
    number = of_kind(breached, "threshold", "quarantine")
    excess = evidence(breached, number)["excess"]
    devices = table(breached, number, "devices")
    assert excess["requests"] == SENT - 4 == sum(int(each["Requests"]) for each in devices)
    assert excess["devices"] == len(devices)
    assert {(e["device"], e["requests"]) for e in excess["top"]} == {
        (e["Device"], int(e["Requests"])) for e in devices
    }
    assert len(table(breached, number, "excess")) == excess["requests"]


def test_what_counted_far_more_than_at_that_time_of_the_week_is_unusual(breached: Daemon) -> None:
    unusual = evidence(breached, of_kind(breached, "threshold", "quarantine"))["unusual"]
    assert unusual["weeks"] in {2, 3}, "the third week is known in part: from its day on"
    found = {each["service"]: each for each in unusual["kinds"]}
    assert (found["4.1.1"]["highest"], found["4.1.1"]["usual"]) == (SENT, 1)
    assert (found["7.4"]["highest"], found["7.4"]["usual"]) == (SENT, 0)
    rows = table(breached, of_kind(breached, "threshold", "quarantine"), "kinds")
    assert {each["ServiceReferenceVariant"] for each in rows} == set(found)


def test_a_condition_has_the_parts_that_make_sense(breached: Daemon) -> None:
    number = of_kind(breached, "source_silent")
    found = evidence(breached, number)
    assert (found["threshold"], found["set_by"], found["excess"]["requests"]) == (None, None, 0)
    assert sum(found["counts"]["arrivals"]) >= 2 * SENT, "all that was counted then"
    assert found["counts"]["levels"] == []
    assert [each["kind"] for each in found["unusual"]["incidents"]].count("threshold") == 2
    assert {int(each["Incident"]) for each in table(breached, number, "incidents")} == {
        each["id"] for each in found["unusual"]["incidents"]
    }


def test_the_page_shows_it_and_no_evidence_is_kept_of_nothing(breached: Daemon) -> None:
    number = of_kind(breached, "threshold", "quarantine")
    visitor = Visitor(breached.url)
    visitor.sign_in("ana")
    page = words(visitor.get(f"/incidents/{number}"))
    for part in ("Counts around it", "The signed file", "Target devices in excess", "What else was unusual"):
        assert part in page
    assert visitor.get(f"/incidents/{number}/devices.csv").body.startswith(b"Device,Requests")
    for path in ("", "/counts.csv", "/devices.csv"):
        answer = breached.as_("adam").get(f"/api/v1/incidents/99999/evidence{path}")
        assert (answer.status, answer.code) == (404, "incident_unknown")
    assert breached.as_("adam").get(f"/api/v1/incidents/{number}/evidence/secrets.csv").status == 404


def test_the_marking_stands_in_every_row_and_hides_what_stands_beside(breached: Daemon) -> None:
    number, other = of_kind(breached, "threshold", "quarantine"), of_kind(breached, "source_silent")
    ana = breached.as_("ana")
    for each, marking in ((number, "confidential"), (other, "classified")):
        body = {"marking": marking, "reason": "not for everybody"}
        assert ana.post(f"/api/v1/incidents/{each}/marking", body).status == 200
    for name in ("counts", "kinds", "incidents", "devices", "excess"):
        rows = table(breached, number, name)
        assert {row["Marking"] for row in rows} == {"confidential"}, name
    assert evidence(breached, number)["marking"] == "confidential"
    (hidden,) = (each for each in evidence(breached, number)["unusual"]["incidents"] if each["id"] == other)
    assert (hidden["marking"], hidden["title"], hidden["level"]) == ("classified", "classified", "")
    for path in ("", "/counts.csv", "/devices.csv", "/incidents.csv", "/kinds.csv", "/excess.csv"):
        answer = breached.as_("adam").get(f"/api/v1/incidents/{other}/evidence{path}")
        assert (answer.status, answer.code) == (403, "incident_classified")
