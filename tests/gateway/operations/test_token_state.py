"""What is wrong with a token that was read is told by its code; nothing is told of one that can sign."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from gateway.operations.token_state import token_faults
from hsm.model import CertificateSummary, KeyAttributes, TokenDescription

NOW = datetime(2026, 12, 1, tzinfo=UTC)
CERTIFICATE = CertificateSummary("CN=a", "CN=b", "01", NOW - timedelta(days=1), NOW + timedelta(days=90))
KEY = KeyAttributes(
    sensitive=True, always_sensitive=True, extractable=False, never_extractable=True, local=True
)
GOOD = TokenDescription(
    module="m",
    label="l",
    serial="s",
    manufacturer="x",
    model="y",
    firmware="1.0",
    key_label="k",
    key_type="EC secp256r1",
    key=KEY,
    certificate=CERTIFICATE,
    chain_length=1,
    chain=(CERTIFICATE,),
    pin_count_low=False,
    pin_final_try=False,
    pin_locked=False,
)


def _certificate(start: int, end: int) -> dict[str, Any]:
    changed = {"not_before": NOW + timedelta(days=start), "not_after": NOW + timedelta(days=end)}
    return {"certificate": msgspec.structs.replace(CERTIFICATE, **changed)}


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"pin_count_low": True}, ["pin_count_low"]),
        ({"pin_count_low": True, "pin_final_try": True}, ["pin_final_try"]),
        ({"pin_locked": True}, ["pin_locked"]),
        ({"key": None, "certificate": None}, ["key_missing"]),
        ({"key": msgspec.structs.replace(KEY, extractable=True)}, ["key_exportable"]),
        ({"key": msgspec.structs.replace(KEY, never_extractable=False)}, ["key_exportable"]),
        ({"certificate": None}, ["certificate_missing"]),
        (_certificate(-9, -1), ["certificate_expired"]),
        (_certificate(1, 9), ["certificate_not_yet_valid"]),
        (_certificate(-9, 29), ["certificate_expires"]),
        (_certificate(-9, 30), []),
        ({"chain_length": 0, "chain": ()}, ["certificate_chain"]),
    ],
)
def test_a_fault_is_told_by_its_code_with_a_remedy(changes: dict[str, Any], codes: list[str]) -> None:
    faults = token_faults(msgspec.structs.replace(GOOD, **changes), NOW)
    assert [each.code for each in faults] == codes
    assert all(each.message and each.remedy for each in faults)
