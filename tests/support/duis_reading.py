"""Reads DUIS messages in tests, with a small classifier of their own."""

import pytest

from gateway.ingest.duis import read_service_request
from gateway.ingest.errors import IngestError
from tests.support.duis_messages import DEVICE_ID, USER_ID, request_id, service_request_text
from thresholds.model import Communication, CommunicationClass, UserId

ID = request_id(7)
PLAIN = service_request_text(ID, 1, "4.1", "4.1.1")
EXPECTED = Communication(ID, UserId(USER_ID), DEVICE_ID, 7, 1, "4.1", "4.1.1", CommunicationClass.SR)
"""What PLAIN is."""

LAUGHS = "<!DOCTYPE a [<!ENTITY e0 'ha'>" + "".join(
    f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 12)
)
BLOW_UP = f"<!DOCTYPE a [<!ENTITY e '{'x' * 100_000}'>]>"


def classify(command_variant: int, variant: str) -> CommunicationClass:
    assert variant
    return CommunicationClass.SPC if command_variant in (5, 6, 7) else CommunicationClass.SR


def read(data: bytes | str) -> Communication:
    return read_service_request(data.encode() if isinstance(data, str) else data, classify)


def code(data: bytes | str) -> str:
    """Return the code with which *data* is refused."""
    with pytest.raises(IngestError) as refused:
        read(data)
    assert refused.value.remedy
    assert len(refused.value.message) < 250
    assert refused.value.message.isprintable()
    return refused.value.code
