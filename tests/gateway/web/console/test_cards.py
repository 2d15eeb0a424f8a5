"""On a narrow screen each cell of a card says what its column is."""

from markupsafe import Markup

from gateway.web.console.cards import Header, labelled


def test_each_cell_has_the_title_of_its_column_and_its_role_whatever_stands_in_it() -> None:
    rows = Markup(
        '<tr>\n  <th scope="row" class="number"><a href="/1">1</a></th><td>&lt;td&gt;</td><td><time>x</time></td></tr>'
        '<tr data-key="k"><th>2</th><td></td><td class="long">y</td></tr>'
    )
    headers: list[Header] = [("No.", "number"), {"text": "A & B", "key": "a"}, 'say "it"']
    assert labelled(rows, headers) == (
        '<tr role="row">\n  <th scope="row" class="number" role="rowheader" data-label="No."><a href="/1">1</a></th>'
        '<td role="cell" data-label="A &amp; B">&lt;td&gt;</td><td role="cell" data-label="say &#34;it&#34;"><time>x</time></td></tr>'
        '<tr data-key="k" role="row"><th role="rowheader" data-label="No.">2</th><td role="cell" data-label="A &amp; B"></td>'
        '<td class="long" role="cell" data-label="say &#34;it&#34;">y</td></tr>'
    )


def test_a_cell_over_several_columns_or_beyond_the_last_has_none() -> None:
    rows = Markup('<tr><td>1</td><td colspan="2">withheld</td></tr><tr><td>1</td><td>2</td><td>3</td></tr>')
    assert labelled(rows, ["A", "B"]).count("data-label") == 3
