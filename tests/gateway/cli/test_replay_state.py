"""The state of a replay holds exactly what was acknowledged, in whatever order that came."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.replay_input import Position
from gateway.cli.replay_state import Progress

PIECES = [Position(0, (f"{number // 3}.ndjson",), 100 * (number % 3 + 1)) for number in range(12)]


@given(st.permutations(range(12)), st.integers(0, 12), st.permutations(range(12)))
def test_a_second_run_sends_what_was_not_acknowledged_and_nothing_else(
    first: list[int], count: int, second: list[int]
) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "state"
        progress = Progress(file, [Path("x")], "now")
        assert all(progress.begin(piece) for piece in PIECES)
        for number in first[:count]:
            progress.acknowledged(PIECES[number])
        again = Progress(file, [Path("x")], "now")
        todo = [piece for piece in PIECES if piece > again.reached and again.begin(piece)]
        assert todo == [piece for number, piece in enumerate(PIECES) if number not in first[:count]]
        for number in second:
            if PIECES[number] in todo:
                again.acknowledged(PIECES[number])
        last = Progress(file, [Path("x")], "now")
        assert last.reached == PIECES[-1]
