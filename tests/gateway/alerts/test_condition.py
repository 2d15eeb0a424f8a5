"""What is known of a condition does not depend on how often it was put on record."""

from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts.condition import Key, News, combined, merged, news_facts
from gateway.alerts.facts import (
    KINDS,
    BreachFacts,
    ClockWrong,
    ConditionFacts,
    Facts,
    QueueFull,
    decode_facts,
    kind_of,
)

NAMES = st.sampled_from(["deliveries", "communications", "code"])
NEWS = st.builds(
    News,
    kind=st.just(QueueFull),
    subject=st.just("queue"),
    detail=st.text(max_size=20),
    at=st.integers(0, 2**32).map(float),
    begins=st.integers(0, 3),
    until=st.none() | st.integers(0, 2**32).map(float),
    figures=st.dictionaries(st.just("last"), st.text(max_size=5) | st.integers(0, 99)),
    more=st.dictionaries(NAMES, st.integers(0, 1000)),
)


@given(first=NEWS.filter(lambda news: news.begins > 0), later=st.lists(NEWS, min_size=1, max_size=5))
def test_news_that_waited_together_say_the_same_as_one_after_the_other(
    first: News, later: list[News]
) -> None:
    known = news_facts(first)
    assert merged(known, reduce(combined, later)) == reduce(merged, later, known)


@given(NEWS.filter(lambda news: news.begins > 0))
def test_what_is_known_reads_back_and_names_its_kind(news: News) -> None:
    facts = news_facts(news)
    assert decode_facts(msgspec.json.encode(facts)) == facts
    assert news.key == Key("queue_full", "queue")


def news(**values: Any) -> News:
    usual: dict[str, Any] = {"kind": QueueFull, "subject": "queue", "detail": "full", "at": 60.0}
    return News(**(usual | values))


def test_what_comes_back_is_counted_and_lasts_anew() -> None:
    known = news_facts(news(more={"deliveries": 2}))
    assert (known.since, known.until, known.occurrences) == ("1970-01-01T00:01:00.000Z", None, 1)
    ended = merged(known, news(detail="over", begins=0, until=90.0))
    assert (ended.since, ended.until, ended.detail) == (known.since, "1970-01-01T00:01:30.000Z", "over")
    again = merged(ended, news(at=120.0, more={"deliveries": 3}))
    assert (again.since, again.until) == ("1970-01-01T00:02:00.000Z", None)
    assert (again.occurrences, again.figures) == (2, {"deliveries": 5})


def test_every_kind_has_a_name_of_its_own() -> None:
    assert len(set(KINDS)) == len(KINDS) == 11
    assert (kind_of(BreachFacts), kind_of(ClockWrong)) == ("threshold", "clock")


BREACH = {
    "kind": "threshold",
    "level": "warning",
    "limit": 3,
    "count": 4,
    "window_from": "2026-11-21T10:00:00.000Z",
    "window_to": "2026-11-21T11:00:00.000Z",
    "opened_at": "2026-11-21T11:00:00.000Z",
    "threshold": {
        "user_id": "90-B3-D5-1F-30-01-00-00",
        "communication": "SR",
        "service": "7.4",
        "service_name": "Read Supply Status",
        "period": "PT1H",
        "alignment": "rolling",
        "warning": 3,
        "quarantine": 5,
        "is_exception": False,
        "set_by": {
            "file_id": 1,
            "file_name": "adt.csv",
            "file_sha256": "0" * 64,
            "line": 2,
            "submitted_by": "alice",
            "approved_by": "bob",
            "in_force_at": "2026-11-21T09:00:00.000Z",
            "in_force_record": 7,
        },
    },
    "first_request_id": "",
    "supersedes": None,
}
"""As the first version of the gateway wrote it into its store."""


def test_a_breach_of_an_earlier_version_is_read_and_written_as_it_was() -> None:
    facts: Facts = decode_facts(msgspec.json.encode(BREACH))
    assert isinstance(facts, BreachFacts)
    assert not isinstance(facts, ConditionFacts)
    assert msgspec.json.encode(facts) == msgspec.json.encode(BREACH)


def test_a_kind_that_is_not_known_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_facts(msgspec.json.encode(BREACH | {"kind": "rumour"}))
