"""Fits the character pairs that tell words from random strings: `data/text/sensitive/word_pairs.bin`.

    python3 training/word_likeness.py FILE_OR_FOLDER…

Reads general text and code (Python's standard library and the system's documentation served). The output is one byte for
each pair of character classes (59 × 59, row = the character before): minus log2 of the conditional probability, in
sixteenths of a bit. Add-one smoothing of 0.5. Deterministic.
"""
import math
import sys
from pathlib import Path

CLASSES = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0_-./ "  # and one class for all others
SIZE = len(CLASSES) + 1
SUFFIXES = {".py", ".rs", ".md", ".txt", ".rst", ".html", ".json", ".toml", ".yml", ""}
LONGEST = 400_000  # bytes of one file


def index(char):
    if char.isdigit():
        char = "0"
    elif char in "\n\t\r\"'`":
        char = " "
    place = CLASSES.find(char)
    return SIZE - 1 if place < 0 else place


def files(roots):
    for root in map(Path, roots):
        found = sorted(p for p in root.rglob("*") if p.is_file()) if root.is_dir() else [root]
        yield from (p for p in found if p.suffix in SUFFIXES and p.stat().st_size < LONGEST)


def main():
    counts = [[0.5] * SIZE for _ in range(SIZE)]
    known = {chr(i): index(chr(i)) for i in range(256)}
    for path in files(sys.argv[1:]):
        before = index(" ")
        for char in path.read_text("utf-8", "replace"):
            now = known.get(char, SIZE - 1)
            counts[before][now] += 1
            before = now
    out = bytearray()
    for row in counts:
        total = sum(row)
        out += bytes(min(255, round(-16 * math.log2(n / total))) for n in row)
    Path(__file__).parent.parent.joinpath("data/text/sensitive/word_pairs.bin").write_bytes(out)


main()
