"""What an incident says of a threshold: its levels, and who put it into force by which file and record."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.alerts.facts import SetBy, ThresholdFacts
from gateway.clock import to_text
from gateway.store.adt_files import get_file
from thresholds.model import Threshold


async def threshold_facts(
    connection: AsyncConnection, threshold: Threshold, service_name: Callable[[str], str]
) -> ThresholdFacts:
    """Return *threshold* with the file that set it; *service_name* names a service in words."""
    file = await get_file(connection, threshold.file_id)
    return ThresholdFacts(
        user_id=threshold.user_id,
        communication=threshold.communication,
        service=threshold.service,
        service_name=service_name(threshold.service),
        period=threshold.period.text,
        alignment=threshold.alignment,
        warning=threshold.warning,
        quarantine=threshold.quarantine,
        is_exception=threshold.is_exception,
        set_by=SetBy(
            file_id=file.id,
            file_name=file.name,
            file_sha256=file.sha256,
            line=threshold.line,
            submitted_by=file.submitted_by,
            approved_by=file.approved_by or "",
            in_force_at=to_text(file.in_force_at or 0),
            in_force_record=file.in_force_record or 0,
        ),
    )
