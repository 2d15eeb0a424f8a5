"""Reading what somebody named on the command line."""

from pathlib import Path

from gateway.errors import InvalidInput, TooLarge


def read_input(path: Path, limit: int) -> bytes:
    """Return the bytes of *path*; raise `file_unreadable`, or `too_large` before more than *limit* are kept."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise InvalidInput("file_unreadable", msg, "Correct the path.") from error
    if len(data) > limit:
        raise TooLarge("too_large", f"{path} has more than {limit} bytes", "Name the file that is meant.")
    return data
