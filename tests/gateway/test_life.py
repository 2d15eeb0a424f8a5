"""The life of a candidate incident is one table."""

from gateway.life import FINDINGS, OPEN, OPEN_STATES, STEPS, IncidentState, may_step, states_of


def test_every_state_has_its_steps_and_all_but_the_first_can_be_reached() -> None:
    assert set(STEPS) == set(IncidentState)
    reached = {after for steps in STEPS.values() for after in steps}
    assert reached == set(IncidentState) - {IncidentState.CANDIDATE}


def test_nobody_closes_what_was_not_found_to_be_something() -> None:
    closing = [before for before in IncidentState if may_step(before, IncidentState.CLOSED)]
    assert closing == list(FINDINGS)


def test_what_is_closed_stays_closed() -> None:
    assert not any(may_step(IncidentState.CLOSED, after) for after in IncidentState)


def test_no_step_leads_back_but_that_of_a_finding_taken_back() -> None:
    order = list(IncidentState)
    back = [
        (before, after)
        for before in order
        for after in STEPS[before]
        if order.index(after) < order.index(before)
    ]
    assert back == [(finding, IncidentState.INVESTIGATING) for finding in FINDINGS]


def test_open_means_not_closed() -> None:
    assert states_of(OPEN) == OPEN_STATES == tuple(IncidentState)[:-1]
    assert states_of("closed") == (IncidentState.CLOSED,)
