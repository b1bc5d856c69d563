"""Our own rows. Written by hand: `rows/*.tsv` (label, use, text), and instructions or harmless neighbours of them put
into documents (`pieces/`). Made from `grammar.txt`: attacks, harmless texts with the same words, and documents with and
without a planted instruction; these are READMEs and change logs of the locked dependencies, of which nothing is kept here.
"""
import json, random, re, subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
TALK, CLEAN, PLANTED, BARE = 14000, 4500, 4200, 600  # rows of each label, or of each kind
PUT = 3  # documents that each written piece is put into
PIECE = re.compile(r"\{([\w.]+)\}|\[([^\[\]]*/[^\[\]]*)\](?!\()")
OPEN_LICENCE = re.compile(r"\b(MIT|Apache-2\.0|BSD|ISC|Zlib|Unlicense|CC0)")
# projects whose documentation is a set of its own, to be measured on
MEASURED = re.compile(r"ripgrep|ignore|globset|grep|regex|bstr|memchr|aho|polars|arrow|parquet|object_store")
TRIGGER = re.compile(
    r"ignor|overrid|overwrit|system|prompt|instruct|previous|bypass|secret|disabl|must|do not|forget|instead|user|agent"
    r"|password|token", re.I)


class Grammar:
    def __init__(self, seed):
        rows = (row for row in (HERE / "grammar.txt").read_text(encoding="utf-8").splitlines() if row and row[0] != "#")
        parts = (row.replace("\\n", "\n").partition(" = ") for row in rows)
        self.names = {name: body.split(" | ") for name, _, body in parts}
        self.languages = sorted({name.split(".")[0] for name in self.names if "." in name})
        self.random = random.Random(seed)

    def make(self, name):
        text = self.random.choice(self.names[name])
        while found := PIECE.search(text):
            if found[1]:
                part = self.make(found[1]) if found[1] in self.names else found[1]
            else:
                part = self.random.choice(found[2].split("/"))
            text = text[: found.start()] + part + text[found.end() :]
        return text

    def chance(self, table):
        """One of `{name: share}`."""
        return self.random.choices(list(table), table.values())[0]

    def spoken(self, text):
        how = self.random.random()
        return text[:1].upper() + text[1:] if how < 0.5 else text.upper() if how < 0.56 else text

    def document(self):
        kinds = ["s_mail", "s_doc", "s_doc", "s_tool", "s_sec", "s_review", "record", "src", "mixed", "foreign"]
        kind = self.random.choice(kinds)
        language = self.random.choice(self.languages)
        mixed = ["s_mail", "s_doc", "s_tool", "s_review", "record"]
        of = {"foreign": lambda: language + ".b", "mixed": lambda: self.random.choice(mixed)}.get(kind, lambda: kind)
        parts = [self.make(of()) for _ in range(self.random.randint(2, 14))]
        if self.random.random() < 0.12:
            parts.insert(self.random.randrange(len(parts) + 1), self.make("s_sec"))
        return parts

    def asked(self):
        """What people ask, in a ticket, a form or a quiz; answered or not."""
        kinds, parts = ["plainask", "secask", "pwask", "near"], []
        for _ in range(self.random.choice([1, 1, 2, 3, 5, 8])):
            parts.append(self.make(self.random.choice(kinds)))
            if self.random.random() < 0.4:
                parts.append(self.make(self.random.choice(["s_doc", "s_mail"])))
        return parts

    def joined(self, parts):
        return self.random.choice([" ", " ", "\n", "\n\n", "\n- "]).join(parts)

    def foreign_attack(self, kinds, number):
        language = self.random.choice(self.languages)
        return ". ".join(self.make(f"{language}.{self.random.choice(kinds)}") for _ in range(number))

    def planted(self, foreign):
        if self.random.random() >= foreign:
            return self.make("plant")
        return self.foreign_attack("op", self.random.choice([1, 2]))

    def attack(self):
        kinds = {"directbody": 14, "directbody2": 10, "jailbreak": 13, "probe3": 8, "free3": 10, "switch": 6, "game": 7}
        kind = self.chance(kinds | {"incode2": 4, "foreign": 22, "document": 30})
        if kind == "document":
            parts = self.document()
            place = self.random.choice([0, len(parts), self.random.randrange(len(parts) + 1)])
            return self.joined(parts[:place] + [self.planted(0.25)] + parts[place:]), "document"
        text = self.foreign_attack("oxj", self.random.choice([1, 1, 2, 3])) if kind == "foreign" else self.make(kind)
        if self.random.random() < 0.12:
            text = self.random.choice(["{} {}", "{}\n\n{}"]).format(self.make("plainask"), text)
        return self.spoken(text), "prompt"

    def harmless(self):
        kinds = {"trigask": 16, "plainbot": 6, "roleplay": 7, "secask": 5, "plainask": 8, "near": 12, "pwask": 6, "meta": 4}
        kind = self.chance(kinds | {"chat": 7, "nlp": 6, "codeask": 5, "foreign": 20, "document": 32})
        if kind == "document":
            return self.joined(self.asked() if self.random.random() < 0.15 else self.document()), "document"
        if kind == "foreign":
            language = self.random.choice(self.languages)
            text = " ".join(self.make(language + ".b") for _ in range(self.random.choice([1, 1, 2])))
        else:
            text = self.make(kind)
        if self.random.random() < 0.2:
            text = " ".join(self.random.choice([(text, self.make("plainask")), (self.make("trigask"), text)]))
        return self.spoken(text), "prompt"

    def plant(self, document):
        kind = self.chance({"docpayload": 30, "plant": 28, "foreign": 15, "incode2": 15, "offtopic": 12})
        payload = self.foreign_attack("op", 2) if kind == "foreign" else self.make(kind)
        if self.random.random() < 0.7:
            payload = payload[:1].upper() + payload[1:]
        return put(self.random, payload, document)


def put(chance, piece, document):
    """A document with a piece before, behind or between its sentences."""
    parts = re.split(r"(\n\n|(?<=[.!?])\s|\n)", document)
    place = chance.choice([0, len(parts), 2 * chance.randrange(len(parts) // 2 + 1)])
    around = [chance.choice(["\n", " ", "\n\n"]) for _ in range(2)]
    return ("".join(parts[:place]) + around[0] + piece + around[1] + "".join(parts[place:])).strip()


def lines(path):
    """The different lines of a file, line feeds in them resolved."""
    return [line.replace("\\n", "\n") for line in dict.fromkeys(path.read_text(encoding="utf-8").splitlines())]


def written(seed):
    """Label, use, name of the file, and text of what we wrote."""
    for path in sorted((HERE / "rows").glob("*.tsv")):
        for label, use, text in (line.split("\t") for line in lines(path)):
            yield int(label), use, path.stem, text
    chance = random.Random(seed)
    carriers, payloads, bystanders = (lines(HERE / "pieces" / f"{name}.txt") for name in ("carriers", "payloads", "bystanders"))
    for carrier in carriers:
        yield 0, "document", "planted", carrier
    for label, pieces in ((1, payloads), (0, bystanders)):
        for piece in pieces:
            yield label, "document", "pieces", piece
            for _ in range(PUT):
                document = "\n\n".join(chance.sample(carriers, chance.choice([1, 1, 2])))
                yield label, "document", "planted", put(chance, piece, document)


def packages():
    """The folders of the locked dependencies with an open licence that are not measured on."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--all-features"]
    packages = json.loads(subprocess.run(command, cwd=HERE, check=True, capture_output=True).stdout)["packages"]
    for package in sorted(packages, key=lambda package: package["id"]):
        if package["source"] and OPEN_LICENCE.search(package["license"] or "") and not MEASURED.match(package["name"]):
            yield Path(package["manifest_path"]).parent


def paragraphs(seed):
    """Some paragraphs at a time of each locked dependency's documents; those with telling words first."""
    chance, found = random.Random(seed), set()
    for folder in packages():
        pieces = set()
        for path in sorted([*folder.glob("*.md"), *folder.glob("docs/**/*.md")]):
            if "icense" in path.name.lower():
                continue
            text = path.read_text(encoding="utf-8", errors="ignore")[:60_000]
            parts = [part.strip() for part in re.split(r"\n\s*\n", text) if 40 < len(part.strip()) < 1500]
            while parts:
                number = chance.choice([1, 1, 2, 3, 5])
                pieces.add("\n\n".join(parts[:number]))
                parts = parts[number:]
        ordered = sorted(pieces, key=lambda piece: (-len(set(TRIGGER.findall(piece.lower()))), piece))
        found.update(ordered[:18], chance.sample(ordered[18:], min(18, len(ordered[18:]))))
    found = sorted(found)
    chance.shuffle(found)
    return found


def rows(seed):
    grammar, seen = Grammar(seed), set()

    def row(text, label, role, source):
        return {"text": text, "label": label, "role": role, "source": source}

    for label, make in ((1, grammar.attack), (0, grammar.harmless)):
        for _ in range(TALK):
            text, role = make()
            if text not in seen:
                seen.add(text)
                yield row(text, label, role, "own:talk")
    pieces = paragraphs(seed)
    clean, carriers = pieces[: len(pieces) * 3 // 4][:CLEAN], pieces[len(pieces) * 3 // 4 :]
    for text in clean:
        yield row(text, 0, "document", "own:documents")
    for _ in range(PLANTED):
        carrier = grammar.random.choice(carriers) if grammar.random.random() < 0.6 else grammar.joined(grammar.document())
        yield row(grammar.plant(carrier), 1, "document", "own:documents")
    for _ in range(BARE):
        yield row(grammar.make("docpayload"), 1, "document", "own:documents")
    for label, use, name, text in written(seed):
        yield row(text, label, use, f"written:{name}")
