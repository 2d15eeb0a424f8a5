"""What config/soc/ offers to a SOC fits what is sent: no field is named that no alert has."""

import configparser
import json
import re
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
import pytest

from gateway.alerts.channels.splunk import indexed_fields
from gateway.alerts.channels.webhook import cloud_event, http_message
from gateway.alerts.facts import Condition, ForecastFacts, kind_of
from gateway.alerts.kinds import KIND_TEXTS
from gateway.alerts.link import linked_finding
from gateway.alerts.message import Alert, Event
from gateway.channel_settings import SplunkSettings
from tests.support.alerts import AT, BREACH, SILENT, THRESHOLD, sample
from tests.support.documents import ROOT
from tests.support.elastic import ingest, leaves, mapped, sources
from tests.support.sigma import at, matches, named_fields, needs_yaml, read_yaml

SOC: Final = ROOT / "config" / "soc"
CONSOLE: Final = "https://gateway.example"
FORECAST: Final = ForecastFacts("quarantine", 100, 70, AT, AT, AT, AT, THRESHOLD)
CONDITIONS: Final = [
    msgspec.convert({**msgspec.to_builtins(SILENT), "kind": kind_of(each)}, each)
    for each in get_args(Condition)
]
FACTS: Final = [BREACH, msgspec.structs.replace(BREACH, level="warning"), FORECAST, *CONDITIONS, None]
ALERTS: Final = [
    sample("test", by="ana"),
    sample("heartbeat"),
    *(
        sample(event, facts=facts, marking=marking, by=by, reason="seen")
        for event in ("opened", "updated", "closed")
        for facts in FACTS
        for marking, by in (("", "system"), ("confidential", "ana"))
    ),
]
"""Each event, each kind, each level, with and without a marking and facts."""


def finding(alert: Alert) -> dict[str, Any]:
    """Return what is sent, as JSON gives it back."""
    found: dict[str, Any] = json.loads(msgspec.json.encode(linked_finding(alert, CONSOLE)))
    return found


FINDINGS: Final = [finding(alert) for alert in ALERTS]
RULES: Final = sorted((SOC / "sigma").glob("*.yml"))


def test_there_is_something_for_each() -> None:
    assert len(RULES) >= 3
    assert {path.name for path in SOC.iterdir()} >= {"sigma", "splunk", "elastic"}


@needs_yaml
@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_a_sigma_rule_has_what_sigma_asks_for_and_names_fields_that_are_sent(path: Path) -> None:
    rule = read_yaml(path)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", rule["id"])
    assert {"title", "status", "description", "date", "logsource", "detection", "falsepositives"} <= set(rule)
    assert rule["level"] in {"informational", "low", "medium", "high", "critical"}
    assert rule["logsource"] == {"product": "adt-gateway", "service": "ocsf"}
    assert [name for name in named_fields(rule) if not any(at(each, name) for each in FINDINGS)] == []


@needs_yaml
def test_no_two_sigma_rules_have_one_id() -> None:
    assert len({read_yaml(path)["id"] for path in RULES}) == len(RULES)


def rule(name: str) -> dict[str, Any]:
    found: dict[str, Any] = read_yaml(SOC / "sigma" / f"{name}.yml")
    return found


@needs_yaml
def test_the_rule_about_quarantines_fires_once_for_each_and_for_nothing_else() -> None:
    fired = [alert for alert in ALERTS if matches(rule("adt_gateway_quarantine_breach"), finding(alert))]
    assert fired == [a for a in ALERTS if a.event == "opened" and a.facts == BREACH]
    assert len(fired) == 2


@needs_yaml
@pytest.mark.parametrize(
    ("service", "fires"),
    [
        ("7.2", True),
        ("2.1", True),
        ("6.4.1", True),
        ("6.4.2", False),
        ("17.2", False),
        ("4.1.1", False),
        ("*", False),
    ],
)
def test_the_rule_about_supply_looks_at_the_service(service: str, fires: bool) -> None:
    threshold = msgspec.structs.replace(THRESHOLD, service=service)
    alert = sample(facts=msgspec.structs.replace(BREACH, threshold=threshold))
    assert matches(rule("adt_gateway_supply_service"), finding(alert)) is fires


@needs_yaml
def test_the_rule_about_blindness_knows_every_kind_that_blinds() -> None:
    blind = rule("adt_gateway_blind")
    fired = {kind_of(a.facts) for a in ALERTS if a.facts and matches(blind, finding(a))}
    assert fired == set(blind["detection"]["selection"]["finding_info.analytic.uid"])
    assert fired <= set(KIND_TEXTS)


def conf(name: str) -> configparser.RawConfigParser:
    """Read a file of Splunk's: a line that ends with a backslash goes on."""
    parser = configparser.RawConfigParser(interpolation=None, strict=True, delimiters=("=",))
    text = (SOC / "splunk" / name).read_text("utf-8")
    parser.read_string(re.sub(r"\\\n", " ", text))
    return parser


def test_splunk_indexes_the_fields_that_are_sent() -> None:
    sent = {name for alert in ALERTS for name in indexed_fields(alert)}
    assert set(conf("fields.conf").sections()) == sent


def test_splunk_knows_the_source_type_that_is_sent() -> None:
    assert conf("props.conf").sections() == [SplunkSettings.model_fields["sourcetype"].default]


OWN_WORDS: Final = re.compile(r"\bAS (\w+)")


@pytest.mark.parametrize("name", conf("savedsearches.conf").sections())
def test_a_splunk_search_names_fields_that_are_sent(name: str) -> None:
    search = conf("savedsearches.conf").get(name, "search")
    assert f'sourcetype="{SplunkSettings.model_fields["sourcetype"].default}"' in search
    dotted = set(re.findall(r"\b[a-z_]+(?:\.[a-z_]+)+\b", search.partition("sourcetype=")[2]))
    assert [field for field in dotted if not any(at(each, field) for each in FINDINGS)] == []
    sent = {name for alert in ALERTS for name in indexed_fields(alert)}
    top = {key for each in FINDINGS for key in each}
    compared = set(re.findall(r"\b(\w+)(?:!=|=)", search)) - {"sourcetype"}
    assert compared <= sent | top | set(OWN_WORDS.findall(search))


def elastic(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SOC / "elastic" / f"{name}.json").read_text("utf-8"))
    return found


def received(alert: Alert) -> dict[str, Any]:
    """Return the document that a collector makes of the webhook."""
    return {"json": json.loads(http_message(cloud_event(alert, CONSOLE), "structured").body)}


def test_elastic_reads_fields_that_are_sent() -> None:
    pipeline = elastic("ingest-pipeline")
    assert [path for path in sources(pipeline) if not any(at(each, path) for each in FINDINGS)] == []


@pytest.mark.parametrize(
    "alert", ALERTS, ids=lambda alert: f"{alert.id} {alert.facts and kind_of(alert.facts)}"
)
def test_elastic_maps_all_that_its_pipeline_makes(alert: Alert) -> None:
    document, types = ingest(elastic("ingest-pipeline"), received(alert)), mapped(elastic("index-template"))
    assert document["_id"] == alert.id, "a repeat replaces nothing and adds nothing"
    for path, value in leaves({name: part for name, part in document.items() if name != "_id"}):
        kind = types[path]
        assert isinstance(value, int) == (kind in {"date", "long"}), path


def test_elastic_maps_nothing_that_never_comes() -> None:
    made = {
        path for alert in ALERTS for path, _ in leaves(ingest(elastic("ingest-pipeline"), received(alert)))
    }
    assert made - {"_id"} == set(mapped(elastic("index-template")))


def test_elastic_calls_a_finding_an_alert_and_a_heartbeat_a_state() -> None:
    events: dict[Event, str] = {"opened": "alert", "test": "alert", "heartbeat": "state"}
    for event, kind in events.items():
        assert ingest(elastic("ingest-pipeline"), received(sample(event)))["event"]["kind"] == kind
