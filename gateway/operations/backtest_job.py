"""What the process that tries thresholds on the past is asked, and what it answers: JSON both ways."""

from typing import Final

import msgspec

from thresholds.model import Threshold
from thresholds.trial import Trial

SECONDS: Final = 120
"""How long one job may take."""
MEMORY_BYTES: Final = 1024**3
"""Address space of the process, libraries included."""


class Case(msgspec.Struct, frozen=True):
    """One standing threshold that changes; None where there is none before or after."""

    old: Threshold | None
    new: Threshold | None

    @property
    def either(self) -> Threshold:
        """The new row, or the old one: they count the same."""
        threshold = self.new or self.old
        if threshold is None:
            raise ValueError
        return threshold


class Job(msgspec.Struct, frozen=True):
    """Try *cases* on the history from second *since* on."""

    store_url: str
    password_file: str | None
    since: int
    cases: tuple[Case, ...]


class Outcome(msgspec.Struct, frozen=True):
    """What became of one case."""

    old: Trial | None
    new: Trial | None
    warnings_on_record: int
    quarantines_on_record: int


class Answer(msgspec.Struct, frozen=True):
    """What became of all cases, in their order."""

    first: int
    """From when on the history holds counts; at *until* where it holds none."""
    until: int
    """The second up to which the history reaches."""
    outcomes: tuple[Outcome, ...]


decode_job: Final = msgspec.json.Decoder(Job).decode
decode_answer: Final = msgspec.json.Decoder(Answer).decode
encode: Final = msgspec.json.encode
