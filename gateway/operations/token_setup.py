"""Whether the token was made at all: before that, what its module says helps nobody."""

from pathlib import Path
from typing import Final

from gateway.settings import TokenSettings
from hsm.errors import TokenError

MAKE_IT: Final = "Make it: adt-gateway token init"

_BEFORE_INIT: Final = frozenset({"token_module", "token_absent", "pin_file"})
"""What a module says of a token that was never made."""


def missing_file(settings: TokenSettings) -> Path | None:
    """Return the first file that `adt-gateway token init` makes and that is not there."""
    made = (settings.softhsm_config, settings.pin_file)
    return next((path for path in made if path and not path.exists()), None)


def explained(settings: TokenSettings, error: TokenError) -> TokenError:
    """Return *error*, or one that names `adt-gateway token init` where that was not run yet."""
    if error.code not in _BEFORE_INIT or not settings.module.exists():
        return error
    missing = missing_file(settings)
    if missing:
        return TokenError("token_not_made", f"The token is not made yet: there is no {missing}.", MAKE_IT)
    if error.code == "token_absent":
        remedy = f"{error.remedy} A token that was never made: adt-gateway token init"
        return TokenError(error.code, error.message, remedy)
    return error
