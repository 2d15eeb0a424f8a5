"""What a token says of itself, its key and its certificate. Runs in the token's process."""

from pkcs11 import TokenFlag

from hsm.chain import this_second
from hsm.errors import TokenError
from hsm.keys import describe_key
from hsm.model import CertificateSummary, TokenDescription
from hsm.path import summarise
from hsm.session import Key, OpenToken


def describe(opened: OpenToken) -> TokenDescription:
    """Read the description; a key or a certificate that is missing is left out, not an error.

    The PIN flags are those before the login: a login that succeeds resets them.
    """
    token = opened.token
    key = _key(opened)
    chain = _chain(opened)
    return TokenDescription(
        module=opened.config.module,
        label=token.label,
        serial=opened.serial,
        manufacturer=token.manufacturer_id,
        model=token.model,
        firmware=".".join(map(str, token.firmware_version)),
        key_label=opened.config.key_label,
        key_type=None if key is None else describe_key(key.public_key),
        key=None if key is None else key.attributes,
        certificate=_certificate(opened, key),
        chain_length=len(chain),
        chain=chain,
        pin_count_low=bool(token.flags & TokenFlag.USER_PIN_COUNT_LOW),
        pin_final_try=bool(token.flags & TokenFlag.USER_PIN_FINAL_TRY),
        pin_locked=bool(token.flags & TokenFlag.USER_PIN_LOCKED),
    )


def _key(opened: OpenToken) -> Key | None:
    try:
        return opened.key()
    except TokenError:
        return None


def _certificate(opened: OpenToken, key: Key | None) -> CertificateSummary | None:
    try:
        return None if key is None else summarise(opened.leaf())
    except TokenError:
        return None


def _chain(opened: OpenToken) -> tuple[CertificateSummary, ...]:
    try:
        return tuple(map(summarise, opened.chain(this_second()).certificates))
    except TokenError:
        return ()
