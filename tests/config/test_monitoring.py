"""Rules, dashboard, metrics and runbooks belong together."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client.metrics_core import Metric

from gateway.health import PartHealth
from gateway.metrics import REGISTRY
from tests.support.documents import ROOT
from tests.support.promql import Named, metrics, read_rules, tokens

RULES_FILE: Final = ROOT / "config" / "prometheus" / "adt-gateway.rules.yml"
DASHBOARD_FILE: Final = ROOT / "config" / "grafana" / "adt-gateway.json"
OPERATIONS: Final = ROOT / "docs" / "operations.md"
RULES: Final = read_rules(RULES_FILE)
SCENARIOS: Final = Path(__file__).with_name("rules.test.yml")
FROM_THE_SCRAPE: Final = frozenset({"instance", "job"})
SUFFIXES: Final = {
    "counter": ("_total",),
    "info": ("_info",),
    "histogram": ("_bucket", "_sum", "_count"),
}


def exposed() -> dict[str, frozenset[str]]:
    """Return every sample that `/metrics` can show, with its labels."""
    found: dict[str, frozenset[str]] = {}
    for collector in list(REGISTRY._collector_to_names):
        families: list[Metric] = list(collector.collect())
        for family in families:
            labels = set(getattr(collector, "_labelnames", ()))
            labels.update(*(sample.labels for sample in family.samples))
            for suffix in SUFFIXES.get(family.type, ("",)):
                more = {"le"} if suffix == "_bucket" else set()
                found[family.name + suffix] = frozenset(labels | more)
    return found


EXPOSED: Final = exposed()


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD_FILE.read_text("utf-8"))
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Yield the title and the expression of everything that the dashboard asks, its variables filled in."""
    found = dashboard()
    for panel in found["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")
    for variable in found["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"].replace(", instance)", ")")


def missing(expression: str) -> list[Named]:
    """Return what an expression selects and `/metrics` never shows."""
    return [
        named
        for named in metrics(expression)
        if not named.labels <= EXPOSED.get(named.metric, frozenset()) | FROM_THE_SCRAPE
        or named.metric not in EXPOSED
    ]


def test_a_metric_or_label_that_is_not_there_is_found() -> None:
    assert missing("sum by (code) (rate(adt_gateway_rejected_total[5m])) > 1") == []
    assert [named.metric for named in missing("rate(adt_gateway_rejected[5m])")] == ["adt_gateway_rejected"]
    assert missing('adt_gateway_ready{port="token"} == 0')
    assert missing("ratte(adt_gateway_rejected_total[5m])")
    with pytest.raises(ValueError, match="not PromQL"):
        tokens("a ? b")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.alert))
def test_a_rule_asks_for_metrics_that_exist(rule: Any) -> None:
    assert list(metrics(rule.expression))
    assert missing(rule.expression) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.alert))
def test_a_rule_has_a_summary_and_a_runbook_with_a_paragraph(rule: Any) -> None:
    assert rule.severity in {"critical", "warning"}
    assert rule.summary.endswith(".")
    file, _, anchor = rule.runbook.partition("#")
    assert ROOT / file == OPERATIONS
    assert anchor == rule.alert.lower()
    text = OPERATIONS.read_text("utf-8")
    paragraph = re.search(rf"^### {rule.alert}\n\n(.+?)\n(?:\n|\Z)", text, re.MULTILINE | re.DOTALL)
    assert paragraph is not None, f"docs/operations.md has no paragraph for {rule.alert}"
    assert len(paragraph[1]) > 100


def test_every_runbook_belongs_to_a_rule() -> None:
    headings = re.findall(r"^### (AdtGateway\w+)$", OPERATIONS.read_text("utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(rule.alert for rule in RULES)


@pytest.mark.parametrize(("title", "expression"), list(queries()))
def test_the_dashboard_asks_for_metrics_that_exist(title: str, expression: str) -> None:
    assert list(metrics(expression)), title
    assert missing(expression) == []


def test_the_dashboard_can_be_imported() -> None:
    found = dashboard()
    panels = found["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert [variable["name"] for variable in found["templating"]["list"]] == ["datasource", "instance"]
    cells = [
        (x, y)
        for box in (panel["gridPos"] for panel in panels)
        for x in range(box["x"], box["x"] + box["w"])
        for y in range(box["y"], box["y"] + box["h"])
    ]
    assert len(set(cells)) == len(cells), "panels lie on each other"
    assert max(x for x, _ in cells) < 24


def test_the_token_is_the_one_part_that_a_rule_leaves_out() -> None:
    """It has a rule of its own, because the gateway counts without it."""
    (rule,) = [rule for rule in RULES if rule.alert == "AdtGatewayNotReady"]
    assert 'part!="token"' in rule.expression
    assert "needed" in PartHealth.__struct_fields__


def promtool(*arguments: str | Path, folder: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    promtool("check", "rules", RULES_FILE, folder=tmp_path)


def test_prometheus_takes_every_question_of_the_dashboard(tmp_path: Path) -> None:
    lines = ["groups:", "  - name: dashboard", "    rules:"]
    for number, (title, expression) in enumerate(queries()):
        if not expression.startswith("label_values"):
            expr = json.dumps(expression.replace("$instance", ".*"))
            lines += [f"      - record: panel:{number}", f"        expr: {expr}  # {title}"]
    file = tmp_path / "dashboard.yml"
    file.write_text("\n".join(lines) + "\n")
    promtool("check", "rules", file, folder=tmp_path)


def test_the_rules_fire_when_they_should_and_only_then(tmp_path: Path) -> None:
    shutil.copy(RULES_FILE, tmp_path)
    shutil.copy(SCENARIOS, tmp_path)
    promtool("test", "rules", SCENARIOS.name, folder=tmp_path)
