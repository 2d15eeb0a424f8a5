"""Turns hostile bytes into an XML tree: size first, no DTD, no entity, no file, no network."""

import itertools
import re
from typing import Final

from lxml import etree
from lxml.etree import _Element

from gateway.ingest.errors import IngestError, MessageTooLarge, shown

DOCUMENT_MAX_BYTES: Final = 16 * 1024 * 1024
"""DUIS 11.1: a firmware image of 10 240 000 bytes in base64 and a device list of 1 199 999 characters."""

_LARGE_BYTES: Final = 4 * 1024 * 1024
"""Above this the limits of libxml2 are lifted: it refuses texts over 10 000 000 bytes, as firmware images are."""
_MARKUP_MAX: Final = 100_000
"""Most elements or attributes: a hundred times what DUIS needs; a tree takes 30 times its bytes."""
_DEPTH_MAX: Final = 256
"""Most levels of elements, as libxml2 has it without `huge_tree`."""
_DECLARATION_MAX_BYTES: Final = 256

_SIGNATURES: Final = {
    b"\xef\xbb\xbf": "UTF-8",
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16LE",
    b"\xfe\xff": "UTF-16BE",
    b"<\x00\x00\x00": "UTF-32",
    b"\x00\x00\x00<": "UTF-32",
    b"<\x00": "UTF-16LE",
    b"\x00<": "UTF-16BE",
    b"\x4c\x6f\xa7\x94": "EBCDIC",
}
"""First bytes that give the encoding away, first match wins (XML 1.0, appendix F)."""
_ENCODINGS: Final = ("UTF-8", "UTF-16LE", "UTF-16BE", "US-ASCII", "ISO-8859-1")
_DECLARABLE: Final = ("UTF-8", "US-ASCII", "ISO-8859-1")
_USUAL_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>'
_DECLARED_ENCODING: Final = re.compile(rb"""<\?xml\s[^>]*?\bencoding\s*=\s*["']([^"'>]*)["']""")

_DOCTYPE: Final = {encoding: "<!DOCTYPE".encode(encoding) for encoding in _ENCODINGS}
"""Refused wherever it stands, also in a comment: so no DTD ever reaches libxml2, nor an entity."""

_too_deep = etree.XPath("boolean(" + "/*" * (_DEPTH_MAX + 1) + ")")


def _parser(encoding: str, large: bool) -> etree.XMLParser:
    """Return a parser that reads *encoding* whatever the document says, and nothing but the document.

    `collect_ids` stays on: without it lxml 6.1 opens the file that an external DTD names.
    """
    return etree.XMLParser(
        encoding=encoding,
        huge_tree=large,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=True,
        remove_pis=True,
        remove_blank_text=True,  # white space between elements: a sixth of the time is spent on it
    )


_PARSERS: Final = {key: _parser(*key) for key in itertools.product(_ENCODINGS, (False, True))}


def read_document(data: bytes, encoding: str | None = None) -> _Element:
    """Return the root of *data* without comments, instructions and white space between elements.

    *encoding* is one that is known from outside; without it the document tells (XML 1.0, 4.3.3).
    Raises IngestError: `too_large`, `too_deep`, `too_complex`, `dtd_not_allowed`, `encoding`,
    `not_well_formed`.
    """
    if len(data) > DOCUMENT_MAX_BYTES:
        raise too_large(len(data), DOCUMENT_MAX_BYTES)
    encoding = encoding or encoding_of(data)
    large = len(data) > _LARGE_BYTES
    if len(data) > _MARKUP_MAX:
        _refuse_complex(data)
    if _DOCTYPE[encoding] in data:
        raise _dtd_not_allowed()
    try:
        root: _Element = etree.fromstring(data, _PARSERS[encoding, large])
    except etree.XMLSyntaxError as error:
        raise _refusal(encoding, error) from None
    if large and _too_deep(root):
        raise _deeper_than_allowed()
    return root


def too_large(size: int, limit: int) -> IngestError:
    """Return the error for *size* bytes where *limit* are allowed."""
    return MessageTooLarge(
        "too_large", f"{size} bytes, at most {limit} are read", "Send one request; no DUIS request is larger."
    )


def encoding_of(data: bytes) -> str:
    """Return the encoding of *data* by its first bytes, then by its XML declaration, else UTF-8.

    Raises IngestError `encoding` for one that is not read.
    """
    if data.startswith(_USUAL_DECLARATION):
        return "UTF-8"
    if not data.startswith(b"<?xml"):
        return _signature(data[:4])
    return _declared(data[: data.find(b"?>", 0, _DECLARATION_MAX_BYTES)][:_DECLARATION_MAX_BYTES])


def _signature(start: bytes) -> str:
    found = next((name for mark, name in _SIGNATURES.items() if start.startswith(mark)), "UTF-8")
    if found not in _ENCODINGS:
        raise _unknown_encoding(found)
    return found


def _declared(declaration: bytes) -> str:
    """Return the encoding that an XML declaration of one-byte characters names."""
    named = _DECLARED_ENCODING.match(declaration)
    if named is None:
        return "UTF-8"
    name = named[1].decode("latin-1")
    if name.upper() not in _DECLARABLE:
        raise _unknown_encoding(name)
    return name.upper()


def _unknown_encoding(name: str) -> IngestError:
    return IngestError(
        "encoding",
        f"encoding {shown(name)!r} does not fit the document or is not read",
        "Send UTF-8, UTF-16, US-ASCII or ISO-8859-1, and declare what is sent.",
    )


def _refuse_complex(data: bytes) -> None:
    """Refuse what would make a tree many times larger than its document."""
    if max(data.count(b"<"), data.count(b"=")) > _MARKUP_MAX:
        raise IngestError(
            "too_complex",
            f"more than {_MARKUP_MAX} elements or attributes",
            "Send one service request; none needs as many.",
        )


def _dtd_not_allowed() -> IngestError:
    return IngestError(
        "dtd_not_allowed", "the document has a document type declaration", "Send it without <!DOCTYPE."
    )


def _deeper_than_allowed() -> IngestError:
    return IngestError(
        "too_deep",
        f"elements are nested more than {_DEPTH_MAX} deep",
        "Send a request that follows the DUIS schema.",
    )


def _refusal(encoding: str, error: etree.XMLSyntaxError) -> IngestError:
    """Translate what libxml2 says."""
    if error.code == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
        return _deeper_than_allowed()
    if error.code == etree.ErrorTypes.ERR_INVALID_ENCODING:
        return _unknown_encoding(encoding)
    line, column = error.position
    return IngestError(
        "not_well_formed",
        f"not well-formed XML at line {line}, column {column}: {shown(error.msg or '')}",
        "Send the document whole and unchanged.",
    )
