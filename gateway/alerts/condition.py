"""What became of a condition, and how it adds to what is known of it. Pure."""

from typing import Any, Final, NamedTuple

import msgspec

from gateway.alerts.facts import Condition, kind_of
from gateway.clock import to_text

WARNING: Final = "warning"
"""The level of every condition: something has to be looked at, and nothing is in quarantine by it alone."""


class Key(NamedTuple):
    """Names a condition: what comes back under the same key adds to the incident that is open."""

    kind: str
    subject: str


class News(msgspec.Struct, frozen=True):
    """What became of a condition since the last news of it."""

    kind: type[Condition]
    subject: str
    """At most 120 characters."""
    detail: str
    """A plain sentence; the title of the incident from now on."""
    at: float
    """When it last began, in seconds since the epoch."""
    begins: int = 1
    """How often it began."""
    until: float | None = None
    """When it ended; None while it lasts, or where that is no news."""
    figures: dict[str, int | str] = {}
    """Take the place of earlier ones."""
    more: dict[str, int] = {}
    """Are added to earlier ones."""
    user_id: str = ""
    level: str = WARNING

    @property
    def key(self) -> Key:
        """What it adds to."""
        return Key(kind_of(self.kind), self.subject)


def combined(earlier: News, later: News) -> News:
    """Return two pieces of news of one condition as one."""
    more = {name: earlier.more.get(name, 0) + later.more.get(name, 0) for name in earlier.more | later.more}
    return msgspec.structs.replace(
        later,
        at=later.at if later.begins else earlier.at,
        begins=earlier.begins + later.begins,
        until=later.until if _tells_the_end(later) else earlier.until,
        figures=earlier.figures | later.figures,
        more=more,
        user_id=later.user_id or earlier.user_id,
    )


def news_facts(news: News) -> Condition:
    """Return what is known of a condition of which this is the first news."""
    return news.kind(
        level=news.level,
        subject=news.subject,
        since=to_text(news.at),
        until=_text(news.until),
        occurrences=news.begins,
        detail=news.detail,
        figures={**news.figures, **news.more},
    )


def merged(facts: Condition, news: News) -> Condition:
    """Return what is known of a condition after *news* of it."""
    changes: dict[str, Any] = {"detail": news.detail, "occurrences": facts.occurrences + news.begins}
    if news.begins:
        changes["since"] = to_text(news.at)
    if _tells_the_end(news):
        changes["until"] = _text(news.until)
    figures = facts.figures | news.figures
    for name, number in news.more.items():
        earlier = figures.get(name, 0)
        figures[name] = number + (earlier if isinstance(earlier, int) else 0)
    return msgspec.structs.replace(facts, figures=figures, **changes)


def _tells_the_end(news: News) -> bool:
    """Tell whether *news* says when it ended, or that it does not hold any more that it had ended."""
    return bool(news.begins) or news.until is not None


def _text(seconds: float | None) -> str | None:
    return None if seconds is None else to_text(seconds)
