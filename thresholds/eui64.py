"""EUI-64 identifiers as DUIS writes them: eight hexadecimal octets joined by hyphens."""

import re
from typing import Final

from thresholds.errors import InvalidValueError
from thresholds.faults import excerpt
from thresholds.model import UserId

_EUI64: Final = re.compile(r"[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){7}")
_LENGTH: Final = 23


def parse_eui64(text: str) -> str:
    """Return the normal form (upper case) of an EUI-64; upper and lower case are the same.

    Raises `InvalidValueError` with the code `bad_eui64`. Source: type `EUI` of the DUIS 5.4 schema.
    """
    if len(text) != _LENGTH or not _EUI64.fullmatch(text):
        raise InvalidValueError(
            code="bad_eui64",
            message=f"'{excerpt(text)}' is not an EUI-64",
            remedy="write eight hexadecimal octets joined by hyphens, such as 90-B3-D5-1F-30-01-00-00",
        )
    return text.upper()


def parse_user_id(text: str) -> UserId:
    """Return the User ID that *text* spells; raises `InvalidValueError` with the code `bad_user_id`."""
    try:
        return UserId(parse_eui64(text))
    except InvalidValueError as error:
        message = f"'{excerpt(text)}' is not a User ID"
        raise InvalidValueError(code="bad_user_id", message=message, remedy=error.remedy) from None
