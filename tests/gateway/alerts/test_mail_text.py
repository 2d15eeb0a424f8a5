"""A mail can be read aloud, belongs to its thread, and holds no header that is not ours."""

import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts.channels.mail_text import mail, one_line, spoken, subject
from gateway.alerts.message import Alert, Event
from tests.support.alerts import SILENT, sample

SENDER, TO = "adt@gateway.example", ("soc@example.org", "ciso@example.org")
OURS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "Sensitivity",
    "Content-Type",
    "Content-Transfer-Encoding",
    "MIME-Version",
}


def received(alert: Alert, console: str = "https://gateway.example") -> EmailMessage:
    """Return the mail as who receives it parses it."""
    parsed = email.message_from_bytes(bytes(mail(alert, SENDER, TO, console)), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def body(alert: Alert) -> str:
    return str(received(alert).get_content())


def test_a_mail_says_what_happened_since_when_and_what_to_do() -> None:
    assert body(sample()).replace("\r\n", "\n") == (
        "Candidate incident 7 was opened.\n"
        "\n"
        "What happened: quarantine threshold passed: 125 of 100 SPC 7.2 in PT1H.\n"
        "Since: 1 December 2026, 09:59:58 UTC.\n"
        "Counted: 125 in PT1H; the limit is 100.\n"
        "Service: SPC 7.2, Disable Supply.\n"
        "User ID: 90-B3-D5-1F-30-01-00-00.\n"
        "The limit was set by file ADT_2026-12.csv, line 2, submitted by erin, approved by anna.\n"
        "State: candidate.\n"
        "\n"
        "What to do: Ask whoever runs the service whether the traffic is meant. If not, stop it at the adaptor "
        "before anything else; if it is, an exception needs an ADT file that a second person approves.\n"
        "Look at it: https://gateway.example/incidents/7\n"
        "\n"
        "Sent by ADT Gateway main at 1 December 2026, 10:00:00 UTC. Alert main/incident/7/opened.\n"
        f"Audit record 41, hash {'cd' * 32}.\n"
    )


def test_a_mail_about_a_condition_says_what_it_is_about() -> None:
    text = body(sample(facts=msgspec.structs.replace(SILENT, until=None), title=SILENT.detail))
    assert "About: adaptor-1." in text
    assert "It still lasts." in text


def test_a_closed_one_says_who_closed_it_and_why() -> None:
    text = body(sample("closed", by="analyst", reason="a firmware campaign", ticket="INC1"))
    assert "was closed." in text
    assert "Reason: a firmware campaign." in text
    assert "By: analyst." in text
    assert "Ticket: INC1." in text
    assert "What to do" not in text


@pytest.mark.parametrize("event", ["test", "heartbeat"])
def test_a_test_and_a_heartbeat_say_that_there_is_nothing_to_do(event: Event) -> None:
    assert "There is nothing to do." in body(sample(event))


def test_a_marking_stands_first_and_what_it_holds_back_is_not_there() -> None:
    alert = sample(marking="classified", facts=None, opened_at="", by="", title="it is marked classified")
    message = received(alert)
    assert message["Subject"].startswith("[CLASSIFIED] ADT Gateway")
    assert message["Sensitivity"] == "Company-Confidential"
    text = str(message.get_content())
    assert text.startswith("Marking: classified.")
    assert "Sign in to the console" in text
    assert "SPC" not in text
    assert "Since" not in text
    assert "By" not in text


def test_mails_of_one_incident_are_one_thread() -> None:
    opened, updated, closed = (received(sample(event)) for event in ("opened", "updated", "closed"))
    assert opened["Message-ID"] == "<main.incident.7.opened@gateway.example>"
    assert opened["In-Reply-To"] is None
    for later in (updated, closed):
        assert later["In-Reply-To"] == later["References"] == opened["Message-ID"]
    assert len({each["Message-ID"] for each in (opened, updated, closed)}) == 3
    assert received(sample("opened", 8))["Message-ID"] != opened["Message-ID"]


@pytest.mark.parametrize("length", [1, 20, 40, 60, 80, 100, 120, 400])
def test_a_subject_stands_on_the_line_of_its_name_and_a_body_is_not_too_wide(length: int) -> None:
    """Filters look for the marking there."""
    raw = bytes(mail(sample(marking="classified", title="x" * length), SENDER, TO, "")).split(b"\r\n")
    assert any(line.startswith(b"Subject: [CLASSIFIED] ADT Gateway") for line in raw)
    assert max(len(line) for line in raw[raw.index(b"") :]) <= 78


def test_nobody_answers_it_by_a_machine() -> None:
    message = received(sample())
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"


@given(
    text=st.text() | st.text(alphabet="\r\n\u2028\u0085\x00 :abé=?", max_size=300),
    event=st.sampled_from(get_args(Event)),
    marking=st.sampled_from(["", "confidential", "classified"]),
)
def test_no_text_makes_a_header_or_hides_the_subject(text: str, event: Event, marking: str) -> None:
    """Titles, reasons, tickets and names come from requests and people."""
    alert = sample(
        event,
        title=text,
        reason=text,
        ticket=text,
        assigned_to=text,
        by=text,
        marking=marking,
        facts=None if event in {"test", "heartbeat"} else SILENT,
    )
    raw = bytes(mail(alert, SENDER, TO, ""))
    head = raw.partition(b"\r\n\r\n")[0]
    assert {
        line.partition(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in b" \t"
    } <= OURS
    assert re.search(rb"[^\r]\n|\r[^\n]", raw) is None
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    message = received(alert)
    assert [each.addr_spec for each in message["To"].addresses] == list(TO)
    assert message["From"].addresses[0].addr_spec == SENDER
    # Some releases of Python drop the space between two encoded words of a header.
    assert str(message["Subject"]).replace(" ", "") == subject(alert).replace(" ", "")


def test_a_line_holds_nothing_that_ends_hides_or_turns_it() -> None:
    assert one_line("a\r\nBcc: x\u2028b\u202ec\x00d\u200be") == "a Bcc: x b c d e"
    assert one_line("x" * 1000, 10) == "xxxxxxxxx…"


def test_instants_are_spoken() -> None:
    assert spoken("2026-12-01T09:05:00.000Z") == "1 December 2026, 09:05:00 UTC"
    assert received(sample())["Date"].datetime == datetime(2026, 12, 1, 10, tzinfo=UTC)
