"""The lines of a file around its faults."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.adt import GOOD_ROW, HEADER, PROFILE, adt_text, check
from thresholds.adt_excerpt import MOST_CELLS, MOST_LINES, lines_around
from thresholds.faults import MAX_EXCERPT

GOOD = ",".join(GOOD_ROW)
PIECES = st.sampled_from(
    [GOOD, HEADER, "", '"', "a,b", "x" * 200, "\x00\x1b[31m", "é\u202e", GOOD + ",1", ","]
)


def numbered(number: int, warning: str = "80") -> list[str]:
    """Return a row with a period of its own."""
    return [*GOOD_ROW[:3], f"PT{number + 1}M", warning, *GOOD_ROW[5:]]


@given(st.lists(st.one_of(PIECES, st.text(max_size=40)), max_size=40), st.sampled_from(["\n", "\r\n", "\r"]))
def test_every_fault_of_a_line_stands_at_its_line_whatever_the_file_holds(parts: list[str], end: str) -> None:
    data = end.join(parts).encode("utf-8", "surrogatepass")
    found = check(data)
    faults = (*found.faults, *found.warnings)
    lines = lines_around(data, faults, PROFILE)
    shown = [fault for line in lines for fault in line.faults]
    numbers = sorted({fault.line for fault in faults if fault.line})[:MOST_LINES]
    assert sorted(map(str, shown)) == sorted(str(fault) for fault in faults if fault.line in numbers)
    assert [line.number for line in lines] == sorted({line.number for line in lines})
    for line in lines:
        assert len(line.cells) <= MOST_CELLS + 1
        assert all(cell.text.isprintable() and len(cell.text) <= MAX_EXCERPT for cell in line.cells)
        assert all(fault.line == line.number for fault in line.faults)
        assert line.faults or line.number - 1 in numbers or line.number + 1 in numbers


def test_the_cell_at_fault_is_marked_and_no_other() -> None:
    data = adt_text([numbered(1), numbered(2, "many")]).encode()
    lines = lines_around(data, check(data).faults, PROFILE)
    assert [line.number for line in lines] == [2, 3]
    assert [cell.is_faulty for cell in lines[1].cells] == [column == 4 for column in range(8)]
    assert not any(cell.is_faulty for cell in lines[0].cells)


def test_a_line_that_is_no_csv_is_one_marked_cell() -> None:
    data = (HEADER + '\n"open\n').encode()
    (line,) = lines_around(data, check(data).faults, PROFILE)[-1:]
    assert (line.cells[0].text, line.cells[0].is_faulty) == ('"open', True)


def test_gaps_and_the_end_of_many_lines_are_told() -> None:
    rows = [numbered(number, "80" if number % 5 else "many") for number in range(1000)]
    data = adt_text(rows).encode()
    lines = lines_around(data, check(data).faults, PROFILE)
    assert sum(bool(line.faults) for line in lines) == MOST_LINES
    assert [line.after_gap for line in lines[:7]] == [False, False, False, True, False, False, True]
