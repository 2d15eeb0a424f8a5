"""Attachments: by hash, bounded, and safe to download whatever their name."""

import hashlib

import pytest
from sqlalchemy import update

from gateway.errors import Conflict, GatewayError, InvalidInput, NotFound, TooLarge
from gateway.operations.incident_papers import Taken
from gateway.operations.incident_texts import file_name
from gateway.store.database import Database
from gateway.store.incident_schema import incident_attachments
from gateway.web.incident_work import download
from tests.support.incident_work import ADAM, ANA, Office

CONTENT = b"\x00\xff<script>" * 100


async def test_an_attachment_is_kept_by_its_hash_and_given_back_whole(database: Database) -> None:
    office = await Office(database).staffed()
    number = (await office.breach()).id
    added = await office.papers.attach(ANA, number, "C:\\logs\\adaptor.log", CONTENT)
    assert (added.name, added.size) == ("adaptor.log", len(CONTENT))
    assert added.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert (await office.papers.take(ADAM, number, added.sha256)).content == CONTENT
    (record,) = [each for each in await office.records() if each["action"] == "incident.attached"]
    assert record["detail"] == {"name": "adaptor.log", "size": len(CONTENT), "sha256": added.sha256}
    with pytest.raises(Conflict, match="already"):
        await office.papers.attach(ANA, number, "other.log", CONTENT)
    with pytest.raises(NotFound):
        await office.papers.take(ADAM, (await office.breach()).id, added.sha256)


async def test_what_is_too_large_too_many_or_empty_is_refused(sqlite: Database) -> None:
    office = await Office(sqlite, attachment_kilobytes=1, attachments=2).staffed()
    number = (await office.breach()).id
    with pytest.raises(TooLarge):
        await office.papers.attach(ANA, number, "a", b"x" * 1025)
    with pytest.raises(InvalidInput, match="empty"):
        await office.papers.attach(ANA, number, "a", b"")
    for letter in (b"x" * 1024, b"y"):
        await office.papers.attach(ANA, number, "a", letter)
    with pytest.raises(Conflict, match="2 attachments"):
        await office.papers.attach(ANA, number, "a", b"z")


async def test_bytes_that_somebody_changed_are_not_given_out(sqlite: Database) -> None:
    office = await Office(sqlite).staffed()
    number = (await office.breach()).id
    added = await office.papers.attach(ANA, number, "a", CONTENT)
    async with sqlite.write() as connection:
        await connection.execute(update(incident_attachments).values(content=b"other"))
    with pytest.raises(GatewayError, match="not those that were added"):
        await office.papers.take(ANA, number, added.sha256)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\autoexec.bat", "autoexec.bat"),
        ('a"; filename="b.html', 'a"; filename="b.html'),
        ("line\r\nSet-Cookie: x", "lineSet-Cookie: x"),
        ("\u202egpj.exe", "gpj.exe"),
        (" .htaccess ", "htaccess"),
        ("Bericht für Zoë.pdf", "Bericht für Zoë.pdf"),
    ],
)
async def test_a_hostile_name_misleads_neither_disk_nor_browser(
    sqlite: Database, sent: str, kept: str
) -> None:
    office = await Office(sqlite).staffed()
    number = (await office.breach()).id
    added = await office.papers.attach(ANA, number, sent, b"x")
    assert added.name == kept
    headers = download(Taken(added, b"x")).headers
    disposition = headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="')
    assert disposition.count('"') == 2
    assert disposition.isascii()
    assert not set(disposition) & set("\r\n\\")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize("name", ["", "/", "...", "\0\r\n", "x" * 201])
def test_a_name_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        file_name(name)
