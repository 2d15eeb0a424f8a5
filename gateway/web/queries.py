"""What the address of an API route asks for."""

from aiohttp import web

from gateway.errors import InvalidInput


def asked_number(request: web.Request, name: str, default: int, highest: int) -> int:
    """Return the number *name* of the query, 0 to *highest*; raise `InvalidInput` for anything else."""
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= highest):  # noqa: PLR2004
        raise InvalidInput(
            "query_malformed", f"{name} must be a number from 0 to {highest}", "Correct the address."
        )
    return int(text)
