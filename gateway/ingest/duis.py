"""Reads the header of a DUIS service request (DCC User Interface Specification, XML schema 5.4).

The whole document is checked for well-formedness; only what identifies a communication is read.
Elements are known by namespace and local name, so every prefix and every schema version is read.
"""

import functools
import re
from collections import Counter
from collections.abc import Callable
from typing import Final

from lxml.etree import _Element

from gateway.ingest.document import read_document
from gateway.ingest.errors import IngestError, shown
from thresholds.catalogue import FIRMWARE_UPDATES, load_catalogue
from thresholds.model import Communication, CommunicationClass, UserId

Classify = Callable[[int, str], CommunicationClass]
"""Gives the class of a command variant and a service reference variant (`Catalogue.classify`)."""

NAMESPACE: Final = "http://www.dccinterface.co.uk/ServiceUserGateway"
COUNTER_MAX: Final = 2**64 - 1
"""DUIS 5.4, `RequestIDType`."""

_REQUEST: Final = f"{{{NAMESPACE}}}Request"
_HEADER: Final = f"{{{NAMESPACE}}}Header"
_BODY: Final = f"{{{NAMESPACE}}}Body"
_FIELDS: Final = tuple(
    f"{{{NAMESPACE}}}{name}"
    for name in ("RequestID", "CommandVariant", "ServiceReference", "ServiceReferenceVariant")
)
_IN_NAMESPACE: Final = f"{{{NAMESPACE}}}"
_OF_RESPONSES: Final = frozenset(
    f"{{{NAMESPACE}}}{name}"
    for name in ("ResponseMessage", "SMETS1ResponseMessage", "DeviceAlertMessage", "DCCAlertMessage")
)
"""What the body of a Response holds (DUIS 5.4)."""
_DEVICES: Final = f"{{{NAMESPACE}}}DeviceIDList"
_XML_SPACE: Final = " \t\r\n"

_EUI64: Final = "-".join(["[0-9A-Fa-f][0-9A-Fa-f]"] * 8)  # written out: twice as fast as a repeat
_REQUEST_ID: Final = re.compile(rf"{_EUI64}:{_EUI64}:(0|[1-9][0-9]{{0,19}})")
_COMMAND_VARIANT: Final = re.compile(r"\+?0*([1-9])")
"""`CommandVariant` restricts xs:positiveInteger, which may be written with a plus and leading zeros."""
_PART: Final = r"(?:0|[1-9][0-9]{0,2})"
_SERVICE_REFERENCE: Final = re.compile(rf"{_PART}\.{_PART}")
_VARIANT: Final = re.compile(rf"({_PART}\.{_PART})(?:\.{_PART})?")
_ALSO_WRITTEN: Final = {("6.2", "6.20")}
"""The DCC's service request matrix files 6.20.1 and 6.20.2 under 6.2, its schema under 6.20."""


def read_service_request(data: bytes, classify: Classify, encoding: str | None = None) -> Communication:
    """Return the communication that the DUIS service request *data* is.

    *encoding* is given where it is known from outside the document. Raises IngestError with the codes
    of `read_document` and `not_a_request`, `header_missing`, `header_repeated`, `body_missing`,
    `body_repeated`, `body_not_a_request`, `field_missing`, `field_repeated` and those of `communication`.
    """
    root = read_document(data, encoding)
    if root.tag != _REQUEST:
        raise _not_a_request(root)
    header, body = _parts(root)
    _check_body(body)
    request_id, command_variant, reference, variant = _field_texts(header)
    command = read_command_variant(command_variant)
    listed = _listed_devices(body) if variant in FIRMWARE_UPDATES else 0
    message = communication(request_id, command, variant, classify, listed)
    if reference != message.service_reference:
        _check_reference(reference, variant)
    return message


def communication(
    request_id: str, command_variant: int, variant: str, classify: Classify, listed: int = 0
) -> Communication:
    """Return the communication of these header values, in normal form; *listed* devices stand in its body.

    Raises IngestError: `request_id_malformed`, `service_reference_malformed`.
    """
    request_id, counter = read_request_id(request_id)
    reference, communication_class, devices = _service(command_variant, variant, classify, listed)
    return Communication(
        request_id,
        UserId(request_id[:23]),
        request_id[24:47],
        counter,
        command_variant,
        reference,
        variant,
        communication_class,
        devices,
    )


def read_request_id(text: str) -> tuple[str, int]:
    """Return a RequestID in normal form, and its counter. Raises IngestError `request_id_malformed`."""
    matched = _REQUEST_ID.fullmatch(text)
    if matched is None or (counter := int(matched[1])) > COUNTER_MAX:
        raise _malformed("request_id", "RequestID", text, "originator:target:counter, two EUI-64s")
    return text.upper(), counter


@functools.lru_cache(maxsize=4096)
def _service(
    command_variant: int, variant: str, classify: Classify, listed: int
) -> tuple[str, CommunicationClass, int]:
    """Return service reference, class and devices; there are few, and each request asks for one."""
    return (
        service_reference_of(variant),
        classify(command_variant, variant),
        load_catalogue().devices(variant, listed),
    )


def _listed_devices(body: _Element) -> int:
    """Return how many devices a firmware update names: EUI-64s joined by commas (`DeviceIDList`)."""
    listed = body[0].findtext(_DEVICES) or ""
    return len([device for device in listed.split(",") if device.strip(_XML_SPACE)])


def service_reference_of(variant: str) -> str:
    """Return the service reference of a service reference variant: its first two parts (`4.1.1` has `4.1`).

    It holds for all 129 variants of DUIS 5.4. Raises IngestError `service_reference_malformed`.
    """
    matched = _VARIANT.fullmatch(variant)
    if matched is None:
        raise _malformed("service_reference", "ServiceReferenceVariant", variant, "such as 4.1.1 or 7.4")
    return matched[1]


@functools.lru_cache(maxsize=64)
def read_command_variant(text: str) -> int:
    """Return a command variant, 1 to 9 (DUIS 5.4). Raises IngestError `command_variant_malformed`.

    Each request asks for one of nearly always nine texts.
    """
    matched = _COMMAND_VARIANT.fullmatch(text)
    if matched is None:
        raise _malformed("command_variant", "CommandVariant", text, "1 to 9")
    return int(matched[1])


def _parts(root: _Element) -> tuple[_Element, _Element]:
    """Return the header and the body of a request, each of which occurs once."""
    parts = {child.tag: child for child in root}
    if len(parts) == len(root) and _HEADER in parts and _BODY in parts:
        return parts[_HEADER], parts[_BODY]
    return _only_child(root, _HEADER, "header"), _only_child(root, _BODY, "body")


def _only_child(root: _Element, tag: str, part: str) -> _Element:
    found = list(root.iterchildren(tag))
    if len(found) != 1:
        raise IngestError(
            f"{part}_repeated" if found else f"{part}_missing",
            f"the request has {len(found)} {part} elements, not one",
            "Send one request per document.",
        )
    return found[0]


def _check_body(body: _Element) -> None:
    """Refuse a body that holds anything but one service request or one Signed Pre-Command."""
    tag = body[0].tag if len(body) == 1 else ""
    if not tag.startswith(_IN_NAMESPACE) or tag in _OF_RESPONSES:
        found = shown(tag) if tag else f"{len(body)} elements"
        raise IngestError(
            "body_not_a_request",
            f"the body holds {found}, not one service request of DUIS",
            "Send the request whole.",
        )


def _field_texts(header: _Element) -> list[str]:
    """Return the four header values, without the white space around them; a nested element makes one empty.

    The schema collapses white space in RequestID and CommandVariant and keeps it in the service references
    (xs:string). It is dropped there too: a request that the DCC may refuse is still counted as sent.
    """
    texts = {field.tag: "" if len(field) else field.text or "" for field in header}
    if len(texts) != len(header):
        raise _field_repeated(header)
    try:
        return [texts[tag].strip(_XML_SPACE) for tag in _FIELDS]
    except KeyError as missing:
        name = missing.args[0].removeprefix(_IN_NAMESPACE)
        raise IngestError("field_missing", f"the header has no {name}", f"Send {name}.") from None


def _field_repeated(header: _Element) -> IngestError:
    tag, times = Counter(field.tag for field in header).most_common(1)[0]
    name = shown(tag.removeprefix(_IN_NAMESPACE))
    return IngestError("field_repeated", f"the header has {times} {name}, not one", f"Send one {name}.")


def _check_reference(reference: str, variant: str) -> None:
    """Refuse a service reference that is not that of its variant."""
    if _SERVICE_REFERENCE.fullmatch(reference) is None:
        raise _malformed("service_reference", "ServiceReference", reference, "such as 4.1")
    if (reference, service_reference_of(variant)) not in _ALSO_WRITTEN:
        raise IngestError(
            "service_reference_mismatch",
            f"ServiceReferenceVariant {variant} does not belong to ServiceReference {reference}",
            f"Send ServiceReference {service_reference_of(variant)}.",
        )


def _not_a_request(root: _Element) -> IngestError:
    return IngestError(
        "not_a_request",
        f"the document is {shown(root.tag)!r}, not a Request of DUIS",
        "Send service requests here; responses and DCC alerts have their own address.",
    )


def _malformed(what: str, field: str, text: str, form: str) -> IngestError:
    return IngestError(f"{what}_malformed", f"{field} {shown(text)!r} is malformed", f"Send {form}.")
