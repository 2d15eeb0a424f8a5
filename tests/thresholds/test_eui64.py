"""EUI-64 identifiers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresholds.errors import InvalidValueError
from thresholds.eui64 import parse_eui64, parse_user_id


@given(st.binary(min_size=8, max_size=8), st.booleans())
def test_either_case_has_one_normal_form(octets: bytes, lower: bool) -> None:
    normal = octets.hex("-").upper()
    assert parse_eui64(normal.lower() if lower else normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "90B3D51F30010000",
            "90:B3:D5:1F:30:01:00:00",
            "90-B3-D5-1F-30-01-00",
            "90-B3-D5-1F-30-01-00-00-00",
        ),
        *(
            "90-B3-D5-1F-30-01-00-0G",
            "90-B3-D5-1F-30-01-00-00\n",
            "\uff190-B3-D5-1F-30-01-00-00",
            "9-0B3-D5-1F-30-01-00-00",
        ),
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_eui64(text)
    assert caught.value.code == "bad_eui64"
    with pytest.raises(InvalidValueError) as caught:
        parse_user_id(text)
    assert caught.value.code == "bad_user_id"
    assert str(caught.value).isprintable()
