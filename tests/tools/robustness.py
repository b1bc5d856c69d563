#!/usr/bin/env python3
"""How disguises change what is reported: `robustness.py DATA [--aispm PROGRAM]`, DATA holding `*.jsonl.gz`.

Rows are `{"text", "label", "shape"}`. Each disguise is put on the same attacks and harmless texts; the table gives the
share of them that is reported as prompt injection, beside that of the texts as they are. Seeded. Then the same of texts
of our own that no training reads: in 20 languages (`translations.tsv`), and of several kinds (`unseen.tsv`).
"""
import argparse, base64, codecs, csv, gzip, json, random, subprocess
from pathlib import Path

ROLE = {"user_prompt": "prompt"}  # others are documents
LOOKALIKES = str.maketrans("aeopcxyiABEHKMOPTX", "аеорсхуіАВЕНКМОРТХ")
LEET = str.maketrans("aeiostl", "4310571")
FULLWIDTH = {c: c + 0xFEE0 for c in range(0x21, 0x7F)} | {0x20: 0x3000}


def typos(text, chance):
    """Inner letters of some longer words swapped."""

    def word(w):
        if len(w) < 5 or not w.isalpha() or chance.random() > 0.4:
            return w
        at = chance.randrange(1, len(w) - 2)
        return w[:at] + w[at + 1] + w[at] + w[at + 2 :]

    return " ".join(map(word, text.split(" ")))


def spaced(text, _):
    return "  ".join(" ".join(word) for word in text.split(" "))


DISGUISES = {
    "plain": lambda text, _: text,
    "leet": lambda text, _: text.translate(LEET),
    "base64": lambda text, _: base64.b64encode(text.encode()).decode(),
    "hex": lambda text, _: text.encode().hex(),
    "rot13": lambda text, _: codecs.encode(text, "rot13"),
    "zero-width": lambda text, _: "\u200b".join(text),
    "tag characters": lambda text, _: "Hello" + "".join(chr(0xE0000 + ord(c)) for c in text if 0x20 <= ord(c) < 0x7F),
    "homoglyphs": lambda text, _: text.translate(LOOKALIKES),
    "fullwidth": lambda text, _: text.translate(FULLWIDTH),
    "typos": typos,
    "spaced letters": spaced,
}


def sample(folder, most):
    """Some rows of each file and label, mostly of Latin letters, for which all disguises are made."""
    chance = random.Random(1)
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows = [row for row in map(json.loads, lines) if sum(c.isascii() for c in row["text"]) > 0.9 * len(row["text"])]
        for label in (0, 1):
            mine = [row for row in rows if row["label"] == label]
            yield from chance.sample(mine, min(most, len(mine)))


def reported(program, rows, disguise):
    """Whether prompt injection is reported, row by row."""
    chance, hits = random.Random(2), [False] * len(rows)
    for role in ("prompt", "document"):
        mine = [i for i, row in enumerate(rows) if ROLE.get(row["shape"], "document") == role]
        lines = "".join(json.dumps({"id": i, "text": disguise(rows[i]["text"], chance)}) + "\n" for i in mine)
        command = [program, "detect", "--as", role, "--jsonl", "-"]
        out = subprocess.run(command, input=lines, capture_output=True, encoding="utf-8").stdout
        for found in map(json.loads, out.strip("\n").split("\n")):
            hits[found["id"]] = any(m["detector"] == "prompt_injection" for m in found["findings"])
    return hits


def own(name, key):
    """Texts of our own, each with the value of a column: language or kind. The first ones are English."""
    with open(Path(__file__).with_name(name), encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            shape = "user_prompt" if row["use"] == "prompt" else "document"
            text = row["text"].replace("\\n", "\n")
            yield row[key], {"text": text, "label": int(row["label"]), "shape": shape}


def tell(name, rows, hits):
    """Prints the share of attacks and of harmless texts that are reported, in per cent."""
    of = [[hit for row, hit in zip(rows, hits) if row["label"] == label] for label in (1, 0)]
    print(f"{name:16}" + "".join(f"{100 * sum(hits) / len(hits):6.1f}" if hits else "     -" for hits in of))


def tell_own(program, found, groups):
    """The same of some groups of texts of our own, each a name and the keys of its texts."""
    hits = reported(program, [row for _, row in found], DISGUISES["plain"])
    for name, keys in groups:
        mine = [(row, hit) for (key, row), hit in zip(found, hits) if key in keys]
        tell(name, *map(list, zip(*mine)))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--aispm", default="aispm")
    arguments.add_argument("--most", type=int, default=60, help="rows of a file and label")
    given = arguments.parse_args()
    rows = list(sample(given.data, given.most))
    count = [sum(row["label"] == label for row in rows) for label in (0, 1)]
    print(f"{count[1]} attacks, {count[0]} harmless texts; reported of each, %")
    for name, disguise in DISGUISES.items():
        tell(name, rows, reported(given.aispm, rows, disguise))
    found = list(own("translations.tsv", "language"))
    english, *others = dict.fromkeys(language for language, _ in found)
    tell_own(given.aispm, found, [("English", [english]), ("translated", others), *((name, [name]) for name in others)])
    found = list(own("unseen.tsv", "kind"))
    tell_own(given.aispm, found, [(name, [name]) for name in dict.fromkeys(kind for kind, _ in found)])


if __name__ == "__main__":
    main()
