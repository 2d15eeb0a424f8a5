"""The rules that hold between the cells of one row, and between the rows of one file."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from thresholds.adt_table import Table, Users
from thresholds.catalogue import Catalogue
from thresholds.faults import Complaint, Fault
from thresholds.instant import format_instant
from thresholds.model import CommunicationClass, UserId
from thresholds.profile import Field, Profile

_CRITICAL_ONLY: Final = (CommunicationClass.SPC, CommunicationClass.TRANSFORM, CommunicationClass.S1C)


class RowRule(msgspec.Struct, frozen=True):
    """A rule between some fields of a row."""

    fields: tuple[Field, ...]
    place: Field
    """Where its fault is shown."""
    judge: Callable[..., Complaint | None]
    """Takes the values of the fields."""


def row_rules(profile: Profile, catalogue: Catalogue, users: Users, now: int) -> tuple[RowRule, ...]:
    """Return the rules between the cells of a row; *now* is in seconds since the epoch."""
    role = functools.partial(_role, profile, catalogue, users)
    critical = functools.partial(_critical, profile, catalogue)
    levels = functools.partial(_levels, profile)
    past = functools.partial(_past, profile, now)
    times = functools.partial(_times, profile)
    return (
        RowRule((Field.USER_ID, Field.SERVICE), Field.SERVICE, role),
        RowRule((Field.COMMUNICATION, Field.SERVICE), Field.COMMUNICATION, critical),
        RowRule((Field.WARNING, Field.QUARANTINE), Field.WARNING, levels),
        RowRule((Field.EFFECTIVE_FROM,), Field.EFFECTIVE_FROM, past),
        RowRule((Field.EFFECTIVE_FROM, Field.EFFECTIVE_TO), Field.EFFECTIVE_TO, times),
    )


def row_faults(table: Table, rule: RowRule) -> Iterator[Fault]:
    """Yield where *rule* is broken; rows in which a cell it needs cannot be read are passed over."""
    rows = list(zip(*table.columns(*rule.fields), strict=True))
    broken = {
        values: complaint
        for values in set(rows)
        if not _unreadable(values) and (complaint := rule.judge(*values))
    }
    if broken:
        for line, values in zip(table.lines, rows, strict=True):
            if complaint := broken.get(values):
                yield table.fault(complaint, line, rule.place)


def _unreadable(values: Iterable[Any]) -> bool:
    return any(isinstance(value, Complaint) for value in values)


def _role(
    profile: Profile, catalogue: Catalogue, users: Users, user: UserId, service: str
) -> Complaint | None:
    if any(variant.may_be_sent_by(users[user]) for variant in catalogue.covered_by(service)):
        return None
    message = f"{user} has the roles {_listed(users[user])}, and none of them may send {service}"
    remedy = "use a User ID whose role may send this service, or another service"
    return Complaint("role_may_not_send", message, remedy, service, profile.rules.role_may_not_send)


def _listed(roles: frozenset[str]) -> str:
    return ", ".join(sorted(roles)) or "(none)"


def _critical(profile: Profile, catalogue: Catalogue, communication: str, service: str) -> Complaint | None:
    rules, variants = profile.rules, catalogue.covered_by(service)
    if communication in _CRITICAL_ONLY and not any(variant.critical for variant in variants):
        message = f"{service} is not critical, so there is no {communication} of it"
        remedy = "use SR for a service that is not critical"
        return Complaint("spc_not_critical", message, remedy, communication, rules.spc_not_critical)
    if communication == CommunicationClass.SR and all(variant.critical for variant in variants):
        message = f"{service} is critical: it is sent as TRANSFORM and SPC or as S1C, so SR counts nothing"
        remedy = "use SPC, TRANSFORM, S1C or ALL for a critical service"
        return Complaint("sr_for_critical", message, remedy, communication, rules.sr_for_critical)
    return None


def _levels(profile: Profile, warning: int, quarantine: int) -> Complaint | None:
    message = f"the warning level {warning} is not below the quarantine level {quarantine}"
    if warning > quarantine:
        return Complaint("warning_above_quarantine", message, "lower the warning level", str(warning))
    if warning < quarantine:
        return None
    remedy = "lower the warning level, or nobody is warned before the DCC quarantines"
    severity = profile.rules.warning_equals_quarantine
    return Complaint("warning_equals_quarantine", message, remedy, str(warning), severity)


def _past(profile: Profile, now: int, start: int) -> Complaint | None:
    if start >= now:
        return None
    text = format_instant(start, profile.instant_format)
    message, remedy = f"{text} is in the past", "give a time that is still to come"
    return Complaint("effective_from_in_past", message, remedy, text, profile.rules.effective_from_in_past)


def _times(profile: Profile, start: int, end: int | None) -> Complaint | None:
    if end is None or end > start:
        return None
    text = format_instant(end, profile.instant_format)
    message, remedy = "the exception does not end after it begins", "put its end after its beginning"
    return Complaint("effective_to_not_after_from", message, remedy, text)
