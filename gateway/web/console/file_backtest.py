"""What a file would have done, beside its difference: shown once it is worked out, in the way of nothing."""

from typing import Final

import msgspec
from aiohttp import web

from gateway.access import Action
from gateway.operations.backtest_job import Outcome
from gateway.operations.backtests import DAYS, MOST_CASES, Backtest
from gateway.web.console.file_list import Pages, page_number
from gateway.web.console.file_page import ONE
from gateway.web.console.page import Page
from gateway.web.console.visit import Visit
from gateway.web.files import path_number
from thresholds.model import Threshold

PAGE_SIZE: Final = 50
"""Thresholds on one page."""
ENOUGH: Final = 10
"""Periods that the history has to hold to say something."""


class TrialRow(msgspec.Struct, frozen=True):
    """One threshold that changes, and what it would have raised."""

    threshold: Threshold
    service_name: str
    outcome: Outcome
    is_short: bool
    """Whether the history holds less than ten of its periods: that says little."""


async def backtest(visit: Visit) -> web.StreamResponse:
    """Show how far the backtest is, or what it found; the first who asks has it begun."""
    number = path_number(visit.request)
    found = await visit.services.backtests.ask(visit.person, number)
    rows, page = _rows(visit, found), page_number(visit)
    pages = Pages(f"/files/{number}/backtest", {}, page, len(rows), PAGE_SIZE)
    first = (page - 1) * PAGE_SIZE
    return visit.show(
        "backtest.html",
        title=f"What ADT file {number} would have done",
        crumbs=[("ADT files", "/files"), (found.file.name, f"/files/{number}")],
        file=found.file,
        backtest=found,
        rows=rows[first : first + PAGE_SIZE],
        totals=_totals(rows),
        pages=pages,
        days=DAYS,
        most_cases=MOST_CASES,
    )


def _rows(visit: Visit, found: Backtest) -> list[TrialRow]:
    """Return what was found, what changes most first."""
    if found.answer is None:
        return []
    answer, name = found.answer, visit.services.rules.current.service_name
    rows = [
        TrialRow(
            case.either,
            name(case.either.service),
            outcome,
            answer.until - answer.first < ENOUGH * case.either.period.seconds,
        )
        for case, outcome in zip(found.cases, answer.outcomes, strict=True)
    ]
    return sorted(rows, key=lambda row: -_weight(row.outcome))


def _weight(outcome: Outcome) -> int:
    """Return by how much the outcome differs: quarantines first."""
    before, after = _raised(outcome)
    return 1_000_000 * abs(after[1] - before[1]) + abs(after[0] - before[0])


def _raised(outcome: Outcome) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return warnings and quarantines with what is in force, and with the file."""
    old, new = (
        (trial.warnings, trial.quarantines) if trial else (0, 0) for trial in (outcome.old, outcome.new)
    )
    return old, new


def _totals(rows: list[TrialRow]) -> dict[str, int]:
    raised = [_raised(row.outcome) for row in rows]
    return {
        "old_warnings": sum(old[0] for old, _ in raised),
        "old_quarantines": sum(old[1] for old, _ in raised),
        "new_warnings": sum(new[0] for _, new in raised),
        "new_quarantines": sum(new[1] for _, new in raised),
        "warnings_on_record": sum(row.outcome.warnings_on_record for row in rows),
        "quarantines_on_record": sum(row.outcome.quarantines_on_record for row in rows),
    }


PAGES: Final = (
    Page("GET", f"{ONE}/backtest", backtest, Action.READ_FILES, "What it would have done", parent=ONE),
)
