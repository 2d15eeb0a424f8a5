"""Print the header of DUIS messages."""

from pathlib import Path
from typing import Any

import click

from gateway.cli.output import as_json, print_json
from gateway.cli.reading import read_input
from gateway.errors import ExitCode, InvalidInput


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@as_json
def duis(files: tuple[Path, ...], as_json: bool) -> int:
    """Print the header of each of the DUIS FILES as one line of JSON, with or without --json."""
    del as_json
    from gateway.ingest.document import DOCUMENT_MAX_BYTES
    from gateway.ingest.duis import read_service_request
    from gateway.ingest.errors import IngestError
    from thresholds.catalogue import load_catalogue

    classify = load_catalogue().classify
    code = ExitCode.DONE
    for file in files:
        line: dict[str, Any] = {"file": str(file)}
        try:
            read = read_service_request(read_input(file, DOCUMENT_MAX_BYTES), classify)
        except (IngestError, InvalidInput) as error:
            line["error"] = {"code": error.code, "message": error.message}
        else:
            line |= {
                "request_id": read.request_id,
                "originator": read.originator,
                "target": read.target,
                "counter": read.counter,
                "command_variant": read.command_variant,
                "service_reference": read.service_reference,
                "service_reference_variant": read.service_reference_variant,
                "class": str(read.communication_class),
            }
        if "error" in line:
            code = ExitCode.INVALID_INPUT
        print_json(line)
    return code
