"""Whether the machine's clock is kept by a time source."""

import ctypes
from collections.abc import AsyncIterator
from typing import Final

from gateway.doctor.finding import Check, Finding, ok, unknown, warning
from gateway.settings import Settings

TIME_SOURCE = "time source"

_TIMEX_OCTETS: Final = 512
"""More than `struct timex` of Linux takes anywhere; its first field, 0, says to read only (adjtimex(2))."""
_TIME_ERROR: Final = 5
"""The clock is not synchronised (adjtimex(2))."""
_REMEDY: Final = "Run an NTP client such as chrony: windows, signatures and audit records depend on the time."


def kernel_clock_state() -> int | None:
    """Return what adjtimex(2) says of the clock, or None where it cannot be asked."""
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None:
        return None
    state = int(adjtimex(ctypes.create_string_buffer(_TIMEX_OCTETS)))
    return None if state < 0 else state


def judge_time_source(state: int | None) -> Finding:
    """Tell what the *state* of the kernel's clock means."""
    if state is None:
        return unknown(TIME_SOURCE, "could not tell whether the clock is synchronised", _REMEDY)
    if state == _TIME_ERROR:
        return warning(TIME_SOURCE, "the kernel says that the clock is not synchronised", _REMEDY)
    return ok(TIME_SOURCE, "the kernel says that the clock is synchronised")


async def _time_source(settings: Settings, now: float) -> AsyncIterator[Finding]:
    del settings, now
    yield judge_time_source(kernel_clock_state())


CHECKS = (Check((TIME_SOURCE,), _time_source),)
