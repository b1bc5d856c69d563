"""Every report of the command against the published schema of its format, on the example estate and on a hostile one.

The schemas are looked for in `../shared/schemas`, or where `AISPM_SCHEMAS` says; without them these tests are skipped.
What needs no schema (JUnit, CSV, ECS, CEF, Markdown, Code Quality) is checked by hand and always runs.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft7Validator, Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7, DRAFT202012

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = Path(os.environ.get("AISPM_SCHEMAS", ROOT.parent / "shared" / "schemas"))
NAME = "<script>alert(1)</script>\"'`|\\\u202e=cmd ]]> @octocat #1 http://evil.example www.evil.example"
EVIL = f"{NAME}\n--> [x](http://evil.example) \u001b[2J\u0085\u2028\ufffe{{{{7*7}}}}"

needs_schemas = pytest.mark.skipif(not SCHEMAS.is_dir(), reason=f"no schemas in {SCHEMAS}; set AISPM_SCHEMAS")


def aispm(*args: object) -> subprocess.CompletedProcess[str]:
    command = os.environ.get("AISPM", "").split() or [sys.executable, "-m", "aispm"]
    run = subprocess.run([*command, *map(str, args)], capture_output=True, timeout=120)
    # as it is: Python would turn CRLF into LF
    return subprocess.CompletedProcess(run.args, run.returncode, run.stdout.decode(), run.stderr.decode())


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An estate whose every name tries to break out of a format."""
    folder = tmp_path_factory.mktemp("hostile") / "=estate <b> #1|x"
    folder.mkdir()
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": EVIL, "namespace": EVIL, "labels": {"app": EVIL}},
        "spec": {"type": "LoadBalancer", "selector": {"app": EVIL}, "ports": [{"port": 80}]},
    }
    image = {"name": EVIL, "image": "vllm/vllm-openai:latest", "args": ["--model", EVIL]}
    workload = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": EVIL, "namespace": EVIL},
        "spec": {"template": {"metadata": {"labels": {"app": EVIL}}, "spec": {"containers": [image]}}},
    }
    (folder / "k8s.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [service, workload]}))
    servers = {EVIL: {"command": "npx", "args": ["-y", EVIL]}, "=1+1": {"command": "npx", "args": ["-y", "some-mcp"]}}
    (folder / "mcp.json").write_text(json.dumps({"mcpServers": servers}))
    (folder / "app.py").write_text('from langchain_community.tools import ShellTool\ntools = [ShellTool()]\n')
    (folder / "iam broken.json").write_text('{"UserDetailList": [{"UserName": "a", "Arn": "arn:aws:iam::1:')
    (folder / "aispm.yaml").write_text(
        json.dumps({"systems": [{"id": "s", "name": EVIL, "purpose": EVIL, "owner": EVIL, "members": [EVIL]}]})
    )
    return folder


@pytest.fixture(params=["example", "hostile", "baseline", "empty"])
def estate(request: pytest.FixtureRequest, tmp_path: Path, hostile: Path) -> list[object]:
    """Arguments of an assessment."""
    example = ROOT / "examples" / "estate"
    if request.param == "example":
        return [example]
    if request.param == "hostile":
        return [hostile]
    if request.param == "empty":
        return [tmp_path]
    # something new, something known, something gone
    before = tmp_path / "before.json"
    assert aispm("assess", example / "kubernetes", example / "models", "--format", "json", "-o", before).returncode == 0
    return [example / "kubernetes", example / "app", "--baseline", before]


def report(format: str, estate: list[object]) -> str:
    run = aispm("assess", *estate, "--format", format, "--time", "2026-01-31T12:00:00Z")
    assert (run.returncode, "error" in run.stderr) == (0, False), run.stderr
    assert "\u001b" not in run.stdout, "a terminal escape was passed on"
    return run.stdout


@pytest.fixture(scope="session")
def known(hostile: Path) -> set[str]:
    """The findings that every format must tell."""
    findings = json.loads(report("json", [hostile]))["findings"]
    assert any("octocat" in finding["message"] for finding in findings), "the hostile names must reach the findings"
    return {finding["fingerprint"] for finding in findings}


@cache
def schema(path: str) -> Any:
    return json.loads((SCHEMAS / path).read_text())


def complaints(validator: Any, document: Any) -> list[str]:
    found = sorted(validator.iter_errors(document), key=lambda error: list(map(str, error.absolute_path)))
    return [f"{list(error.absolute_path)}: {error.message[:300]}" for error in found[:5]]


# SARIF


@needs_schemas
def test_sarif_is_valid_and_fit_for_code_hosts(estate: list[object]) -> None:
    log = json.loads(report("sarif", estate))
    assert complaints(Draft7Validator(schema("sarif-schema-2.1.0.json")), log) == []
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        # what GitHub refuses a log without
        (location, *_) = result["locations"]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"]["uri"] and physical["region"]["startLine"] >= 1
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"] and result["partialFingerprints"]
        assert ("baselineState" in result) == ("--baseline" in estate)
    for rule in rules:
        assert len(rule["properties"]["tags"]) <= 20 and rule["help"]["text"] and rule["help"]["markdown"]
        assert 0 <= float(rule["properties"]["security-severity"]) <= 10
        for relation in rule.get("relationships", []):
            target = relation["target"]
            taxonomy = run["taxonomies"][target["toolComponent"]["index"]]
            assert taxonomy["name"] == target["toolComponent"]["name"]
            assert taxonomy["taxa"][target["index"]]["id"] == target["id"]


@needs_schemas
def test_sarif_of_scans_is_valid() -> None:
    run = aispm("scan", ROOT / "examples" / "estate" / "models", "--format", "sarif")
    assert complaints(Draft7Validator(schema("sarif-schema-2.1.0.json")), json.loads(run.stdout)) == []


# OCSF


@needs_schemas
def test_ocsf_events_are_valid_and_their_ids_agree(estate: list[object]) -> None:
    validators = {
        uid: Draft202012Validator(schema(f"ocsf-1.8.0/{name}.schema.json"))
        for uid, name in [(2003, "compliance_finding"), (2004, "detection_finding")]
    }
    events = lines(report("ocsf", estate))
    for event in events:
        assert complaints(validators[event["class_uid"]], event) == []
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["time"] == 1769860800000
        assert event["metadata"]["version"] == "1.8.0"
    uids = [event["finding_info"]["uid"] for event in events]
    assert len(uids) == len(set(uids))


def test_ocsf_is_valid_by_our_own_count(estate: list[object]) -> None:
    common = {"activity_id", "category_uid", "class_uid", "cloud", "finding_info", "metadata", "severity_id", "time", "type_uid"}
    for event in lines(report("ocsf", estate)):
        assert common <= event.keys() and "ai_model" not in event
        assert event["class_uid"] == 2004 or "compliance" in event
        assert event["class_uid"] == 2003 or event["resources"]


# STIX


@cache
def stix(path: str) -> Any:
    folder = SCHEMAS / "stix2.1"
    resources = []
    for file in folder.rglob("*.json"):
        content = json.loads(file.read_text())
        resources.append((content["$id"], Resource.from_contents(content, DRAFT202012)))
    registry: Registry[Any] = Registry().with_resources(resources)
    return Draft202012Validator(schema(f"stix2.1/{path}"), registry=registry)


@needs_schemas
def test_stix_bundles_are_valid_and_whole(estate: list[object]) -> None:
    text = report("stix", estate)
    bundle = json.loads(text)
    assert complaints(stix("common/bundle.json"), bundle) == []
    ids = {thing["id"] for thing in bundle["objects"]}
    assert len(ids) == len(bundle["objects"])
    for thing in bundle["objects"]:
        folder = {"relationship": "sros", "software": "observables"}.get(thing["type"], "sdos")
        assert complaints(stix(f"{folder}/{thing['type']}.json"), thing) == [], thing
        refs = [thing.get(key) for key in ("created_by_ref", "source_ref", "target_ref")] + thing.get("object_refs", [])
        assert {ref for ref in refs if ref} <= ids
        assert re.search(r"--[0-9a-f]{8}-[0-9a-f]{4}-5", thing["id"])
    assert text == report("stix", estate), "ids are made from the content"


# CycloneDX


@needs_schemas
@pytest.mark.parametrize("version", ["1.6", "1.7"])
def test_boms_are_valid(estate: list[object], version: str) -> None:
    bom = schema(f"cyclonedx-bom-{version}.schema.json")
    names = ["spdx.schema.json", "jsf-0.82.schema.json", "cryptography-defs.schema.json"]
    resources = [(f"http://cyclonedx.org/schema/{name}", Resource.from_contents(schema(name), DRAFT7)) for name in names]
    registry: Registry[Any] = Registry().with_resources(resources)
    validator = Draft7Validator(bom, registry=registry)
    run = aispm("discover", estate[0], "--format", "cyclonedx", "--spec-version", version)
    assert complaints(validator, json.loads(run.stdout)) == []
    if version == "1.6":
        assert complaints(validator, json.loads(report("cyclonedx", estate))) == []


# By hand


def lines(text: str) -> list[Any]:
    assert text == "" or text.endswith("\n")
    # as readers do that split at every end of a line that Unicode knows
    return [json.loads(line) for line in text.splitlines()]


def test_every_format_tells_every_finding(hostile: Path, known: set[str]) -> None:
    def sarif() -> Iterator[str]:
        for result in json.loads(report("sarif", [hostile]))["runs"][0]["results"]:
            yield result["partialFingerprints"]["aispm/v1"]

    stix_text = report("stix", [hostile])
    told = {
        "sarif": set(sarif()),
        "ocsf": {event["finding_info"]["uid"] for event in lines(report("ocsf", [hostile]))},
        "ecs": {event["event"]["id"] for event in lines(report("ecs", [hostile]))},
        "csv": {row["fingerprint"] for row in table(report("csv", [hostile]))},
        "codequality": {row["fingerprint"] for row in json.loads(report("codequality", [hostile]))},
        "cef": set(re.findall(r"externalId=(\w+)", report("cef", [hostile]))),
        "junit": set(re.findall(r"\[(\w+)\]", report("junit", [hostile]))),
    }
    for format, found in told.items():
        assert known <= found, format
    assert stix_text.count('"relationship_type": "has"') == len(known)


def test_junit_has_the_structure_that_readers_know(estate: list[object]) -> None:
    counts = ["tests", "failures", "errors", "skipped"]
    root = ElementTree.fromstring(report("junit", estate))
    assert (root.tag, root.get("name")) == ("testsuites", "aispm")
    totals = dict.fromkeys(counts, 0)
    for suite in root:
        assert suite.tag == "testsuite" and suite.get("name")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp", ""))
        seen = dict.fromkeys(counts, 0)
        names = set()
        for case in suite:
            assert case.tag == "testcase" and case.get("classname") == f"aispm.{suite.get('name')}"
            assert len(case) <= 1
            names.add(case.get("name"))
            seen["tests"] += 1
            for outcome, key in [("failure", "failures"), ("error", "errors"), ("skipped", "skipped")]:
                found = case.find(outcome)
                if found is not None:
                    seen[key] += 1
                    assert found.get("message")
        assert len(names) == len(suite), "readers tell test cases apart by name"
        assert seen == {key: int(suite.get(key, "-1")) for key in counts}
        totals = {key: totals[key] + seen[key] for key in counts}
    assert totals == {key: int(root.get(key, "-1")) for key in counts}


def table(text: str) -> list[dict[str, str]]:
    assert all(line.endswith("\r\n") for line in text.splitlines(keepends=True))
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_csv_is_a_table_without_formulas(estate: list[object]) -> None:
    rows = table(report("csv", estate))
    assert estate[0] != ROOT / "examples" / "estate" or rows
    for row in rows:
        assert None not in row and row["fingerprint"]
        for cell in row.values():
            assert not cell.lstrip().startswith(("=", "+", "-", "@")), cell


def test_cef_lines_have_a_header_of_seven_fields(estate: list[object]) -> None:
    for line in report("cef", estate).splitlines():
        header = re.match(r"CEF:0\|((?:[^|\\]|\\.)*\|){6}", line)
        assert header, line
        keys = re.findall(r"(?:^| )(\w+)=", line[header.end() :].replace("\\=", ""))
        assert {"externalId", "rt", "cs1", "msg", "outcome"} <= set(keys)


# the fields of ECS 8.17 that we use, and their types
ECS: dict[str, type | tuple[type, ...]] = {
    "@timestamp": str,
    "cloud.account.id": str,
    "cloud.provider": str,
    "cloud.region": str,
    "ecs.version": str,
    "event.category": list,
    "event.dataset": str,
    "event.id": str,
    "event.kind": str,
    "event.module": str,
    "event.provider": str,
    "event.risk_score": (int, float),
    "event.severity": int,
    "event.type": list,
    "file.name": str,
    "file.path": str,
    "message": str,
    "observer.product": str,
    "observer.type": str,
    "observer.vendor": str,
    "observer.version": str,
    "orchestrator.cluster.name": str,
    "orchestrator.namespace": str,
    "orchestrator.resource.name": str,
    "orchestrator.resource.type": str,
    "orchestrator.type": str,
    "package.name": str,
    "package.version": str,
    "rule.category": str,
    "rule.description": str,
    "rule.id": str,
    "rule.name": str,
    "rule.ruleset": str,
    "tags": list,
    "threat.framework": str,
    "threat.technique.id": list,
    "threat.technique.name": list,
    "threat.technique.reference": list,
}


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else key)
    else:
        yield name, value


def test_ecs_events_use_fields_that_ecs_has(estate: list[object]) -> None:
    for event in lines(report("ecs", estate)):
        own = event.pop("aispm")
        assert own["asset"]["id"] and own["state"] in ("open", "new", "known", "resolved", "waived")
        assert event["event"]["kind"] in ("alert", "state")
        for name, value in flat(event):
            assert isinstance(value, ECS[name]), (name, value)


def test_code_quality_has_what_gitlab_asks_for(estate: list[object]) -> None:
    rows = json.loads(report("codequality", estate))
    assert len({row["fingerprint"] for row in rows}) == len(rows)
    for row in rows:
        assert row["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert row["description"] and row["check_name"]
        assert row["location"]["path"] and row["location"]["lines"]["begin"] >= 1


def test_markdown_is_a_comment_without_foreign_markup(estate: list[object]) -> None:
    text = report("markdown", estate)
    assert text.startswith("<!-- aispm -->\n## AI security posture\n") and len(text) < 65_536
    assert text.count("<details>") == text.count("</details>") == text.count("<summary>")
    outside = re.sub(r"`[^`\n]*`", "", text)
    assert set(re.findall(r"<[^>]*>", outside)) <= {
        "<!-- aispm -->", "<details>", "</details>", "<summary>", "</summary>", "<br>",
    }
    assert not re.search(r"@\w|(?<!&)#\d|https?:|www\.|\]\(|\u202e", outside)
    for row in [line for line in outside.splitlines() if line.startswith("| ")]:
        assert row.count("|") in (5, 6), row
