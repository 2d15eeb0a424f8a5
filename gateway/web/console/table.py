"""Every page of the console in one table; the order is that of the navigation."""

from typing import Final

from aiohttp import web

from gateway.web.console import (
    account,
    alerts,
    audit,
    decision_new,
    decisions,
    file_backtest,
    file_list,
    file_page,
    file_submit,
    help_page,
    incident_evidence,
    incident_work,
    incidents,
    overview,
    passkeys,
    people,
    pm11,
    quarantine,
    rate,
    rates,
    settings,
    sign_in,
    silences,
    single_sign_on,
    static_files,
    token,
)
from gateway.web.console.page import Page
from gateway.web.console.render import STATIC, prepare
from gateway.web.console.serve import SIGN_IN, served

PAGES: Final[tuple[Page, ...]] = (
    *overview.PAGES,
    *rates.PAGES,
    *rate.PAGES,
    *incidents.PAGES,
    *quarantine.PAGES,
    *decision_new.PAGES,
    *decisions.PAGES,
    *pm11.PAGES,
    *alerts.PAGES,
    *incident_evidence.PAGES,
    *silences.PAGES,
    *incident_work.PAGES,
    *file_list.PAGES,
    *file_submit.PAGES,
    *file_page.PAGES,
    *file_backtest.PAGES,
    *audit.PAGES,
    *token.PAGES,
    *people.PAGES,
    *settings.PAGES,
    *help_page.PAGES,
    *account.PAGES,
    *passkeys.PAGES,
    *sign_in.PAGES,
)
"""A module for each subject; it lists its own pages."""

OPEN: Final = (("GET", SIGN_IN, sign_in.ask), ("POST", SIGN_IN, sign_in.sign_in), *single_sign_on.OPEN)
"""What anybody may see: the way in, and beside it the static files."""


def add_console(app: web.Application) -> None:
    """Serve every page of the table."""
    prepare(app, PAGES)
    for page in PAGES:
        app.router.add_route(page.method, page.path, served(page))
    for method, path, handler in OPEN:
        app.router.add_route(method, path, handler)
    app.router.add_route("GET", static_files.PATH, app[STATIC].answer)
