"""How far a replay came, kept in a file so that a second run goes on from there."""

import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.cli.reading import read_input
from gateway.cli.replay_input import Position
from gateway.errors import InvalidInput

STATE_MAX_BYTES: Final = 1024 * 1024
REJECTED_KEPT: Final = 100
"""Rejected communications that are named at the most; all are counted."""


class Totals(msgspec.Struct):
    """What the daemon answered, added up."""

    accepted: int = 0
    duplicate: int = 0
    rejected_count: int = 0
    rejected: list[dict[str, Any]] = []

    def reject(self, file: str, line: int, code: str, message: str) -> None:
        """Add a communication that was not counted."""
        self.rejected_count += 1
        if len(self.rejected) < REJECTED_KEPT:
            self.rejected.append({"file": file, "line": line, "code": code, "message": message})


class _State(msgspec.Struct, forbid_unknown_fields=True):
    paths: list[str]
    observed_at: str
    reached: Position = Position()
    beyond: list[Position] = []
    """Acknowledged although something before was not."""
    totals: Totals = msgspec.field(default_factory=Totals)


class Progress:
    """Knows what was acknowledged; with a *file* it is kept there after each acknowledgement."""

    def __init__(self, file: Path | None, paths: Sequence[Path], observed_at: str) -> None:
        self._file = file
        named = [os.fsencode(path.resolve()).decode(errors="backslashreplace") for path in paths]
        self._state = _State(named, observed_at)
        if file is not None and file.exists():
            self._state = _load(file, self._state)
        self._under_way: deque[Position] = deque()
        self._beyond = set(self._state.beyond)
        self.reached = self._state.reached
        self.totals = self._state.totals

    def begin(self, piece: Position) -> bool:
        """Take note that *piece* is sent next; False where it was acknowledged in an earlier run."""
        self._under_way.append(piece)
        if piece in self._beyond:
            self._go_on()
            return False
        return True

    def acknowledged(self, piece: Position) -> None:
        """Take note that the daemon has *piece*, and keep it."""
        self._beyond.add(piece)
        self._go_on()
        self.keep()

    def _go_on(self) -> None:
        while self._under_way and self._under_way[0] in self._beyond:
            self.reached = self._under_way.popleft()
            self._beyond.discard(self.reached)

    def keep(self, *, on_disk: bool = False) -> None:
        """Write the file anew, in one rename; wait for the disk where *on_disk*."""
        if self._file is None:
            return
        self._state.reached, self._state.beyond = self.reached, sorted(self._beyond)
        unfinished = self._file.with_name(f".{self._file.name}.unfinished")
        with unfinished.open("wb") as file:
            file.write(msgspec.json.encode(self._state))
            if on_disk:
                file.flush()
                os.fsync(file.fileno())
        unfinished.replace(self._file)


def _load(file: Path, wanted: _State) -> _State:
    try:
        state = msgspec.json.decode(read_input(file, STATE_MAX_BYTES), type=_State)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"{file} is not the state of a replay: {error}"
        raise InvalidInput(
            "state_malformed", msg, "Name the file that --state wrote, or one not there yet."
        ) from None
    if (state.paths, state.observed_at) != (wanted.paths, wanted.observed_at):
        msg = f"{file} is the state of another replay: {', '.join(state.paths)[:200]}"
        raise InvalidInput("state_other_input", msg, "Name the same paths and options, or another state.")
    return state
