"""File profiles: TOML becomes a frozen value, and what is wrong with it is named."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.adt import PROFILE, PROFILE_TEXT
from thresholds.errors import ProfileError
from thresholds.layout import MAX_PROFILE, Container
from thresholds.model import Alignment
from thresholds.profile import Field, Profile, Replaces, Rules, parse_profile


def test_the_default_profile_is_unverified_and_has_the_layout_of_the_design() -> None:
    assert PROFILE.label == "adt-1 (unverified)"
    assert [column.field for column in PROFILE.columns] == list(Field)
    assert PROFILE.headers[:3] == ("UserID", "Communication", "ServiceReferenceVariant")
    assert (PROFILE.container, PROFILE.alignment, PROFILE.replaces) == (
        Container.CMS_DETACHED,
        Alignment.ROLLING,
        Replaces.USER_ID,
    )
    assert (PROFILE.max_bytes, PROFILE.max_rows) == (16 * 2**20, 100_000)


def test_the_default_profile_writes_the_defaults_down() -> None:
    bare = Profile(id="x", title="x", verified=True, columns=PROFILE.columns)
    assert PROFILE.rules == Rules()
    for name in (
        "encoding",
        "separator",
        "line_ends",
        "instant_format",
        "file_name",
        "max_level",
        "max_bytes",
    ):
        assert getattr(PROFILE, name) == getattr(bare, name)


def test_a_verified_profile_is_shown_by_its_id() -> None:
    assert parse_profile(PROFILE_TEXT.replace("verified = false", "verified = true")).label == "adt-1"


@pytest.mark.parametrize(
    ("good", "bad", "named"),
    [
        ("verified = false", "verified = false\ncolour = 1", "colour: a profile has no such key"),
        ("verified = false", "", "verified: it is needed and not set"),
        ("verified = false", 'verified = "no"', "verified: it has to be true or false"),
        (
            "[constants]",
            "[constants]\nuser = 'x'",
            "constants.user: a profile has no such key; is constants.user_id meant?",
        ),
        ("[rules]", "[rules]\nformula = 'off'", "rules.formula: a profile has no such key"),
        (
            'mixed_effective_from = "error"',
            'mixed_effective_from = "loud"',
            'rules.mixed_effective_from: it has to be "error", "warning" or "off"',
        ),
        ('field = "period"', 'field = "time"', 'columns[3].field: it has to be "user_id", "communication",'),
        ('field = "period"', "", "column 'Period' needs exactly one"),
        ('field = "period"', 'field = "period"\nconstant = "PT1H"', "column 'Period' needs exactly one"),
        ('field = "period"', 'constant = "PT1H"', "gives the field `period`"),
        ('field = "period"', 'field = "user_id"', "the field `user_id` is there twice"),
        ("[constants]", "[constants]\nperiod = 'PT1H'", "the field `period` is there twice"),
        ('header = "Period"', 'header = "UserID"', "the same header"),
        ('separator = ","', "separator = '\"'", "separator: it has to be one of: comma,"),
        ('separator = ","', 'separator = ",,"', "separator: it has to be one of: comma,"),
        ('["CRLF", "LF"]', "[]", "line_ends: it has to be a list of 1 or more"),
        ('["CRLF", "LF"]', '["CR"]', 'line_ends[0]: it has to be "CRLF" or "LF"'),
        ('encoding = "utf-8"', 'encoding = "latin-1"', 'encoding: it has to be "ascii" or "utf-8"'),
        ("%H:%M:%SZ", "%H:%M:%S%Z", "instant_format: "),
        (r"\.csv'", r"\.csv('", "regular expression"),
        (r"\.csv'", r"\.csv{99999999999999999999}'", "regular expression"),
        ('id = "adt-1"', 'id = "../adt"', "id: it has to be lower-case letters"),
        ("max_rows = 100_000", "max_rows = 0", "max_rows: it has to be a whole number from 1 to 2147483647"),
        (
            'container = "cms-detached"',
            'container = "zip"',
            'container: it has to be "cms-detached", "cms-attached",',
        ),
        ('alignment = "rolling"', 'alignment = "lunar"', 'alignment: it has to be "rolling" or "calendar"'),
        ('replaces = "user-id"', 'replaces = "all"', 'replaces: it has to be "user-id" or "rows"'),
    ],
)
def test_a_wrong_profile_names_the_key(good: str, bad: str, named: str) -> None:
    assert good in PROFILE_TEXT
    with pytest.raises(ProfileError, match=re.escape(named)) as caught:
        parse_profile(PROFILE_TEXT.replace(good, bad, 1))
    assert caught.value.code == "bad_profile"


def test_a_text_that_is_not_toml_or_too_long_is_refused() -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile("id = ")
    assert caught.value.code == "profile_not_toml"
    with pytest.raises(ProfileError) as caught:
        parse_profile("a = " + "[" * 60_000)
    assert caught.value.code == "profile_not_toml"
    with pytest.raises(ProfileError) as caught:
        parse_profile("#" * (MAX_PROFILE + 1))
    assert caught.value.code == "profile_too_large"


@given(st.integers(0, len(PROFILE_TEXT)), st.text(max_size=5))
def test_a_damaged_profile_is_a_profile_or_a_profile_error(place: int, noise: str) -> None:
    with contextlib.suppress(ProfileError):
        parse_profile(PROFILE_TEXT[:place] + noise + PROFILE_TEXT[place + len(noise) :])
