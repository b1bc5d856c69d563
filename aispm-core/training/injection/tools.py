"""Harmless tool descriptions to measure thresholds on: what functions of the locked dependencies say of themselves, and
the descriptions of public tool servers where `DATA/../mcp/tools.jsonl` has some. None of their text is kept.
"""
import json, re
from pathlib import Path

from generate import packages

COMMENT = re.compile(r"((?:^[ \t]*///[^\n]*\n)+)(?:[ \t]*#\[[^\n]*\n)*[ \t]*pub (?:const |async |unsafe )*fn ", re.M)
MARK = re.compile(r"^[ \t]*/// ?", re.M)
OF_A_PACKAGE, SHORTEST, LONGEST = 30, 30, 2000


def described(folder):
    """The comments on public functions below a folder, without their examples."""
    for path in sorted(folder.glob("src/**/*.rs")):
        for comment in COMMENT.findall(path.read_text(encoding="utf-8", errors="ignore")):
            text = re.sub(r"```.*?(```|\Z)", "", MARK.sub("", comment), flags=re.S).strip()
            if SHORTEST <= len(text) <= LONGEST:
                yield text


def rows(folder):
    """`{"text", "weight"}`: both kinds count alike, few as the public ones are."""
    functions, public = set(), set()
    for package in packages():
        functions.update(sorted(set(described(package)), key=len)[-OF_A_PACKAGE:])
    path = folder.parent / "mcp" / "tools.jsonl"
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            public.update(row["description"] for row in map(json.loads, lines) if row["label"] == "benign")
    return [{"text": text, "weight": 1 / len(kind)} for kind in (functions, public) for text in sorted(kind)]
