"""Making a token and its key pair. Runs in the token's process."""

import contextlib
import ctypes
import secrets
from pathlib import Path

import pkcs11
from pkcs11 import Attribute, MechanismFlag, TokenFlag
from pkcs11._pkcs11 import lib
from pkcs11.exceptions import TokenNotPresent, TokenNotRecognised
from pkcs11.util.ec import encode_named_curve_parameters

from hsm.config import TokenConfig
from hsm.connection import load_module, present_tokens, unload_module
from hsm.errors import token_error
from hsm.model import KeyType
from hsm.objects import private_keys
from hsm.pin import Pin, read_pin
from hsm.session import OpenToken

_C_INIT_TOKEN = 10
"""Place of C_InitToken in CK_FUNCTION_LIST, counted in pointers (PKCS#11 2.40, section 3.6)."""

_LABEL_OCTETS = 32


def make_token(library: lib, config: TokenConfig, so_pin_file: Path) -> lib:
    """Initialise a free slot with the configured label and PIN; a token that is there already is kept.

    Returns the module, initialised anew, since slots change.
    """
    if present_tokens(library, config):
        return library
    so_pin = read_pin(so_pin_file)
    pin = read_pin(config.pin_file)
    _init_token(config, _free_slot(library, config).slot_id, so_pin)
    unload_module(library)
    library = load_module(config)
    (token,) = present_tokens(library, config)
    with token.open(rw=True, so_pin=so_pin.reveal()) as session:
        session.init_pin(pin.reveal())
    unload_module(library)
    return load_module(config)


def _free_slot(library: lib, config: TokenConfig) -> pkcs11.Slot:
    for slot in library.get_slots(token_present=True):
        with contextlib.suppress(TokenNotPresent, TokenNotRecognised):
            if not slot.get_token().flags & TokenFlag.TOKEN_INITIALIZED:
                return slot
    message = f"The module {config.module} has no token that is not yet initialised."
    raise token_error("token_absent", message)


def _init_token(config: TokenConfig, slot_id: int, so_pin: Pin) -> None:
    """Call C_InitToken, which python-pkcs11 does not offer, through the module's function list."""
    functions = ctypes.POINTER(ctypes.c_void_p)()
    if ctypes.CDLL(config.module).C_GetFunctionList(ctypes.byref(functions)) != 0:
        raise token_error("token_module", f"The module {config.module} gives no function list.")
    prototype = ctypes.CFUNCTYPE(
        ctypes.c_ulong, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p
    )
    pin = so_pin.reveal().encode()
    label = config.token_label.encode().ljust(_LABEL_OCTETS)[:_LABEL_OCTETS]
    result = prototype(functions[_C_INIT_TOKEN])(slot_id, pin, len(pin), label)
    if result != 0:
        message = f"The module {config.module} answered 0x{result:08X} to C_InitToken."
        raise token_error("token_failed", message)


def make_key_pair(opened: OpenToken, key_type: KeyType) -> None:
    """Generate the key pair on the token: sensitive, never extractable, for signing alone."""
    if private_keys(opened.session, opened.config):
        message = f"There is a private key with the label {opened.config.key_label!r} already."
        raise token_error("key_exists", message)
    with opened.token.open(rw=True) as session:
        generate = _generate_rsa if key_type is KeyType.RSA_2048 else _generate_ec
        generate(session, opened.config.key_label, secrets.token_bytes(8))
    opened.forget_objects()


_SIGNING = MechanismFlag.SIGN | MechanismFlag.VERIFY
_PRIVATE = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}


def _generate_ec(session: pkcs11.Session, label: str, key_id: bytes) -> None:
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
    parameters = session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
    parameters.generate_keypair(
        id=key_id, label=label, store=True, capabilities=_SIGNING, private_template=_PRIVATE
    )


def _generate_rsa(session: pkcs11.Session, label: str, key_id: bytes) -> None:
    session.generate_keypair(
        pkcs11.KeyType.RSA,
        2048,
        id=key_id,
        label=label,
        store=True,
        capabilities=_SIGNING,
        private_template=_PRIVATE,
    )
