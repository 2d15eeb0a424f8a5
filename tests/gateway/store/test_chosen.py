"""What a body may choose is what a database takes; all else is malformed, and no trouble of the store."""

import msgspec
import pytest

from gateway.store.decisions import MOST_NUMBERS, Chosen


@pytest.mark.parametrize(
    "body",
    [
        {"incident": 2**31},
        {"incident": -1},
        {"numbers": [2**70]},
        {"numbers": [1] * (MOST_NUMBERS + 1)},
        {"event_ref": "4\x002"},
        {"user_id": "9" * 81},
    ],
    ids=["incident", "negative", "number", "many", "nul", "long"],
)
def test_what_no_database_takes_is_malformed(body: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(body), type=Chosen)


def test_what_people_choose_is_taken() -> None:
    chosen = Chosen("42", "90-B3-D5-1F-30-01-00-00", "7.2", 7, "user_threshold", (1, 2))
    assert msgspec.json.decode(msgspec.json.encode(chosen), type=Chosen) == chosen
