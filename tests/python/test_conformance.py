"""The shared vectors of `tests/conformance/`; see `tests/conformance.rs`."""

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import aispm

FOLDER = Path(__file__).resolve().parents[1] / "conformance"


def vectors(*files: str) -> list[Any]:
    loaded = [vector for file in files for vector in json.loads((FOLDER / file).read_text("utf-8"))]
    return [pytest.param(vector, id=vector["name"]) for vector in loaded]


def number(x: float) -> str:
    """ECMAScript's `Number::toString`."""
    if x == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(x)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text, point = "".join(map(str, digits)), len(digits) + exponent
    if len(text) <= point <= 21:
        text = text + "0" * (point - len(text))
    elif 0 < point <= 21:
        text = text[:point] + "." + text[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + text
    else:
        text = text[0] + ("." + text[1:] if len(text) > 1 else "") + f"e{point - 1:+}"
    return "-" + text if sign else text


def canonical(value: Any) -> str:
    """JSON as RFC 8785 has it."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(k)}:{canonical(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def call(vector: Any, folder: Path) -> Any:
    given = vector["arguments"]
    if vector["call"] == "detect":
        return aispm.detect(given["text"], given["role"])
    if vector["call"] == "discover":
        return aispm.discover(given["path"])
    if vector["call"] == "assess":
        return aispm.assess(given["path"], today=given["today"])
    if vector["call"] == "scan_model":
        file = folder / given["file"]
        file.write_bytes(base64.b64decode(given["base64"]))
        return aispm.scan_model(file)
    guard = aispm.Guard.from_yaml(given["guard"]) if given["guard"] else aispm.Guard.default()
    if vector["call"] == "check":
        return guard.check(given["text"], given["role"])
    if vector["call"] == "check_in":
        session = aispm.Session()
        session.asked(given["asked"])
        session.system_prompt(given["system_prompt"])
        return guard.check_in(session, given["text"], given["role"], given["origin"])
    if vector["call"] == "check_tool_call":
        return guard.check_tool_call(given["name"], given["arguments"])
    assert vector["call"] == "check_messages"
    return guard.check_messages(given["messages"])


def missing(result: Any, document: Any) -> Iterator[str]:
    """Fields of a document that are no attribute of the result, at any depth."""
    if isinstance(document, list) and isinstance(result, tuple):
        for item, part in zip(result, document, strict=True):
            yield from missing(item, part)
    elif isinstance(document, dict) and not isinstance(result, dict):
        for name, part in document.items():
            attribute = f"{name}_" if name in ("class", "from") else name
            if hasattr(result, attribute):
                yield from missing(getattr(result, attribute), part)
            elif name != "schema":
                yield f"{type(result).__name__}.{name}"


@pytest.mark.parametrize("vector", vectors("detect.json", "guard.json", "scan.json", "estate.json"))
def test_gives_the_same_document_as_rust(vector: Any, tmp_path: Path) -> None:
    result = call(vector, tmp_path)
    document = result.to_dict()
    document.pop("latency", None)
    if vector["call"] == "scan_model":
        document["path"] = Path(document["path"]).name
    assert canonical(document) == canonical(vector["expected"])
    assert list(missing(result, document)) == []


@pytest.mark.parametrize("vector", vectors("lineage.json"))
def test_lineage_has_the_same_answers_as_in_rust(vector: Any) -> None:
    question = {f"{key}_" if key == "from" else key: value for key, value in vector["arguments"]["question"].items()}
    discovery = aispm.discover(vector["arguments"]["path"])
    assert [answer.to_dict() for answer in discovery.lineage(**question)] == vector["expected"]
    assert aispm.assess(vector["arguments"]["path"]).inventory.lineage(**question) == discovery.lineage(**question)


@pytest.mark.parametrize("session", vectors("sessions.json"))
def test_sessions_hide_and_restore_as_in_rust(session: Any) -> None:
    guard = aispm.Guard.from_yaml(session["guard"], key=session["key"].encode())
    vault = aispm.Vault()
    for turn in session["turns"]:
        assert guard.check(turn["text"], turn["role"], vault).text == turn["hidden"]
    restorer = vault.restorer()
    assert [*map(restorer.push, session["pieces"]), restorer.finish()] == session["restored"]
    assert json.loads(vault.to_json()) == session["vault"]


@pytest.mark.parametrize("vector", vectors("offsets.json"))
def test_offsets_are_code_points(vector: Any) -> None:
    text = vector["text"]
    given = [([m.start, m.end], text[m.start : m.end]) for m in aispm.detect(text).matches]
    assert given == [(found["code_points"], found["slice"]) for found in vector["found"]]


PIECES = json.loads((FOLDER / "pieces.json").read_text("utf-8"))


class Random:
    """The generator of `tests/conformance.rs`."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, bound: int) -> int:
        self.state = (self.state * 1664525 + 1013904223) % 2**32
        return (self.state >> 8) % bound

    def one(self, kind: str) -> Any:
        return PIECES[kind][self.below(len(PIECES[kind]))]

    def disguised(self, value: str) -> str:
        text, wide, unseen = "", self.below(3) == 0, self.below(3) == 0
        for i, c in enumerate(value):
            if unseen and i > 0 and self.below(4) == 0:
                text += self.one("inside")
            text += chr(0xFF10 + int(c)) if wide and c.isdigit() else c
        return text

    def text(self) -> tuple[str, list[tuple[str, str]]]:
        text, planted = "", []
        for _ in range(2):
            text += "".join(self.one("around") for _ in range(self.below(5)))
            value = self.one("values")
            written = self.disguised(value["text"])
            text += self.one("between") + written + self.one("between")
            planted.append((value["type"], written))
        return text, planted


def test_slices_are_what_was_planted() -> None:
    random = Random(7)
    guard = aispm.Guard.default()
    for _ in range(400):
        text, planted = random.text()
        matches = aispm.detect(text, "document").matches
        found = [(m.type, text[m.start : m.end]) for m in matches]
        assert set(planted) <= set(found), (text, planted, found)
        stream = guard.stream("document")
        for at in range(0, len(text), 7):
            stream.push(text[at : at + 7])
        pieces = stream.finish().findings
        whole = guard.check(text, "document").findings
        assert [(m.type, m.start, m.end) for m in pieces] == [(m.type, m.start, m.end) for m in whole], text


@pytest.mark.parametrize(
    ("x", "text"), [(0.0, "0"), (-1.5, "-1.5"), (100, "100"), (1e-6, "0.000001"), (1e-7, "1e-7"), (1e21, "1e+21")]
)
def test_numbers_are_written_as_in_javascript(x: float, text: str) -> None:
    assert number(x) == text
