"""The project's own DUIS messages and their builders. Values are invented; none was ever sent."""

from gateway.ingest.duis import NAMESPACE

USER_ID = "90-B3-D5-1F-30-07-00-00"
DCC_ID = "90-B3-D5-1F-30-00-00-02"
DEVICE_ID = "00-DB-12-34-56-78-90-AB"

READ_REGISTERS = "<{prefix}ReadInstantaneousImportRegisters/>"
SIGNED_PRE_COMMAND = "<{prefix}SignedPreCommand><{prefix}GBCSPayload>3wkBAAAAAAAA</{prefix}GBCSPayload></{prefix}SignedPreCommand>"


def request_id(counter: int = 1, originator: str = USER_ID, target: str = DEVICE_ID) -> str:
    return f"{originator}:{target}:{counter}"


def service_request(
    request_id: str,
    cv: int | str,
    sr: str,
    srv: str,
    *,
    prefix: str = "sr",
    body: str = READ_REGISTERS,
    declaration: str = '<?xml version="1.0" encoding="UTF-8"?>',
) -> bytes:
    """Return a DUIS request in UTF-8; an empty *prefix* makes it the default namespace.

    `{prefix}` in *body* stands for the prefix with its colon.
    """
    return service_request_text(
        request_id, cv, sr, srv, prefix=prefix, body=body, declaration=declaration
    ).encode()


def service_request_text(
    request_id: str,
    cv: int | str,
    sr: str,
    srv: str,
    *,
    prefix: str = "sr",
    body: str = READ_REGISTERS,
    declaration: str = "",
) -> str:
    """Return a DUIS request as text."""
    p = f"{prefix}:" if prefix else ""
    xmlns = f"xmlns:{prefix}" if prefix else "xmlns"
    return (
        f'{declaration}<{p}Request {xmlns}="{NAMESPACE}" schemaVersion="5.4"><{p}Header>'
        f"<{p}RequestID>{request_id}</{p}RequestID><{p}CommandVariant>{cv}</{p}CommandVariant>"
        f"<{p}ServiceReference>{sr}</{p}ServiceReference>"
        f"<{p}ServiceReferenceVariant>{srv}</{p}ServiceReferenceVariant></{p}Header>"
        f"<{p}Body>{body.replace('{prefix}', p)}</{p}Body></{p}Request>"
    )


def firmware_request(size: int) -> bytes:
    """Return a firmware update (11.1) of exactly *size* bytes."""
    empty = service_request(request_id(target=DCC_ID), 8, "11.1", "11.1", body=_firmware(""))
    return service_request(
        request_id(target=DCC_ID), 8, "11.1", "11.1", body=_firmware("A" * (size - len(empty)))
    )


def _firmware(image: str) -> str:
    return (
        f"<{{prefix}}UpdateFirmware><{{prefix}}FirmwareImage>{image}</{{prefix}}FirmwareImage>"
        "<{prefix}FirmwareVersion>00000001</{prefix}FirmwareVersion>"
        f"<{{prefix}}DeviceIDList>{DEVICE_ID}</{{prefix}}DeviceIDList></{{prefix}}UpdateFirmware>"
    )


EXAMPLES: tuple[bytes, ...] = (
    service_request(request_id(1), 1, "4.1", "4.1.1"),
    service_request(request_id(2), 3, "2.2", "2.2", body="<{prefix}ActivateEmergencyCredit/>"),
    service_request(request_id(3), 4, "7.2", "7.2", body="<{prefix}DisableSupply/>"),
    service_request(request_id(3), 5, "7.2", "7.2", body=SIGNED_PRE_COMMAND),
    service_request(request_id(4, target=DCC_ID), 8, "8.14", "8.14.1", body="<{prefix}CHFInstallSuccess/>"),
    service_request(request_id(5), 1, "6.20", "6.20.1", prefix="", body="<{prefix}SetDeviceConfiguration/>"),
    firmware_request(4000),
)
"""One request of each kind that the gateway counts."""
