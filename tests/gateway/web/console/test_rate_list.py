"""The list of rates: its address says what it shows, and what it shows is what the address says."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import NotFound
from gateway.operations.rates import shown_rate
from gateway.web.console.rate_key import key_path, key_text, parse_key
from gateway.web.console.rate_list import FILTERS, PAGE_ROWS, Row, arranged, options, values_of, wanted
from tests.support.adt import GAS_SUPPLIER, NOW, SUPPLIER
from thresholds.breach import Standing
from thresholds.model import ALL, ANY_SERVICE, Alignment, Period, Threshold, ThresholdKey

SORTS = ("use", "user", "class", "service", "period", "count", "headroom", "breach", "state")
KEYS = st.builds(
    ThresholdKey,
    st.sampled_from([SUPPLIER, GAS_SUPPLIER]),
    st.sampled_from(["SR", "SPC", ALL, "unknown"]),
    st.sampled_from(["7.4", "10.2", "4.1.1", "4.1", ANY_SERVICE]),
    st.sampled_from([60, 3600, 86_400, 604_800, 90]),
    st.sampled_from(Alignment),
)
TEXTS = st.text(max_size=80)


def row(key: ThresholdKey, count: int, quarantine: int | None) -> Row:
    threshold = None
    if quarantine is not None:
        period = Period(key.period_seconds, "P")
        threshold = Threshold(
            key.user_id, key.communication, key.service, period, quarantine // 2, quarantine, NOW
        )
    return key, shown_rate(Standing(key, count, threshold), None)


ROWS = st.lists(
    st.builds(row, KEYS, st.integers(0, 300), st.one_of(st.none(), st.integers(0, 200))),
    max_size=30,
    unique_by=lambda each: each[0],
)


@given(ROWS, st.sampled_from(SORTS), st.booleans())
def test_every_order_holds_every_row_and_its_reverse_begins_with_the_other_end(
    rows: list[Row], sort: str, descending: bool
) -> None:
    found = arranged(rows, wanted({"sort": f"-{sort}" if descending else sort}), str)
    assert sorted(found.rows, key=lambda each: each[0]) == sorted(rows, key=lambda each: each[0])
    if sort == "count":
        counts = [each[1].count for each in found.rows]
        assert counts == sorted(counts, reverse=descending)


@given(ROWS, st.sampled_from(FILTERS))
def test_a_filter_keeps_exactly_what_has_its_value(rows: list[Row], name: str) -> None:
    choices = [value for value, _ in options(rows, wanted({}))[name]]
    assert choices[0] == ""
    held = {values_of(each)[name] for each in rows}
    assert set(choices[1:]) == ({"normal", "warning", "quarantine"} if name == "state" else held)
    total = 0
    for value in choices[1:]:
        found = arranged(rows, wanted({name: value}), str)
        assert {values_of(each)[name] for each in found.rows} == {value} & held
        total += found.total
    assert total == len(rows)


@given(ROWS, st.sampled_from(FILTERS), TEXTS)
def test_the_form_shows_the_filter_that_holds_also_where_no_row_has_its_value(
    rows: list[Row], name: str, value: str
) -> None:
    want = wanted({name: value})
    choices = [choice for choice, _ in options(rows, want)[name]]
    assert want.filters.get(name, "") in choices
    assert len(set(choices)) == len(choices)


@given(st.dictionaries(st.sampled_from([*FILTERS, "text", "sort", "page"]), TEXTS))
def test_an_address_asks_for_what_it_was_made_from_whatever_was_sent(query: dict[str, str]) -> None:
    want = wanted(query)
    again = wanted(dict(parse_qsl(urlsplit(want.address(page=want.page)).query)))
    assert again == want


def test_a_text_is_looked_for_in_the_row_and_in_the_name_of_the_service() -> None:
    rows = [row(ThresholdKey(SUPPLIER, "SR", "7.4", 3600, Alignment.ROLLING), 1, 10)]
    for text, there in (("pt1h", 1), ("30-01", 1), ("SUPPLY", 1), ("spc", 0)):
        assert arranged(rows, wanted({"text": text}), lambda _: "Read Supply Status").total == there, text


def test_a_hundred_rows_are_a_page_and_the_last_page_stands_for_all_beyond() -> None:
    rows = [
        row(ThresholdKey(SUPPLIER, "SR", f"{number}.1", 60, Alignment.ROLLING), number, 500)
        for number in range(205)
    ]
    first, last = (arranged(rows, wanted({"page": page, "sort": "count"}), str) for page in ("1", "99"))
    assert (len(first.rows), first.pages, first.total) == (PAGE_ROWS, 3, 205)
    assert ([each[1].count for each in last.rows], last.page) == ([200, 201, 202, 203, 204], 3)


def test_usually_what_is_nearest_to_its_quarantine_level_comes_first() -> None:
    key = ThresholdKey(SUPPLIER, "SR", "7.4", 60, Alignment.ROLLING)
    rows = [row(key, 1, None), row(key, 90, 100), row(key, 9, 200), row(key, 300, 400), row(key, 150, 100)]
    assert [each[1].count for each in arranged(rows, wanted({}), str).rows] == [150, 90, 300, 9, 1]


@given(KEYS)
def test_a_key_is_read_back_from_its_name(key: ThresholdKey) -> None:
    assert parse_key(key_text(key)) == key
    assert key_path(key) == f"/rates/{key_text(key)}"


@given(
    st.one_of(
        TEXTS, st.tuples(*[st.sampled_from(["", "x", "7.4", "SR", SUPPLIER, "PT1H", "*"])] * 5).map("~".join)
    )
)
def test_what_names_no_key_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        parse_key(text)
