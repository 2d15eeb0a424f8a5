"""Settings of a daemon, and a data directory with everybody in it."""

import asyncio
import functools
import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from gateway.access import Role
from gateway.operations.access_tokens import issue_access_token
from gateway.operations.accounts import set_password
from gateway.operations.passwords import hash_password
from gateway.operations.people import add_person
from gateway.settings import load_settings
from gateway.store.database import open_database
from gateway.store.migrate import migrate
from tests.support.adt import ROOT

SUPPLIER: Final = "90-B3-D5-1F-30-01-00-00"
OTHER_SUPPLIER: Final = "90-B3-D5-1F-30-02-00-00"

PEOPLE: Final = {
    "alice": (Role.SUBMITTER,),
    "sam": (Role.SUBMITTER,),
    "bob": (Role.APPROVER,),
    "carol": (Role.APPROVER,),
    "dora": (Role.SUBMITTER, Role.APPROVER),
    "olga": (Role.OPERATOR,),
    "ana": (Role.ANALYST,),
    "adam": (Role.AUDITOR,),
    "adaptor": (Role.ADAPTOR,),
    "ada": (Role.ADMIN,),
}


PASSWORD: Final = "grey heron over the lake"
"""Everybody's password for the console, but the adaptor's, who has none."""


def write_settings(path: Path, sections: dict[str, dict[str, Any]]) -> None:
    """Write settings; JSON values are TOML values where there is no null."""
    top = {
        "instance": "test",
        "data_directory": "var",
        "service_users": [{"user_id": user, "roles": ["IS", "GS"]} for user in (SUPPLIER, OTHER_SUPPLIER)],
    }
    lines = [f"{key} = {_toml(value)}" for key, value in top.items()]
    usual: dict[str, dict[str, Any]] = {
        "http": {"port": 0},
        "adt_files": {"profile": str(ROOT / "config/profiles/adt-1.toml")},
    }
    sections = usual | sections
    for name, values in sections.items():
        lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    path.write_text("\n".join(lines) + "\n")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(str(value) if isinstance(value, Path) else value)


@functools.cache
def people_folder() -> Path:
    """Make a data directory with everybody in it, once; each daemon gets a copy."""
    folder = Path(tempfile.mkdtemp(prefix="adt-people-"))
    config = folder / "gateway.toml"
    write_settings(config, {})
    with ThreadPoolExecutor(1) as thread:  # a browser's loop may run in this one
        tokens = thread.submit(lambda: add_people(config)).result()
    (folder / "var" / "access-tokens").write_text(json.dumps(tokens))
    return folder / "var"


def add_people(config: Path) -> dict[str, str]:
    """Add everybody to the store of these settings; return their access tokens."""
    return asyncio.run(_add_people(config))


async def _add_people(config: Path) -> dict[str, str]:
    database = open_database(load_settings(config))
    try:
        await migrate(database)
        now = time.time()
        kept = hash_password(PASSWORD)
        for name, roles in PEOPLE.items():
            await add_person(database, "test", name, roles, now)
            if Role.ADAPTOR not in roles:
                await set_password(database, "test", name, kept, now)
        return {name: await issue_access_token(database, "test", name, (), now) for name in PEOPLE}
    finally:
        await database.close()
