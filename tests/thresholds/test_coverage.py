"""Coverage: what SEC G6.3 asks for, and what a User ID has."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.adt import NETWORK, SUPPLIER
from tests.support.rows import make_threshold
from thresholds.catalogue import load_catalogue
from thresholds.coverage import Cover, Coverage, Duty, coverage
from thresholds.model import Threshold

CATALOGUE = load_catalogue()
SERVICES = [variant.variant for variant in CATALOGUE] + list(CATALOGUE.services()) + ["*"]
PLACES = st.tuples(
    st.sampled_from(["SR", "SPC", "S1C", "TRANSFORM", "ALL", "DEVICES"]), st.sampled_from(SERVICES)
)
ROLES = st.frozensets(st.sampled_from(["IS", "GS", "ED", "ES", "RSA", "OU", "GT"]), max_size=3)


def one(rows: list[Threshold], roles: frozenset[str] = frozenset({"IS"})) -> Coverage:
    (found,) = coverage(rows, {SUPPLIER: roles}, CATALOGUE)
    return found


def row(communication: str, service: str, **more: int) -> Threshold:
    return make_threshold(SUPPLIER, communication=communication, service=service, **more)


@given(st.lists(PLACES, max_size=30), ROLES)
def test_every_total_is_limited_in_one_way_and_only_services_of_the_roles_are_asked_for(
    places: list[tuple[str, str]], roles: frozenset[str]
) -> None:
    found = one([row(*place) for place in places], roles)
    assert not found.asked if not roles else found.asked
    for duty in Duty:
        asked = [each.variant for each in found.asked if each.duty is duty]
        assert len(asked) == sum(found.count(duty, cover) for cover in Cover)
        assert all(variant.may_be_sent_by(roles) for variant in asked)
        assert all(variant.critical is (duty is not Duty.ENCRYPTED) for variant in asked)
        for variant in found.lacking(duty):
            assert not any(
                name in {duty.communication, "ALL", "DEVICES"}
                and service in {variant.variant, variant.service, "*"}
                for name, service in places
            )


@given(st.lists(PLACES, max_size=10), PLACES)
def test_another_threshold_never_makes_the_cover_worse(
    places: list[tuple[str, str]], more: tuple[str, str]
) -> None:
    order = [Cover.NONE, Cover.WIDER, Cover.OWN]
    before, after = one([row(*p) for p in places]), one([row(*p) for p in (*places, more)])
    for old, new in zip(before.asked, after.asked, strict=True):
        assert order.index(new.cover) >= order.index(old.cover)


def test_the_reference_of_a_service_is_its_own_and_all_is_wider() -> None:
    found = one([row("SR", "4.1"), row("SPC", "7.2"), row("ALL", "1.5"), row("SPC", "2.1", effective_to=200)])
    cover = {(each.duty, each.variant.variant): each.cover for each in found.asked}
    assert cover[Duty.ENCRYPTED, "4.1.1"] is Cover.OWN
    assert cover[Duty.SIGNED, "7.2"] is Cover.OWN
    assert cover[Duty.SMETS1, "7.2"] is Cover.NONE
    assert cover[Duty.SIGNED, "1.5"] is Cover.WIDER
    assert cover[Duty.SIGNED, "2.1"] is Cover.NONE  # an exception limits nothing outside its time


def test_thresholds_of_others_cover_nothing() -> None:
    users = {SUPPLIER: frozenset({"IS"}), NETWORK: frozenset({"IS"})}
    mine, others = coverage([row("SPC", "7.2")], users, CATALOGUE)
    assert (mine.count(Duty.SIGNED, Cover.OWN), others.count(Duty.SIGNED, Cover.OWN)) == (1, 0)
