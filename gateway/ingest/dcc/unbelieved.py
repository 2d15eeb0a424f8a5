"""The bound on alerts that are not believed: one for each sort, so that a flood of one crowds no other out. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

from gateway.ingest.dcc.checked import Checked


def trusts_of(alerts: Sequence[Checked]) -> set[str]:
    """Return the sorts of disbelief among *alerts*."""
    return {str(each.verdict.trust) for each in alerts if not each.is_believed}


def within_bounds(
    alerts: Sequence[Checked], kept: Mapping[str, int], limit: int
) -> tuple[list[Checked], list[Checked]]:
    """Return which of *alerts* are to be kept, and which are not.

    *kept* says how many of each sort are kept already, of which there may be *limit*. What is believed has no bound.
    """
    counts, chosen, beyond = Counter(kept), list[Checked](), list[Checked]()
    for each in alerts:
        trust = str(each.verdict.trust)
        if not each.is_believed and counts[trust] >= limit:
            beyond.append(each)
            continue
        counts[trust] += 1
        chosen.append(each)
    return chosen, beyond
