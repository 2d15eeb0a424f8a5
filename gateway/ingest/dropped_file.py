"""One file of the drop folder: opened without trust, read in pieces, put away beside its result."""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final

from gateway.errors import InvalidInput
from gateway.ingest.document import DOCUMENT_MAX_BYTES, too_large
from gateway.ingest.header_line import LINE_MAX_BYTES

ENDINGS: Final = MappingProxyType({".xml": "xml", ".ndjson": "lines", ".jsonl": "lines"})

LINES_FILE_MAX_BYTES: Final = 1024 * 1024 * 1024
"""Size of an NDJSON file at the most: about 8 million header lines."""

BATCH_LINES: Final = 1000
BATCH_BYTES: Final = 4 * 1024 * 1024
"""A batch ends with the line that passes this."""

NAME_MAX_BYTES: Final = 200
"""A longer name is cut: file systems allow 255 bytes, and the result's name is longer."""

UNFINISHED: Final = (".tmp", ".part")
"""Ends of names that somebody still writes to; so is a leading dot."""

REMEDY: Final = "Put XML or NDJSON files there, by rename."

Identity = tuple[int, ...]
"""Device, number, size and time of the last change of a file: whatever it is called, it is that one."""


def open_dropped(path: Path) -> BinaryIO:
    """Open *path* if it is a regular file of a kind and size that is read; it is never followed nor waited for.

    Raises `InvalidInput`: `ending_unknown`, `not_a_file`, `too_large`; `OSError` where it cannot be opened.
    """
    kind = ENDINGS.get(path.suffix.lower())
    if kind is None:
        raise InvalidInput("ending_unknown", f"the name ends in none of {', '.join(ENDINGS)}", REMEDY)
    return open_plain(path, DOCUMENT_MAX_BYTES if kind == "xml" else LINES_FILE_MAX_BYTES, REMEDY)


def open_plain(path: Path, limit: int, remedy: str) -> BinaryIO:
    """Open *path* if it is a regular file of *limit* bytes at the most; it is never followed nor waited for.

    Raises `InvalidInput`: `not_a_file` (with *remedy*), `too_large`; `OSError` where it cannot be opened.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise InvalidInput("not_a_file", "it is a link, a pipe or another thing that is no file", remedy)
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    size = os.fstat(file.fileno()).st_size
    if size > limit:
        file.close()
        raise too_large(size, limit)
    return file


def read_whole(file: BinaryIO, limit: int = DOCUMENT_MAX_BYTES) -> bytes:
    """Return what is in *file*; raise `too_large` before more than *limit* bytes are kept."""
    data = file.read(limit + 1)
    if len(data) > limit:
        raise too_large(len(data), limit)
    return data


def read_batches(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the number of the first line and the bytes of whole lines, little at a time.

    A line over the limit is cut off after it: what is left of it is refused as one line.
    """
    first = 1
    lines: list[bytes] = []
    size = 0
    while line := read_line(file):
        lines.append(line)
        size += len(line)
        if len(lines) >= BATCH_LINES or size >= BATCH_BYTES:
            yield first, b"".join(lines)
            first, lines, size = first + len(lines), [], 0
    if lines:
        yield first, b"".join(lines)


def read_line(file: BinaryIO) -> bytes:
    """Return the next line with its end; of one over the limit only so much that it is refused as too large."""
    line = file.readline(LINE_MAX_BYTES + 2)
    if len(line) <= LINE_MAX_BYTES or line.endswith(b"\n"):
        return line
    while (more := file.readline(1024 * 1024)) and not more.endswith(b"\n"):
        pass
    return line[: LINE_MAX_BYTES + 1] + b"\n"


def put_away(path: Path, folder: Path, result: bytes) -> None:
    """Move *path* into *folder* beside a JSON file that says what became of it; nothing there is replaced."""
    name = path.name
    if os.path.lexists(folder / name) or len(os.fsencode(name)) > NAME_MAX_BYTES:
        name = f"{os.fsdecode(os.fsencode(name)[:NAME_MAX_BYTES])}.{time.time_ns()}"
    move_beside(path, folder, name, result)


def move_beside(path: Path, folder: Path, name: str, result: bytes) -> None:
    """Write *result* into *folder* as `NAME.result.json`, on disk before it has its name; then move *path* there."""
    beside = folder / f"{name}.result.json"
    unfinished = folder / f".{name}.result.json"
    with unfinished.open("wb") as file:
        file.write(result)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(beside)
    path.rename(folder / name)


def shown_name(name: str) -> str:
    """Return a name as text, also where its bytes are none."""
    return os.fsencode(name).decode(errors="backslashreplace")


def identify(path: Path) -> Identity:
    """Return which file it is; nothing where it is gone."""
    try:
        found = path.lstat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def is_finished(entry: os.DirEntry[str]) -> bool:
    """Tell whether by its name nobody writes to it any more, and it is no folder."""
    if entry.name.startswith(".") or entry.name.endswith(UNFINISHED):
        return False
    return not entry.is_dir(follow_symlinks=False)
