"""The time that a curve shows: whole minutes, never too long, never beyond the present minute."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.operations.curves import POINTS, STEPS
from gateway.web.console.span import LONGEST, SHORTEST, SPANS, shown_span
from tests.support.adt import NOW
from thresholds.instant import format_instant

INSTANTS = st.one_of(
    st.text(max_size=40),
    st.integers(0, NOW + 10**8).map(format_instant),
    st.sampled_from(["", "1970-01-01T00:00Z"]),
)


@given(
    st.fixed_dictionaries(
        {"from": INSTANTS, "to": INSTANTS, "span": st.one_of(st.text(), st.sampled_from([*SPANS]))}
    ),
    st.integers(NOW, NOW + 86_400),
    st.sampled_from([-1.0, -0.5, 0.5]),
    st.sampled_from([0.5, 2]),
)
def test_whatever_is_asked_the_span_can_be_shown(
    query: dict[str, str], now: int, part: float, factor: float
) -> None:
    first = shown_span(query, now)
    asked = (first.query(), first.moved(part), first.zoomed(factor))
    for shown in (first, *(shown_span(dict(parse_qsl(query[1:])), now) for query in asked)):
        since, until = shown.span.since, shown.span.until
        assert since % 60 == until % 60 == 0
        assert SHORTEST <= until - since <= LONGEST
        assert 0 < since < now
        assert until <= now + 60
        assert shown.span.step in STEPS
        assert (until - since) / shown.span.step <= POINTS


@pytest.mark.parametrize(("name", "length"), SPANS.items())
def test_a_named_span_ends_with_the_present_minute_and_moves_with_the_clock(name: str, length: int) -> None:
    shown = shown_span({"span": name}, NOW + 61)
    assert (shown.span.since, shown.span.until) == (NOW + 120 - length, NOW + 120)
    assert shown.query() == f"?span={name}"


def test_a_chosen_time_keeps_in_its_address() -> None:
    shown = shown_span({"from": "2026-11-20T12:00", "to": "2026-11-20T18:30", "fit": "counts"}, NOW)
    assert shown.query() == "?from=2026-11-20T12:00Z&to=2026-11-20T18:30Z&fit=counts"
    assert shown.query(fit=False) == "?from=2026-11-20T12:00Z&to=2026-11-20T18:30Z"
    assert shown.moved(0.5) == "?from=2026-11-20T15:15Z&to=2026-11-20T21:45Z&fit=counts"
    assert shown.moved(9) == "?from=2026-11-20T17:31Z&to=2026-11-21T00:01Z&fit=counts"
    assert shown.zoomed(0.5) == "?from=2026-11-20T13:37Z&to=2026-11-20T16:52Z&fit=counts"
    assert (shown.from_text, shown.to_text) == ("2026-11-20T12:00", "2026-11-20T18:30")
