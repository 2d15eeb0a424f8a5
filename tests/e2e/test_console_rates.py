"""Rates in a real browser: a count climbs to its breach while somebody watches; filters, zoom, no script."""

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.operations.rates import ShownForecast
from gateway.web.console.drawing import bar
from gateway.web.console.lengths import breach_sentence, breach_words
from tests.gateway.web.console.test_lengths import FORECASTS
from tests.support.api import header_line
from tests.support.browser import assert_accessible, assert_fits, needs_chromium, opened, sign_in
from tests.support.daemon import Daemon, row
from tests.support.with_people import OTHER_SUPPLIER, SUPPLIER

pytestmark = needs_chromium

KEY = f"{SUPPLIER}~SR~7.4~PT1H~rolling"


@pytest.fixture(scope="module")
def rated(daemon: Daemon) -> Daemon:
    """Return a daemon with thresholds of two User IDs."""
    daemon.put_in_force(
        row(3, 5),
        row(30, 50, user=OTHER_SUPPLIER),
        row(7, 9, start=-30, end=3600, user=OTHER_SUPPLIER),
        row(800, 1000, communication="ALL", service="*", period="P1D"),
    )
    return daemon


@pytest.fixture
def page(browser: Browser, rated: Daemon) -> Iterator[Page]:
    with opened(browser, rated.url) as found:
        sign_in(found, "adam")
        yield found


def send(daemon: Daemon, *counters: int) -> None:
    assert daemon.as_("adaptor").send_lines([header_line(counter) for counter in counters]).status == 202


def row_of(page: Page) -> Any:
    return page.locator(f'tr[data-key="{SUPPLIER}~SR~7.4~3600~rolling"]')


def test_a_count_climbs_to_its_breach_while_somebody_watches(page: Page, rated: Daemon) -> None:
    page.goto("/rates?user=" + SUPPLIER)
    watched = row_of(page)
    expect(page.locator('[data-live="state"]')).to_have_text("live")
    before = watched.bounding_box()
    page.evaluate("window.stays = true")
    for counters, count, state in (
        ((1, 2), "2", "normal"),
        ((3, 4), "4", "warning"),
        ((5, 6), "6", "quarantine"),
    ):
        send(rated, *counters)
        expect(watched.locator('[data-field="count"]')).to_have_text(count)
        expect(watched.locator('[data-field="state"]')).to_have_text(state)
    expect(watched.locator('[data-field="state"]')).to_have_class("tag bad")
    expect(watched.locator('[data-field="breach"]')).to_have_text("passed")
    expect(watched.locator('[data-field="headroom"]')).to_have_text("-1")
    expect(watched.locator('[data-field="bar"]')).to_have_attribute("width", "192")
    expect(page.locator('[data-live="said"]')).to_contain_text("SR 7.4, PT1H: warning level passed")
    after = watched.bounding_box()
    assert before is not None
    assert after is not None
    assert (before["x"], before["y"], before["height"]) == (after["x"], after["y"], after["height"])
    assert page.evaluate("window.stays")


def test_what_is_said_of_the_time_to_breach_moves_with_the_count(
    browser: Browser, own_daemon: Daemon
) -> None:
    own_daemon.put_in_force(row(3, 5))
    with opened(browser, own_daemon.url) as page:
        sign_in(page, "adam")
        page.goto(f"/rates/{KEY}")
        expect(page.locator('[data-live="state"]')).to_have_text("live")
        expect(page.get_by_text("Nothing is counted, so no breach is in sight.")).to_be_visible()
        send(own_daemon, *range(7))
        expect(page.get_by_text("The quarantine level is passed.")).to_be_visible()
        expect(page.get_by_text("no breach is in sight")).to_have_count(0)


def test_a_lost_connection_is_told_with_the_time_of_the_numbers_and_made_up_for(
    browser: Browser, own_daemon: Daemon
) -> None:
    own_daemon.put_in_force(row(3, 5))
    with opened(browser, own_daemon.url) as page:
        sign_in(page, "adam")
        page.goto("/rates")
        state, text = page.locator('[data-live="state"]'), page.locator('[data-live="text"]')
        expect(state).to_have_text("live")
        assert own_daemon.stop() == 0
        expect(state).to_have_text("not connected")
        expect(text).to_have_text(
            re.compile(r"The numbers are old: they are those of [0-9]+ [A-Z][a-z]+ [0-9]{4} [0-9:]{8} UTC")
        )
        assert text.get_attribute("title")  # what the clock here said then
        own_daemon.set("http", port=urlsplit(own_daemon.url).port)
        own_daemon.start()
        expect(state).to_have_text("live", timeout=20_000)
        send(own_daemon, 1)
        expect(row_of(page).locator('[data-field="count"]')).to_have_text("1")


def test_a_hidden_tab_asks_for_nothing(page: Page) -> None:
    page.goto("/rates")
    state = page.locator('[data-live="state"]')
    expect(state).to_have_text("live")
    for hidden, word in ((True, "paused"), (False, "live")):
        page.evaluate(
            "hidden => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});"
            " document.dispatchEvent(new Event('visibilitychange')); }",
            hidden,
        )
        expect(state).to_have_text(word)


def test_filter_and_order_stand_in_the_address_and_the_way_back_works(page: Page) -> None:
    page.goto("/rates")
    page.get_by_label("Class").select_option("SR")
    page.get_by_label("User ID").select_option(OTHER_SUPPLIER)
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(f"user={OTHER_SUPPLIER}&class=SR"))
    expect(page.locator("tr[data-key]")).to_have_count(1)
    page.get_by_role("link", name="Show all").click()
    page.get_by_role("link", name="Count").click()
    expect(page).to_have_url(re.compile("sort=count"))
    page.get_by_role("link", name="Count").click()
    expect(page).to_have_url(re.compile("sort=-count"))
    expect(page.get_by_role("columnheader", name="Count")).to_have_attribute("aria-sort", "descending")
    page.go_back()
    page.go_back()
    page.go_back()
    expect(page.get_by_label("Class")).to_have_value("SR")
    expect(page.locator("tr[data-key]")).to_have_count(1)
    page.locator("tr[data-key] a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("SR 7.4 in PT1H")


def test_a_curve_is_read_out_and_zoomed_by_pointer_and_by_keyboard(page: Page, rated: Daemon) -> None:
    assert rated.as_("adaptor").send_lines([header_line(99, "4.1.1")]).status == 202
    page.goto(f"/rates/{SUPPLIER}~ALL~*~P1D~rolling?span=24h")
    chart, output = page.locator("svg.chart.wide"), page.locator(".readout")
    chart.hover(position={"x": 500, "y": 100})
    expect(output).to_contain_text("count 0")
    page.get_by_label("Point of the curve").focus()
    page.keyboard.press("End")
    expect(output).to_contain_text(re.compile("UTC: count [1-9]"))
    chart.hover(position={"x": 500, "y": 100})
    page.mouse.down()
    chart.hover(position={"x": 800, "y": 110})
    expect(page.locator("svg.chart.wide .selection")).to_have_attribute("visibility", "visible")
    page.mouse.up()
    page.wait_for_url(re.compile(r"from=.*&to=.*"))
    expect(page.get_by_label("From (UTC)")).not_to_have_value("")
    page.get_by_role("link", name="Zoom out").press("Enter")
    page.wait_for_url(re.compile(r"from=.*&to=.*"))
    page.get_by_role("link", name="1h").click()
    expect(page.locator("[aria-current=true]")).to_have_text("1h")
    page.get_by_text("Show the table").click()
    expect(page.get_by_role("region", name=re.compile("Counts, each for"))).to_be_visible()


def test_without_script_everything_but_the_moving_numbers_is_there(browser: Browser, rated: Daemon) -> None:
    with opened(browser, rated.url, java_script_enabled=False) as page:
        sign_in(page, "adam")
        page.goto("/rates?sort=service")
        expect(page.locator('[data-live="state"]')).to_have_text("as of")
        page.get_by_role("link", name="Refresh").click()
        expect(page).to_have_url(re.compile("sort=service"))
        page.get_by_label("Text").fill("supply")
        page.get_by_role("button", name="Show").click()
        expect(page).to_have_url(re.compile("text=supply"))
        page.locator("tr[data-key] a").first.click()
        page.get_by_role("link", name="6h").click()
        expect(page.locator("svg.chart.wide")).to_be_visible()
        expect(page.locator(".pointer")).to_be_hidden()
        page.get_by_label("From (UTC)").fill(time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() - 7200)))
        page.get_by_role("button", name="Show").click()
        expect(page).to_have_url(re.compile("from="))
        expect(page.locator("svg.chart.wide")).to_be_visible()


def test_the_browser_says_the_same_words_and_draws_the_same_bars(page: Page) -> None:
    page.goto("/rates")
    source = page.locator("script[src*=live_rates]").get_attribute("src") or ""
    told: list[ShownForecast | None] = [*FORECASTS.values()]
    told += [ShownForecast(each, each // 2, each * 2, "likely") for each in (1, 99, 100, 5999, 6000, 172_800)]
    bars = [(count, warning, 100) for count in (0, 7, 99, 100, 101, 10**6) for warning in (0, 33, 100, 250)]
    said = page.evaluate(
        """async ({source, told, bars}) => {
            const words = await import(new URL(source.replace("live_rates", "rate_words"), location.href));
            const rate = ([count, warning, quarantine]) => words.bar({count, warning, quarantine});
            const counted = (time_to_breach) => words.forecastSentence({count: 1, quarantine: 2, time_to_breach});
            return {told: told.map(words.breachWords), bars: bars.map(rate), sentences: told.map(counted)};
        }""",
        {"source": source, "told": [_plain(each) for each in told], "bars": bars},
    )
    assert said["told"] == [breach_words(each) for each in told]
    assert said["sentences"] == [breach_sentence(each) for each in told]
    assert said["bars"] == [_plain(bar(*each)) for each in bars]


def _plain(value: Any) -> Any:
    return None if value is None else {name: getattr(value, name) for name in value.__struct_fields__}


@pytest.mark.parametrize(
    "path", ["/rates", "/rates?user=nobody", f"/rates/{KEY}", f"/rates/{KEY}?span=31d&fit=counts"]
)
def test_everybody_can_use_a_page(page: Page, path: str) -> None:
    """axe-core finds nothing, and nothing is wider than a telephone."""
    page.goto(path)
    if "?user" not in path:
        expect(page.locator('[data-live="state"]')).to_have_text("live")
    assert_accessible(page)
    assert_fits(page)
    assert_accessible(page)
