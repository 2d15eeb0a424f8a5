"""Checks alerts again that could not be checked.

The DCC's new certificate may come after what it signed, and our own clock may have been behind.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from cryptography import x509

from gateway.clock import Clock
from gateway.ingest.dcc.certificates import Certificates
from gateway.ingest.dcc.checked import Checked, Message, read_and_check
from gateway.ingest.dcc.recorder import DccRecorder
from gateway.ingest.errors import IngestError
from gateway.store.database import Database
from gateway.store.dcc_alerts import DoubtedAlert, doubted_alerts

log = structlog.get_logger(__name__)

PIECE: Final = 50
"""Alerts that are checked and recorded at once."""


class Recheck:
    """Looks at the start, and each time that it is rung."""

    def __init__(
        self, database: Database, recorder: DccRecorder, certificates: Certificates, clock: Clock
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._certificates = certificates
        self._clock = clock
        self._rung = asyncio.Event()
        self._rung.set()

    def ring(self) -> None:
        """Say that there are other certificates."""
        self._rung.set()

    async def run(self) -> None:
        """Check again each time that it is rung, for ever; raise `Unavailable` where the store is away."""
        while True:
            await self._rung.wait()
            self._rung.clear()
            try:
                await self.look()
            except BaseException:
                self._rung.set()  # it is to be done again
                raise

    async def look(self) -> None:
        """Check every alert that could not be checked, and record those that are believed now."""
        certificates, after, believed = self._certificates(), 0, 0
        while certificates:
            async with self._database.read() as connection:
                found = await doubted_alerts(connection, after, PIECE)
            if not found:
                break
            after = found[-1].id
            checked = await asyncio.to_thread(_verified, found, certificates, int(self._clock() * 1000))
            if checked:
                await self._recorder.record(checked)
            believed += len(checked)
        if believed:
            log.warning("dcc_alerts_believed_now", alerts=believed)


def _verified(
    alerts: Sequence[DoubtedAlert], certificates: Sequence[x509.Certificate], now_ms: int
) -> list[Checked]:
    found = []
    for alert in alerts:
        try:
            message = Message(alert.content, alert.source, alert.received_at_ms)
            checked = read_and_check(message, certificates, now_ms)
        except IngestError:  # somebody changed the row
            continue
        if checked.is_believed:
            found.append(checked)
    return found
