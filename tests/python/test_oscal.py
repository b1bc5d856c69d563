"""OSCAL assessment results against the schema of NIST, where it is at hand."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = Path(os.environ.get("AISPM_SCHEMAS", ROOT.parent / "shared" / "schemas"))
SCHEMA = SCHEMAS / "oscal_assessment-results_schema-1.0.6.json"
TIME = "2026-01-31T12:00:00Z"


def aispm(*args: str) -> str:
    command = os.environ.get("AISPM", "").split() or [sys.executable, "-m", "aispm"]
    return subprocess.run([*command, *args], check=True, capture_output=True, text=True, cwd=ROOT).stdout


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(aispm("assess", "examples/estate", "--format", "oscal", "--time", TIME))


def validator() -> Any:
    if not SCHEMA.is_file():
        pytest.skip(f"no {SCHEMA}; set AISPM_SCHEMAS to the folder that holds it")
    from jsonschema import Draft7Validator  # type: ignore[import-untyped]

    # Python's re knows no \p{…}; [^\W\d_] is a letter
    text = SCHEMA.read_text("utf-8").replace(r"\\p{L}", r"[^\\W\\d_]").replace(r"\\p{N}", r"\\d")
    return Draft7Validator(json.loads(text), format_checker=Draft7Validator.FORMAT_CHECKER)


def test_the_estate_is_valid(document: Any) -> None:
    errors = [f"{list(error.absolute_path)}: {error.message[:200]}" for error in validator().iter_errors(document)]
    assert not errors


def test_an_estate_with_nothing_in_it_is_valid(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('resource "null_resource" "n" {}\n')
    document = json.loads(aispm("assess", str(tmp_path), "--format", "oscal"))
    assert not list(validator().iter_errors(document))


def test_references_lead_somewhere(document: Any) -> None:
    text = json.dumps(document)
    ids = re.findall(r'"uuid": "([^"]+)"', text)
    assert len(ids) == len(set(ids)) > 10
    assert set(re.findall(r'"(?:observation|risk|subject|actor|component)-uuid": "([^"]+)"', text)) <= set(ids)
    assert aispm("assess", "examples/estate", "--format", "oscal", "--time", TIME) == aispm(
        "assess", "examples/estate", "--format", "oscal", "--time", TIME
    )


def test_a_pack_holds_what_its_manifest_says(tmp_path: Path) -> None:
    out = tmp_path / "out"
    aispm("evidence", "pack", "examples/estate", "--framework", "eu_ai_act", "--time", TIME, "-o", str(out))
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert sorted(manifest["files"]) == ["eu_ai_act.html", "eu_ai_act.oscal.json"]
    for name, listed in manifest["files"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == listed["sha256"]
    document = json.loads((out / "eu_ai_act.oscal.json").read_text("utf-8"))
    assert not list(validator().iter_errors(document))
