"""A first suggestion comes from the service alone, and none where the service says nothing."""

import msgspec
import pytest

from gateway.alerts.classification import LICENCE, suggested
from tests.support.incident_work import breach_facts, queue_facts
from thresholds.catalogue import load_catalogue


@pytest.mark.parametrize(
    ("service", "letter"),
    [
        *(("7.2", "c"), ("7.4", "c"), ("6.4.1", "c"), ("6.4", "c"), ("2.1", "c"), ("2.2", "c")),
        *(("4.1.1", "b"), ("4.8.1", "b"), ("4.1", "b")),
        *(("6.4.2", ""), ("12.1", ""), ("*", ""), ("99.9", ""), ("27.1", ""), ("72", "")),
    ],
)
def test_the_service_suggests_a_letter_of_the_licence(service: str, letter: str) -> None:
    facts = breach_facts()
    threshold = msgspec.structs.replace(facts.threshold, service=service)
    found = suggested(msgspec.structs.replace(facts, threshold=threshold), load_catalogue())
    assert (found.letter if found else "") == letter
    assert not found or (found.letter in LICENCE and service in found.why)


def test_a_read_is_not_said_to_act_on_supply() -> None:
    """7.4 is Read Supply Status: what is said of it stands on the incident's page."""
    facts = breach_facts()
    read = msgspec.structs.replace(facts.threshold, service="7.4")
    found = suggested(msgspec.structs.replace(facts, threshold=read), load_catalogue())
    assert found
    assert "acts" not in found.why


def test_what_is_no_count_suggests_nothing() -> None:
    assert suggested(queue_facts(), load_catalogue()) is None
    assert suggested(None, load_catalogue()) is None
