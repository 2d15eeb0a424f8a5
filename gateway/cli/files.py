"""The life of an ADT file, as people drive it."""

from pathlib import Path
from typing import Any

import click

from gateway.cli.client import Client, Refused, ask
from gateway.cli.output import as_json, plural, print_json, table, talk
from gateway.cli.reading import read_input
from gateway.errors import ExitCode

FILES = "/api/v1/adt-files"


def show(file: dict[str, Any], as_json: bool = False) -> None:
    """Print the fields of a file, or of something like it, that say something."""
    if as_json:
        print_json(file)
        return
    for name, value in file.items():
        if name == "signing_error" and value is not None:
            print(f"{'not signed':>18}  {value['message']} [{value['code']}], tried {value['at']}")
        elif name == "delivery" and value is not None:
            show({f"delivery {field}": told for field, told in value.items() if field != "file_id"})
        elif value is not None and value != []:
            print(f"{name.replace('_', ' '):>18}  {value}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@as_json
def submit(file: Path, as_json: bool) -> int:
    """Submit FILE for approval by a second person."""
    from gateway.cli.check import ADT_FILE_BYTES, show_faults

    data = read_input(file, ADT_FILE_BYTES)
    try:
        answer = ask(lambda client: client.post(FILES, data, name=file.name))
    except Refused as error:
        if as_json:
            print_json(error.problem)
        else:
            show_faults(str(file), error.problem["faults"] + error.problem["warnings"])
            hidden = error.problem["fault_count"] - len(error.problem["faults"])
            if hidden:
                talk(f"{file}: {plural(hidden, 'more fault')} not shown")
        raise
    if not as_json:
        show_faults(str(file), answer.pop("warnings"))
        talk(f"{file} is ADT file {answer['id']} now; it waits for a second person to approve it.")
    show(answer, as_json)
    return ExitCode.DONE


@click.command()
@click.argument("number", type=int, required=False)
@as_json
def files(number: int | None, as_json: bool) -> None:
    """List ADT files, newest first, or show file NUMBER."""
    if number is not None:
        show(ask(lambda client: client.get(f"{FILES}/{number}")), as_json)
        return
    found = ask(lambda client: client.get(FILES))["files"]
    if as_json:
        print_json(found)
        return
    if not found:
        talk("There are no ADT files yet. Submit one: adt-gateway submit FILE")
        return
    rows = [
        [
            str(f["id"]),
            f["state"] + (f" ({f['signing_error']['code']})" if f["signing_error"] else ""),
            f["name"],
            str(f["row_count"]),
            f["submitted_by"],
            f["approved_by"] or "-",
            f["sha256"][:12],
        ]
        for f in found
    ]
    table(["number", "state", "name", "rows", "submitted by", "approved by", "sha-256"], rows)


@click.command()
@click.argument("number", type=int)
@as_json
def approve(number: int, as_json: bool) -> None:
    """Approve file NUMBER, which somebody else submitted; it is signed and delivered at once."""
    show(ask(lambda client: client.post(f"{FILES}/{number}/approve")), as_json)


@click.command()
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why; it goes on record.")
@as_json
def reject(number: int, reason: str, as_json: bool) -> None:
    """Reject file NUMBER."""
    show(ask(lambda client: client.post(f"{FILES}/{number}/reject", {"reason": reason})), as_json)


@click.command()
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why; it goes on record.")
@as_json
def withdraw(number: int, reason: str, as_json: bool) -> None:
    """Withdraw your own file NUMBER before it is signed."""
    show(ask(lambda client: client.post(f"{FILES}/{number}/withdraw", {"reason": reason})), as_json)


@click.command()
@click.argument("number", type=int)
@click.option("--reference", required=True, help="What the DCC answered; it goes on record.")
@as_json
def acknowledge(number: int, reference: str, as_json: bool) -> None:
    """Record that the DCC acknowledged file NUMBER; it comes into force at its time."""
    show(ask(lambda client: client.post(f"{FILES}/{number}/acknowledge", {"reference": reference})), as_json)


@click.command()
@click.argument("number", type=int)
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder to write to; the present one if not given.",
)
@as_json
def fetch(number: int, folder: Path, as_json: bool) -> None:
    """Download file NUMBER, its signature, its receipt and what a passkey gave at its approval."""
    download(number, folder, as_json)


def download(number: int, folder: Path, as_json: bool) -> None:
    """Write the parts of signed file NUMBER into *folder*, and say their names."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, data in ask(lambda client: _download(client, number)).items():
        path = folder / Path(name).name
        path.write_bytes(data)
        written.append(str(path))
    if as_json:
        print_json({"files": written})
    else:
        print("\n".join(written))


async def _download(client: Client, number: int) -> dict[str, bytes]:
    path = f"{FILES}/{number}"
    file = await client.get(path)
    parts = {file["name"]: await client.get_bytes(f"{path}/file")}
    parts[file["signature_name"] or "signature"] = await client.get_bytes(f"{path}/signature")
    parts[f"{file['name']}.receipt.json"] = await client.get_bytes(f"{path}/receipt")
    if file.get("approval_evidence_sha256"):
        parts[f"{file['name']}.approval.json"] = await client.get_bytes(f"{path}/approval")
    return parts
