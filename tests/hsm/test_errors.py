"""The tree of errors is as drawn, and no error of the vendor's library is left without words."""

import ast
import inspect
import re
from pathlib import Path

import pkcs11.exceptions
import pytest

import hsm
from hsm import errors
from hsm.config import TokenConfig
from hsm.translate import CODES, translate

CONFIG = TokenConfig(
    module="/usr/lib/module.so",
    token_label="the token",
    key_label="key",
    pin_file=Path("pin"),
    refusal_file=Path("refused"),
)
VENDOR = [
    error
    for _, error in inspect.getmembers(pkcs11.exceptions, inspect.isclass)
    if issubclass(error, pkcs11.exceptions.PKCS11Error)
]


def test_the_drawing_shows_every_error_class() -> None:
    drawn = set(re.findall(r"^(?:[├└]── )?([A-Z]\w+)(?:  |$)", errors.__doc__ or "", re.MULTILINE))
    defined = {name for name, _ in inspect.getmembers(errors, inspect.isclass)}
    assert drawn == defined
    for name in drawn - {"HsmError"}:
        assert getattr(errors, name).__bases__ == (errors.HsmError,)


@pytest.mark.parametrize("error", VENDOR)
def test_every_vendor_error_gets_a_code_a_text_and_a_remedy(
    error: type[pkcs11.exceptions.PKCS11Error],
) -> None:
    ours = translate(error(), "signing", CONFIG)
    assert ours.code in errors.REMEDIES
    for part in ("signing", error.__name__, CONFIG.module, CONFIG.token_label):
        assert part in ours.message
    assert ours.remedy


def test_the_vendor_errors_are_all_there_and_their_own_texts_are_kept() -> None:
    assert len(VENDOR) > 60
    assert set(CODES) < set(VENDOR)
    ours = translate(pkcs11.exceptions.PKCS11Error("no such file"), "loading", CONFIG)
    assert "no such file" in ours.message


def test_every_code_that_is_raised_has_a_remedy_and_every_remedy_is_used() -> None:
    used = set(CODES.values()) | {"token_failed"}
    for path in Path(hsm.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "token_error":
                used |= {str(each.value) for each in node.args[:1] if isinstance(each, ast.Constant)}
    assert used == set(errors.REMEDIES)
