"""One file of the drop folder for ADT files: when nobody writes to it any more, its bytes, and its result."""

import hashlib
import itertools
import os
from pathlib import Path
from typing import Final, Literal

import msgspec

from gateway.clock import to_text
from gateway.errors import GatewayError, InvalidInput, NotPermitted, TooLarge
from gateway.ingest.dropped_file import (
    NAME_MAX_BYTES,
    Identity,
    move_beside,
    open_plain,
    read_whole,
    shown_name,
)
from gateway.operations.files import FILE_BYTES, DuplicateFile, RefusedFile
from thresholds.faults import Fault

ENDING: Final = ".csv"

SETTLED_SECONDS: Final = 2.0
"""How long a file must stay as it is before it is taken: it may be written in place."""

State = Literal["submitted", "refused", "not_permitted"]


class Result(msgspec.Struct, frozen=True):
    """What became of a file; it lies beside it as JSON, always with every key."""

    file: str
    """Its name, made printable."""
    state: State
    at: str
    """When it was dealt with, RFC 3339."""
    sha256: str = ""
    """Of its bytes; empty where they were not read."""
    id: int | None = None
    """The ADT file that it is now, or that has the same bytes already."""
    fault_count: int = 0
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    code: str = ""
    message: str = ""
    remedy: str = ""


class Settling:
    """Tells which files stood still for `SETTLED_SECONDS`; *now* is in seconds of a clock that never jumps."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[Identity, float]] = {}

    def settled(self, found: dict[str, Identity], now: float) -> list[str]:
        """Return the names of those that stayed as they are, the longest unchanged first; others are forgotten."""
        since = {}
        for name, identity in found.items():
            known = self._since.get(name)
            since[name] = known if known and known[0] == identity else (identity, now)
        self._since = since
        still = [name for name, (_, start) in since.items() if now - start >= SETTLED_SECONDS]
        return sorted(still, key=lambda name: (found[name][-1:], name))


def read_dropped(path: Path) -> tuple[bytes, str]:
    """Return the bytes of *path* and their SHA-256 in hexadecimal; a link or a pipe is never followed.

    Raises `InvalidInput`: `ending_unknown`, `not_a_file`, `too_large`, `file_unreadable`.
    """
    remedy = f"Put a plain file there whose name ends in {ENDING}."
    if path.suffix.lower() != ENDING:
        raise InvalidInput("ending_unknown", f"the name does not end in {ENDING}", remedy)
    try:
        with open_plain(path, FILE_BYTES, remedy) as file:
            data = read_whole(file, FILE_BYTES)
    except TooLarge as error:
        raise TooLarge(error.code, error.message, "Split it into several files.") from error
    except OSError as error:
        msg = f"it cannot be read: {error.strerror}"
        raise InvalidInput("file_unreadable", msg, "Let the daemon's account read it.") from error
    return data, hashlib.sha256(data).hexdigest()


def refusal(name: str, sha256: str, error: GatewayError, now: float) -> Result:
    """Return the result of a file that was not submitted because of *error*."""
    result = Result(
        file=shown_name(name),
        state="not_permitted" if isinstance(error, NotPermitted) else "refused",
        at=to_text(now),
        sha256=sha256,
        code=error.code,
        message=error.message,
        remedy=error.remedy,
    )
    if isinstance(error, DuplicateFile):
        return msgspec.structs.replace(result, id=error.number)
    if isinstance(error, RefusedFile):
        check = error.check
        return msgspec.structs.replace(
            result, fault_count=check.fault_count, faults=check.faults, warnings=check.warnings
        )
    return result


def put_beside(path: Path, folder: Path, result: Result) -> None:
    """Move *path* into *folder* with its result beside it; a name that is taken there gets a number."""
    data = msgspec.json.format(msgspec.json.encode(result)) + b"\n"
    move_beside(path, folder, free_name(folder, path.name), data)


def free_name(folder: Path, name: str) -> str:
    """Return *name*, or with a number before its ending where a file or a result has it; too long a one is cut."""
    stem, ending = Path(name).stem, Path(name).suffix
    if len(os.fsencode(name)) > NAME_MAX_BYTES:
        stem, ending = os.fsdecode(os.fsencode(name)[:NAME_MAX_BYTES]), ""
    for number in itertools.count(1):
        wanted = f"{stem}{ending}" if number == 1 else f"{stem}-{number}{ending}"
        if not any(os.path.lexists(folder / each) for each in (wanted, f"{wanted}.result.json")):
            return wanted
    raise AssertionError  # pragma: no cover - numbers do not end
