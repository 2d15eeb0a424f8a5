"""The words of the help are those of the design and of the code."""

import re
from typing import get_args

import pytest

from gateway.access import Role
from gateway.alerts.condition import News, news_facts
from gateway.alerts.facts import (
    KINDS,
    BreachFacts,
    ConditionFacts,
    Facts,
    ForecastFacts,
    SetBy,
    ThresholdFacts,
    kind_of,
)
from gateway.alerts.kinds import KIND_TEXTS, kind_text
from gateway.store.adt_files import FileState
from gateway.web.console import words
from gateway.web.console.plain_words import OUTCOMES, what_happened
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


def test_every_outcome_of_a_forecast_has_a_sentence() -> None:
    assert set(OUTCOMES) | {""} == set(get_args(ForecastFacts.__annotations__["outcome"]))
