"""The system's clock as one daemon sees it: libfaketime sets it while the daemon runs, for nobody else."""

from pathlib import Path
from typing import Final

import pytest

LIBRARY: Final = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
needs_faketime = pytest.mark.skipif(LIBRARY is None, reason="libfaketime (Debian: faketime) is not installed")


class WallClock:
    """A clock that goes right until it is set; the steady clocks of the machine stay as they are."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)

    def set(self, seconds: int) -> None:
        """Set the clock forward, or back, by so many seconds from the right time; 0 puts it right."""
        unfinished = self._file.with_suffix(".unfinished")
        unfinished.write_text(f"{seconds:+d}\n")
        unfinished.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        """Return what a process needs to go by this clock."""
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
