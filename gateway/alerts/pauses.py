"""How long an alert pauses after an attempt that failed, and when it is given up. Pure, but for chance."""

import random
from typing import Final

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
SPREAD: Final = 0.2
"""Pauses are longer or shorter by up to this part of them: many gateways do not come back at once."""
LONGEST_WAIT: Final = LONGEST_PAUSE * (1 + SPREAD) + 1
"""No pause that we set is longer (it ends on a whole second): a later time is from a clock since set back."""
MOST_DOUBLINGS: Final = 6
"""After so many the longest pause is reached."""
DOWN_AFTER: Final = 3
"""After failures with alerts of so many incidents, and none taken between, the other side is taken to be down."""


def pause_after(failures: int) -> float:
    """Return the seconds to wait after this many failures before the present one."""
    spread = random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311 - no secret
    return min(FIRST_PAUSE * 2.0 ** min(failures, MOST_DOUBLINGS), LONGEST_PAUSE) * spread
