"""Packs a list of throw-away mail domains: `python disposable.py LIST EXCEPT...`, one host name a line.

Keeps the names of LIST that are in no file of EXCEPT and not reserved (RFC 2606), and writes the upper 40 bits of each
name's hash (`links/list.rs`), sorted, to `../data/text/sensitive/disposable.bin`.
"""
import sys
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "data" / "text" / "sensitive" / "disposable.bin"
MASK = 2**64 - 1


def digest(name):
    """FNV-1a, then the finaliser of MurmurHash3."""
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 & MASK
    h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD & MASK
    h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return h ^ h >> 33


def names(path):
    return {line.strip().lower() for line in open(path)} - {""}


def main():
    kept = names(sys.argv[1]).difference(*map(names, sys.argv[2:]))
    kept = {n for n in kept if "." in n and not n.startswith("example.") and not n.endswith((".example", ".test", ".invalid"))}
    packed = sorted({digest(n) >> 24 for n in kept})
    OUT.write_bytes(b"".join(h.to_bytes(5, "big") for h in packed))
    print(len(packed), "names,", OUT.stat().st_size, "bytes")


main()
