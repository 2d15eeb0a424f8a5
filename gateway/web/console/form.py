"""What a form sent: bounded, and parsed once."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.errors import InvalidInput, TooLarge
from gateway.web.files import read_body

FIELDS: Final = 200
"""Fields of a form at the most."""
URL_ENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"


class Upload(msgspec.Struct, frozen=True):
    """A file that a form sent: the name that the browser gave it, and its bytes."""

    name: str
    content: bytes


class Form(msgspec.Struct, frozen=True):
    """The fields of a form, and its files."""

    fields: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    uploads: Mapping[str, Upload] = MappingProxyType({})

    def text(self, name: str) -> str:
        """Return the field without white space at its ends; empty where it was not sent."""
        return self.raw(name).strip()

    def raw(self, name: str) -> str:
        """Return the field as it was sent; empty where it was not."""
        return next(iter(self.fields.get(name, ())), "")

    def choices(self, name: str) -> tuple[str, ...]:
        """Return all values of the field."""
        return self.fields.get(name, ())


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a field of a form; an empty *field* stands for the whole."""

    field: str
    message: str


async def read_form(request: web.Request, limit: int) -> Form:
    """Return the form in the body; raise `TooLarge` over *limit* bytes, `InvalidInput` where it is none."""
    if request.content_type == MULTIPART:
        return await _read_multipart(request, limit)
    if request.content_type != URL_ENCODED:
        msg = f"the body is {request.content_type:.80}, not a form"
        raise InvalidInput("form_malformed", msg, "Send it from the page itself.")
    data = await read_body(request, limit)
    try:
        pairs = parse_qsl(
            data.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS, errors="strict"
        )
    except ValueError as error:
        msg = "the fields of the form cannot be read"
        raise InvalidInput("form_malformed", msg, "Send it from the page itself.") from error
    return Form(_collected(pairs))


def _collected(pairs: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        fields[name] = (*fields.get(name, ()), value)
    return fields


async def _read_multipart(request: web.Request, limit: int) -> Form:
    pairs: list[tuple[str, str]] = []
    uploads: dict[str, Upload] = {}
    left = limit
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or not part.name or len(pairs) + len(uploads) >= FIELDS:
                msg = "the parts of the form are not those of a form"
                raise InvalidInput("form_malformed", msg, "Send it from the page itself.")
            content = await _read_part(part, left)
            left -= len(content)
            if part.filename is None:
                pairs.append((part.name, content.decode()))
            else:
                # Bytes of a name that are not UTF-8 come as surrogates, which can be written nowhere.
                name = part.filename.encode(errors="replace").decode()
                uploads[part.name] = Upload(name, content)
    except (ValueError, AssertionError, HttpProcessingError) as error:  # all that a sender may get wrong
        msg = "the parts of the form cannot be read"
        raise InvalidInput("form_malformed", msg, "Send it from the page itself.") from error
    return Form(_collected(pairs), uploads)


async def _read_part(part: BodyPartReader, limit: int) -> bytes:
    content = bytearray()
    while piece := await part.read_chunk():
        content += piece
        if len(content) > limit:
            raise TooLarge("too_large", "what was sent is over the size limit", "Send less.")
    return bytes(content)
