"""The words of the help are those of the design and of the code."""

import re
from typing import get_args

import msgspec
import pytest

from gateway.access import Role
from gateway.alerts.condition import News, news_facts
from gateway.alerts.facts import (
    KINDS,
    BreachFacts,
    ClockWrong,
    ConditionFacts,
    DccQuarantine,
    Facts,
    ForecastFacts,
    NotCountable,
    SetBy,
    SourceSilent,
    ThresholdFacts,
    TokenFails,
    kind_of,
)
from gateway.alerts.kinds import KIND_TEXTS, SOURCE_NAMES, kind_text
from gateway.operations.silence import SOURCES
from gateway.store.adt_files import FileState
from gateway.store.decisions import Chosen
from gateway.store.quarantined import MATCHES
from gateway.web.console import words
from gateway.web.console.condition_words import about, figure_name
from gateway.web.console.condition_words import figures as condition_figures
from gateway.web.console.plain_words import OUTCOMES, what_happened
from gateway.web.console.quarantine_words import CHOSEN, chosen_by
from tests.support.documents import ROOT
from thresholds.model import ALL, DEVICES, Alignment, CommunicationClass, Level

DESIGN = (
    "service request, communication, threshold, exception, window, count, headroom, episode, breach, "
    "candidate incident, audit record, checkpoint, alert, delivery, token, approval"
)
"""One word for each idea, as the design lists them."""

SET_BY = SetBy(3, "adt.csv", "ab" * 32, 2, "alice", "bob", "2026-12-01T00:00:00.000Z", 9)
THRESHOLD = ThresholdFacts(
    "90-B3-D5-1F-30-01-00-00", "SPC", "7.2", "Disable Supply", "PT1H", "rolling", 80, 100, False, SET_BY
)


def test_every_word_is_told_in_a_sentence() -> None:
    assert list(words.WORDS)[: len(DESIGN.split(", "))] == DESIGN.split(", ")
    tables = (words.WORDS, words.CLASSES, words.FILE_STATES, words.ROLES, words.LEVELS, words.ALIGNMENTS)
    for table in tables:
        assert all(sentence[:1].isupper() and sentence.endswith(".") for sentence in table.values())


def test_the_tables_hold_what_the_code_knows_and_nothing_else() -> None:
    assert list(words.CLASSES) == [*CommunicationClass, ALL, DEVICES]
    assert list(words.FILE_STATES) == list(FileState)
    assert list(words.ROLES) == list(Role)
    assert list(words.LEVELS) == list(Level)
    assert list(words.ALIGNMENTS) == list(Alignment)
    assert list(KIND_TEXTS) == list(KINDS)


def test_every_kind_leads_to_a_runbook_that_is_there() -> None:
    runbooks = re.findall(r"^### (\w+)$", (ROOT / "docs" / "operations.md").read_text("utf-8"), re.MULTILINE)
    assert {text.runbook for text in KIND_TEXTS.values()} <= set(runbooks)
    assert kind_text("of a later version").name == "of a later version"


def _facts(kind: type[Facts]) -> Facts:
    if kind is BreachFacts:
        at = "2026-12-01T12:00:00.000Z"
        return BreachFacts("warning", 80, 1081, at, at, at, THRESHOLD, "", None)
    if kind is ForecastFacts:
        at = "2026-12-01T12:00:00.000Z"
        return ForecastFacts("warning", 100, 85, at, at, at, at, THRESHOLD)
    assert issubclass(kind, ConditionFacts)
    return news_facts(News(kind, "http", "http is silent", 1000.0, figures={"seconds": 5}))


@pytest.mark.parametrize("kind", get_args(Facts), ids=kind_of)
def test_every_kind_is_told_in_plain_sentences(kind: type[Facts]) -> None:
    sentences = what_happened(_facts(kind))
    assert sentences
    assert all(sentence[:1].isupper() and sentence.endswith(".") for sentence in sentences)


def test_a_breach_is_told_with_its_numbers() -> None:
    told = " ".join(what_happened(_facts(BreachFacts)))
    for part in ("1,081", "limit is 80", "SPC", "7.2", "PT1H", "quarantine level is passed as well"):
        assert part in told


def test_what_lay_under_a_level_when_it_was_told_is_not_told_as_of_now() -> None:
    """A warning's page may be read after the quarantine level was passed."""
    facts = msgspec.structs.replace(_facts(BreachFacts), count=85)
    assert what_happened(facts)[1] == "Nothing was held back then: 15 more fitted under the quarantine level."


def test_a_condition_that_came_once_is_not_told_as_if_it_came_again() -> None:
    once = _facts(SourceSilent)
    assert "It began at 1 Jan 1970 00:16:40 UTC." in what_happened(once)
    often = msgspec.structs.replace(once, occurrences=1200)
    assert "It began 1,200 times, the last time at 1 Jan 1970 00:16:40 UTC." in what_happened(often)


def test_what_a_decision_was_chosen_by_is_told_in_words() -> None:
    chosen = {"event_ref": "7001", "breach": "dcc_threshold", "numbers": [3, 4]}
    told = "quarantine event 7001; held for a threshold of the DCC; requests numbered 3, 4"
    assert chosen_by(chosen) == told
    assert set(CHOSEN) == set(Chosen.__struct_fields__)


def test_every_outcome_of_a_forecast_has_a_sentence() -> None:
    assert set(OUTCOMES) | {""} == set(get_args(ForecastFacts.__annotations__["outcome"]))


def _known(kind: type[ConditionFacts], subject: str, **figures: int | str) -> dict[str, str]:
    facts = kind("warning", subject, "2026-12-01T00:00:00.000Z", None, 1, "it is so", figures)
    return {"about": about(facts)} | dict(condition_figures(facts))


def test_what_is_known_of_a_condition_is_told_in_the_words_of_people() -> None:
    assert _known(
        SourceSilent, "drop_folder", allowed_seconds=5400, last_communication="2026-12-01T00:00:00.000Z"
    ) == {
        "about": "drop folder",
        "May be silent for": "5,400 s",
        "Last communication": "1 Dec 2026 00:00:00 UTC",
    }
    assert _known(NotCountable, "forward", requests=1200, **{"code queue_full": 3, "code duis_size": 1}) == {
        "about": "forwarding",
        "Requests": "1,200",
        "Because too many waited already": "3",
        "Because of duis size": "1",
    }
    assert _known(ClockWrong, "clock", seconds=-90) == {"about": "clock", "Wrong by": "-90 s"}
    assert _known(
        DccQuarantine, "x/20261201", event_ref="20261201", breach="dcc_threshold", not_predicted=2
    ) == {
        "about": "x/20261201",
        "Quarantine event": "20261201",
        "Held because of": "a threshold of the DCC",
        "Of them not expected": "2",
    }
    assert (
        _known(TokenFails, "http", code="token_missing", last_file=1234)["about"] == "http"
    )  # a label of ours
    assert figure_name("of_a_later_version") == "Of a later version"


def test_every_source_and_every_match_has_a_word() -> None:
    assert set(SOURCE_NAMES) == set(SOURCES)
    assert all(figure_name(match).startswith("Of them ") for match in MATCHES)
    for kind in KINDS:
        assert "_" not in kind_text(kind).name
