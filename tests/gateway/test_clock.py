"""The count lives by a clock that follows small corrections and no jump."""

from gateway.clock import FOLLOWED_SECONDS, SteadyClock


class Machine:
    """A machine whose wall clock can be set while its steady clock goes on."""

    def __init__(self) -> None:
        self.steady = 1000.0
        self.wall = 1_790_000_000.0
        self.clock = SteadyClock(lambda: self.wall, lambda: self.steady)

    def wait(self, seconds: float) -> float:
        self.steady += seconds
        self.wall += seconds
        return self.clock()

    def set_by(self, seconds: float) -> float:
        self.wall += seconds
        return self.clock()


def test_time_goes_on_with_the_machine() -> None:
    machine = Machine()
    assert machine.wait(5) == 1_790_000_005.0
    assert machine.clock.jump == 0


def test_a_small_correction_is_followed() -> None:
    machine = Machine()
    assert machine.set_by(FOLLOWED_SECONDS) == 1_790_000_000.0 + FOLLOWED_SECONDS
    assert machine.set_by(-FOLLOWED_SECONDS) == 1_790_000_000.0
    assert machine.clock.jump == 0


def test_a_jump_is_shown_and_not_followed_in_either_direction() -> None:
    for jump in (86_400.0, -86_400.0):
        machine = Machine()
        before = machine.clock()
        assert machine.set_by(jump) == before
        assert machine.clock.jump == jump
        assert machine.wait(10) == before + 10
        assert machine.set_by(-jump) == before + 10
        assert machine.clock.jump == 0


def test_sleep_of_the_machine_is_no_jump() -> None:
    machine = Machine()
    before = machine.clock()
    assert machine.wait(3600) == before + 3600
    assert machine.clock.jump == 0
