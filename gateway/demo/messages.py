"""The files and requests of the demonstration, written for it."""

import time
from typing import Final

USER_ID: Final = "90-B3-D5-1F-30-01-00-00"
DEVICE: Final = "00-DB-12-34-56-78-90-{:02X}"

_HEADER: Final = "UserID,Communication,ServiceReferenceVariant,Period,WarningThreshold,QuarantineThreshold,EffectiveFrom,EffectiveTo\n"

ADT_FILE: Final = (
    _HEADER
    + USER_ID
    + ",SPC,7.2,PT1H,{warning},{quarantine},{effective},\n"
    + USER_ID
    + ",SR,4.1.1,P1D,450000,500000,{effective},\n"
)
"""Two standing thresholds: Disable Supply as Signed Pre-Command, and the daily reads."""

FAULTY_ADT_FILE: Final = (
    _HEADER
    + f"{USER_ID},SPC,4.1.1,PT1H,80,100,2026-12-01T00:00:00Z,\n"
    + f"{USER_ID},SPC,7.2,PT1H,200,100,2026-12-01T00:00:00Z,\n"
    + "90-B3-D5-1F-30-99-00-00,SPC,7.2,1 hour,1e5,100,2026-12-01T00:00:00Z,\n"
)
"""Four mistakes that a spreadsheet would not notice."""

_REQUEST: Final = """<?xml version="1.0" encoding="UTF-8"?>
<sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" schemaVersion="5.4">
  <sr:Header>
    <sr:RequestID>{originator}:{target}:{counter}</sr:RequestID>
    <sr:CommandVariant>5</sr:CommandVariant>
    <sr:ServiceReference>7.2</sr:ServiceReference>
    <sr:ServiceReferenceVariant>7.2</sr:ServiceReferenceVariant>
  </sr:Header>
  <sr:Body>
    <sr:SignedPreCommand><sr:GBCSPayload>ZGVtb25zdHJhdGlvbg==</sr:GBCSPayload></sr:SignedPreCommand>
  </sr:Body>
</sr:Request>
"""


def service_requests(count: int) -> list[bytes]:
    """Return *count* Signed Pre-Commands of service 7.2 (Disable Supply), each for another device."""
    first = int(time.time() * 1000)
    return [
        _REQUEST.format(originator=USER_ID, target=DEVICE.format(n), counter=first + n).encode()
        for n in range(count)
    ]
