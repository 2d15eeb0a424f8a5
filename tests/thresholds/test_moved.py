"""What the monitor says has moved is all that has: who follows it knows every count."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.traffic import communication
from thresholds.breach import Standing
from thresholds.model import Alignment, Level, Period, Threshold, ThresholdKey
from thresholds.monitor import Monitor

START = 1_790_553_600
VARIANTS = ("4.1.1", "7.4", "7.1")
PERIODS = (Period(60, "PT1M"), Period(300, "PT5M"), Period(7200, "PT2H"))


def threshold(variant: str, period: Period, alignment: Alignment, end: int | None = None) -> Threshold:
    return Threshold(
        user_id=communication().originator,
        communication="SR",
        service=variant,
        period=period,
        warning=2,
        quarantine=4,
        effective_from=START - 60 if end is None else START + 20,
        effective_to=end,
        alignment=alignment,
    )


SETS = st.lists(
    st.builds(
        threshold,
        st.sampled_from(VARIANTS),
        st.sampled_from(PERIODS),
        st.sampled_from(Alignment),
        st.sampled_from([None, START + 400]),
    ),
    max_size=6,
    unique_by=lambda row: (row.key, row.effective_to),
)
SEND = st.tuples(st.just("send"), st.sampled_from(VARIANTS), st.integers(0, 400))
PASS = st.tuples(st.just("pass"), st.integers(0, 5000))
LOOK = st.tuples(st.sampled_from(["outlook", "look"]))
REPLACE = st.tuples(st.just("replace"), SETS)


def truth(monitor: Monitor) -> dict[ThresholdKey, Standing]:
    return {rate.key: Standing(rate.key, rate.count, rate.threshold) for rate in monitor.rates()}


@given(SETS, st.lists(SEND | PASS | LOOK | REPLACE, max_size=40))
def test_who_follows_what_moved_knows_every_count(
    rows: list[Threshold], steps: list[tuple[object, ...]]
) -> None:
    monitor, now = Monitor(rows, START), START
    known: dict[ThresholdKey, Standing] = {}
    for step in [*steps, ("look",)]:
        match step:
            case ("send", str(variant), int(late)):
                monitor.observe(communication(variant), now - late, now)
            case ("pass", int(seconds)):
                now += seconds
            case ("outlook",):
                monitor.outlook()
            case ("replace", list(others)):
                monitor.replace(others, now)
                known.clear()
            case _:
                monitor.advance(now)
                known.update({standing.key: standing for standing in monitor.moved()})
                assert known == truth(monitor)


def test_what_is_empty_and_counts_nothing_is_looked_at_once() -> None:
    rows = [threshold(variant, PERIODS[0], Alignment.ROLLING) for variant in VARIANTS]
    monitor = Monitor(rows, START)
    assert len(monitor.moved()) == 3
    assert monitor.moved() == ()
    monitor.observe(communication("7.4"), START, START)
    assert [standing.count for standing in monitor.moved()] == [1]
    assert [standing.count for standing in monitor.moved()] == [1], "it may fall at any time"
    monitor.advance(START + 61)
    assert [standing.count for standing in monitor.moved()] == [0]
    assert monitor.moved() == ()


def test_a_forecast_of_one_key_is_that_of_its_rate() -> None:
    monitor = Monitor([threshold("7.4", PERIODS[2], Alignment.ROLLING)], START)
    for second in range(3):
        monitor.observe(communication("7.4"), START + second, START + second)
    (rate,) = monitor.rates()
    assert monitor.forecast(rate.key, Level.QUARANTINE) == rate.until_quarantine
    monitor.replace([], START + 3)
    assert monitor.forecast(rate.key, Level.QUARANTINE) is None


def test_an_empty_count_whose_threshold_changes_has_moved() -> None:
    row = threshold("7.4", PERIODS[0], Alignment.ROLLING, end=START + 400)
    monitor = Monitor([row], START)
    assert [standing.threshold for standing in monitor.moved()] == [None]
    monitor.advance(START + 20)
    assert [standing.threshold for standing in monitor.moved()] == [row]
    monitor.advance(START + 400)
    assert [standing.threshold for standing in monitor.moved()] == [None]
