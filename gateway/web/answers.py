"""What the API answers with: JSON of frozen values, instants as RFC 3339."""

from typing import Any

import msgspec
from aiohttp import web

from gateway.clock import to_text
from thresholds.adt_file import AdtCheck


def json_answer(value: Any, status: int = 200) -> web.Response:
    """Return *value* (JSON values and msgspec structs) as JSON."""
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


def is_instant(field: str) -> bool:
    """Tell whether a field of this name holds seconds since the epoch, shown as RFC 3339."""
    return field.endswith("_at") or field == "effective_from"


def instants(value: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of *value*, every `…_at` as RFC 3339 text."""
    fields = msgspec.structs.asdict(value)
    return {
        name: to_text(item) if isinstance(item, int | float) and is_instant(name) else item
        for name, item in fields.items()
    }


def fault_list(check: AdtCheck) -> dict[str, Any]:
    """Return the faults of a check as the API and the command line show them."""
    return {
        "sha256": check.sha256,
        "rows": len(check.thresholds),
        "fault_count": check.fault_count,
        "faults": check.faults,
        "warnings": check.warnings,
    }
