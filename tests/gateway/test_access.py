"""One table says who may do what."""

import pytest

from gateway.access import PERMISSIONS, Action, Person, Role
from gateway.errors import NotPermitted


def test_every_action_is_allowed_to_somebody() -> None:
    assert set(PERMISSIONS) == set(Action)
    assert all(PERMISSIONS.values())


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_exactly_what_the_table_says(role: Role, action: Action) -> None:
    person = Person("ann", frozenset({role}))
    assert person.may(action) is (role in PERMISSIONS[action])
    if person.may(action):
        person.require(action)
        return
    with pytest.raises(NotPermitted) as caught:
        person.require(action)
    assert caught.value.code == "role_missing"
    assert all(wanted in caught.value.message for wanted in PERMISSIONS[action])
    assert role in caught.value.message
    assert "Action." not in caught.value.message


def test_the_machine_may_send_communications_and_nothing_else() -> None:
    adaptor = Person("adaptor-1", frozenset({Role.ADAPTOR}))
    assert [action for action in Action if adaptor.may(action)] == [Action.SEND_COMMUNICATIONS]


def test_the_auditor_changes_nothing() -> None:
    auditor = Person("amy", frozenset({Role.AUDITOR}))
    reads = {
        Action.READ_FILES,
        Action.READ_MONITORING,
        Action.READ_AUDIT,
        Action.READ_PEOPLE,
        Action.READ_SETTINGS,
    }
    assert {action for action in Action if auditor.may(action)} == reads | {Action.USE_CONSOLE}


def test_the_admin_manages_people_and_has_no_part_in_the_work_itself() -> None:
    admin = Person("ada", frozenset({Role.ADMIN}))
    auditor = Person("amy", frozenset({Role.AUDITOR}))
    assert {action for action in Action if admin.may(action) and not auditor.may(action)} == {
        Action.MANAGE_PEOPLE
    }


def test_no_one_role_both_submits_and_approves() -> None:
    assert PERMISSIONS[Action.SUBMIT_FILE].isdisjoint(PERMISSIONS[Action.APPROVE_FILE])


def test_several_roles_add_up_and_none_allows_nothing() -> None:
    both = Person("ann", frozenset({Role.SUBMITTER, Role.ANALYST}))
    assert both.may(Action.SUBMIT_FILE)
    assert both.may(Action.WORK_ON_INCIDENT)
    nobody = Person("bob", frozenset())
    assert not any(nobody.may(action) for action in Action)
    with pytest.raises(NotPermitted, match="has none"):
        nobody.require(Action.READ_FILES)
