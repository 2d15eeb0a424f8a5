"""Verify a file and its signature on any machine."""

from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.output import as_json, print_json
from gateway.cli.reading import read_input
from gateway.errors import ExitCode

MOST_BYTES: Final = 64 * 1024 * 1024
"""More than any of the files may have; the verification has its own limit for each."""

FilePath = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=FilePath)
@click.argument("signature", type=FilePath)
@click.option("--trust", required=True, type=FilePath, help="PEM file of the root certificates you trust.")
@click.option("--certificate", type=FilePath, help="PEM file of the signer; needed for raw-base64 alone.")
@as_json
def verify(file: Path, signature: Path, trust: Path, certificate: Path | None, as_json: bool) -> int:
    """Verify SIGNATURE over FILE, offline; exit with 7 where it is wrong, 8 where it cannot be checked."""
    import msgspec

    from hsm.errors import CannotVerify
    from hsm.verify import verify as verify_signature

    data, sealed, anchors = (read_input(path, MOST_BYTES) for path in (file, signature, trust))
    certificate_pem = read_input(certificate, MOST_BYTES) if certificate else None
    try:
        verdict = verify_signature(data, sealed, anchors, certificate_pem=certificate_pem)
    except CannotVerify as error:
        answer = {"valid": None, "code": error.code, "message": error.message, "remedy": error.remedy}
        if as_json:
            print_json(answer)
        else:
            print(f"COULD NOT VERIFY: {error.message} [{error.code}]\nremedy: {error.remedy}")
        return ExitCode.COULD_NOT_VERIFY
    shown = msgspec.to_builtins(verdict)
    if as_json:
        print_json(shown)
    else:
        _show(shown)
    return ExitCode.DONE if verdict.valid else ExitCode.SIGNATURE_WRONG


def _show(verdict: dict[str, Any]) -> None:
    for step in verdict["steps"]:
        detail = f": {step['detail']}" if step["detail"] else ""
        print(f"{step['number']}. {step['name']}: {step['outcome']}{detail}")
    signer = verdict["signer"]
    print(f"signer: {signer['subject']}, certificate {signer['serial']}")
    print(f"judged at {verdict['judged_at']} ({verdict['judged_by']})")
    print("VALID" if verdict["valid"] else "WRONG: the signature does not hold for this file")
