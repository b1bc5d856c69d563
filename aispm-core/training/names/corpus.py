"""Tagged text for the tagger: our own templates filled with names of many countries, running prose tagged by a larger
model with its names replaced, and code and manuals, which hold next to none."""
import gzip, hashlib, itertools, json, random, re
from pathlib import Path

from lexicon import GIVEN, SURNAME, COUNTRY, TOWN, fold, parts

HERE = Path(__file__).resolve().parent
LATIN = re.compile(r"^[A-Za-z\u00c0-\u024f\u1e00-\u1eff' .-]+$")
SLOT = re.compile(r"\{([pflqoncsaAdutxjyL])\}")
HEADS = "Disease Disorder Syndrome Failure Infection Deficiency Test Panel Scan Screening Report Summary Agreement Policy Act Plan Review Notes Note Guide License Exception Error Warning Handler Statement Form Request Protocol Standard Theorem Algorithm Law Day Week Festival Award Prize War Treaty URL API".split()
SIGHTS = "Plaza Square Park Bridge Station Airport Valley Lake River Beach Bay Hills Island Mountains Peninsula County Province Harbour Forest Gardens Heights Village".split()
KIND = {"p": "PERSON", "q": "PERSON", "f": "PERSON", "l": "PERSON", "o": "ORGANIZATION", "c": "LOCATION", "n": "LOCATION", "s": "ADDRESS", "a": "ADDRESS", "A": "ADDRESS"}
TEACHER = {"PERSON": "PERSON", "ORG": "ORGANIZATION", "GPE": "LOCATION", "LOC": "LOCATION", "FAC": "LOCATION"}


class Names:
    """Draws names; `rng` alone decides."""

    def __init__(self, source, classes, frequent, rng):
        self.rng, self.classes = rng, classes
        latin = lambda names: sorted({n for n in names if LATIN.match(n) and len(n) > 1})
        self.locales, self.foreign = [], []
        for kinds in source["locales"].values():
            if len(kinds["given"]) < 40 or len(kinds["surname"]) < 20:
                continue
            given, surname = latin(kinds["given"]), latin(kinds["surname"])
            if len(given) > 30 and len(surname) > 15:
                self.locales.append((given, surname))
            else:
                self.foreign.append((sorted(set(kinds["given"])), sorted(set(kinds["surname"]))))
        self.us = (source["us_given"], source["us_surnames"])
        self.towns = source["towns"], latin(source["smaller"]), latin(t for k in source["locales"].values() for t in k["town"])
        self.places = source["countries"] + source["states"]
        self.plain = [w for w in frequent if classes.get(w, 0) & 3 == 2 and len(w) > 2]
        self.rare = sorted(w for w, c in classes.items() if c & 3 == 1 and w.isalpha() and len(w) > 3)
        self.streets = latin(t for k in source["locales"].values() for t in k["street"])
        self.firms = latin(f for k in source["locales"].values() for f in k["firm"]) + "Inc LLC Ltd Corp GmbH Co PLC Group Holdings Partners AG Systems Solutions Labs Technologies Bank Industries Foundation Institute Media Capital Services Analytics Research Software".split() * 4
        from faker import Faker
        from faker.providers.job.en_US import Provider

        self.jobs = list(Provider.jobs)
        self.addresses, self.lorem = [], []
        for locale in "de_DE fr_FR es_ES it_IT nl_NL pl_PL pt_PT sv_SE da_DK cs_CZ".split():
            faker = Faker(locale)
            faker.seed_instance(rng.randrange(1 << 30))
            self.lorem.append(faker)

    def pick(self, items):
        return items[self.rng.randrange(len(items))]

    def pair(self):
        roll = self.rng.random()
        if roll < 0.25:
            return self.us
        return self.pick(self.foreign) if roll < 0.28 else self.pick(self.locales)

    def f(self):
        return self.pick(self.pair()[0])

    def l(self):
        roll = self.rng.random()
        if roll < 0.04:
            return f"{self.l()}-{self.l()}"
        return self.pick(self.pair()[1])

    def p(self):
        pair = self.pair()
        given = self.pick(pair[0] if self.rng.random() < 0.7 else self.pair()[0])
        surname = self.pick(pair[1] if self.rng.random() < 0.75 else self.pair()[1])
        roll = self.rng.random()
        initial = given[0].upper()
        if roll < 0.10:
            return given
        if roll < 0.18:
            return surname
        if roll < 0.24:
            return f"{given} {self.pick(self.us[0])[0]}. {surname}"
        if roll < 0.28:
            return f"{given} {self.pick(pair[0])} {surname}"
        if roll < 0.31:
            return f"{given} {surname} {self.pick(pair[1])}"
        if roll < 0.33:
            return f"{given} {surname}-{self.pick(pair[1])}"
        if roll < 0.36:
            return f"{given} {self.pick(['de', 'van', 'von', 'de la', 'van der', 'di', 'da', 'al', 'bin', 'del'])} {surname}"
        if roll < 0.38:
            return f"{initial}. {surname}"
        if roll < 0.39:
            return f"{surname}, {given}"
        if roll < 0.41:
            return f"{given} {surname} {self.pick(['Jr', 'MD', 'PhD', 'III', 'Jr.'])}"
        return f"{given} {surname}"

    def c(self):
        roll = self.rng.random()
        return self.pick(self.towns[0] if roll < 0.55 else self.towns[1] if roll < 0.85 else self.towns[2])

    def n(self):
        roll = self.rng.random()
        if roll < 0.06:
            return f"{self.pick([self.word, self.l, self.c])()} {self.pick(SIGHTS)}"
        if roll < 0.08:
            return f"{self.pick(['Lake', 'Mount', 'North', 'South', 'East', 'West', 'Upper', 'New'])} {self.c()}"
        return self.pick(self.places)

    def word(self):
        """A word as founders invent them."""
        roll = self.rng.random()
        if roll < 0.35:
            return self.pick(self.plain).title()
        if roll < 0.45:
            return self.pick(self.rare).title()
        a, b = self.pick(self.plain), self.pick(self.plain)
        if roll < 0.6:
            return (a + b).title() if len(a + b) < 13 else a.title()
        if roll < 0.7:
            return a.title() + b.title()
        if roll < 0.85:
            return (a[: self.rng.randint(2, 5)] + b[-self.rng.randint(2, 4) :]).title()
        return (a[: self.rng.randint(3, 6)] + self.pick(["ify", "ly", "io", "ix", "era", "eo", "ana", "ia", "tec", "soft", "gen", "cor", "tron", "bit", "hub", "lab", "box", "well", "max"])).title()

    def o(self):
        roll = self.rng.random()
        if roll < 0.13:
            return f"{self.l()} {self.pick(self.firms)}"
        if roll < 0.17:
            return f"{self.l()}-{self.l()}"
        if roll < 0.19:
            return f"{self.l()}, {self.l()} and {self.l()}"
        if roll < 0.24:
            return f"{self.l()} & {self.l()}"
        if roll < 0.28:
            return f"{self.pick(['University', 'Bank', 'City Council', 'Museum', 'Ministry', 'College', 'Chamber'])} of {self.c()}"
        if roll < 0.33:
            return f"{self.c()} {self.pick(['University', 'Hospital', 'Bank', 'Airlines', 'Medical Center', 'College', 'Institute of Technology', 'School District', 'Times', 'Police Department', 'Museum', 'Chamber of Commerce', 'Railway'])}"
        if roll < 0.35:
            return f"{self.pick([self.c, self.l, self.word, lambda: 'St. ' + self.f() + chr(39) + 's'])()} {self.pick(['', 'General ', 'Regional ', 'Memorial ', 'Community ', 'Children' + chr(39) + 's '])}{self.pick(['Hospital', 'Medical Center', 'Health Center', 'Clinic', 'Cancer Institute', 'Pharmacy'])}"
        if roll < 0.52:
            return self.word()
        if roll < 0.72:
            return f"{self.word()} {self.pick(self.plain).title()}"
        if roll < 0.88:
            return f"{self.word()} {self.pick(self.firms)}"
        if roll < 0.96:
            return f"{self.word()} {self.pick(self.plain).title()} {self.pick(self.firms)}"
        return f"{self.pick(self.plain).title()} {self.pick(self.plain).title()} {self.pick(self.plain).title()}"

    def q(self):
        """A name in a script without case, or in any but Latin."""
        given, surname = self.pick(self.foreign)
        return self.pick([f"{self.pick(given)} {self.pick(surname)}", f"{self.pick(surname)} {self.pick(given)}", self.pick(given)])

    def t(self):
        """A heading, a term, a title: capitals without a name."""
        words = [self.pick(self.plain).title() for _ in range(self.pick([1, 2, 2, 2, 3, 3, 4]))]
        if len(words) > 2 and self.rng.random() < 0.4:
            words[1] = self.pick(["of", "and", "for", "the", "in"])
        if self.rng.random() < 0.2:
            words[-1] = self.x()
        elif self.rng.random() < 0.25:
            words[-1] = self.pick(HEADS)
        if self.rng.random() < 0.15:
            words[1:] = [w.lower() for w in words[1:]]
        return " ".join(words)

    def x(self):
        """A product, a substance, a term of art."""
        roll = self.rng.random()
        a = self.pick(self.rare)
        if roll < 0.3:
            a = (a[: self.rng.randint(3, 6)] + self.pick("in ine ol one ide ate ium pril statin mab azole cillin oxin ase itis osis emia oma QL DB JS ML OS SQL lang script form net ware pack kit".split()))
        elif roll < 0.45:
            return "".join(self.rng.choices("ABCDEFGHIJKLMNOPRSTUVWX", k=self.rng.randint(2, 5)))
        elif roll < 0.6:
            a = self.word()
            return a
        elif roll < 0.7:
            return a
        return a[0].upper() + a[1:]

    def j(self):
        return self.pick(self.jobs) if self.rng.random() < 0.6 else f"{self.pick(self.plain).title()} {self.pick(['Manager', 'Engineer', 'Analyst', 'Director', 'Specialist', 'Officer', 'Administrator', 'Assistant', 'Consultant', 'Clerk', 'Nurse', 'Designer', 'Representative'])}"

    def y(self):
        return str(self.rng.randint(1900, 2030))

    def L(self):
        """A sentence of common words of another language, in no order."""
        return self.pick(self.lorem).sentence(nb_words=8)

    def s(self):
        return self.pick(self.addresses)[0]

    def a(self):
        street, town, line = self.pick(self.addresses)
        number = self.rng.randint(1, 9999) if self.rng.random() < 0.3 else self.rng.randint(1, 199)
        roll = self.rng.random()
        tail = "" if roll < 0.35 else f", {self.c()}" if roll < 0.5 else f", {self.c()}, {self.n()}" if roll < 0.65 else f", {self.rng.randint(1000, 99999)} {self.c()}" if roll < 0.75 else f" {self.c()}, {self.pick(['CA', 'TX', 'NY', 'WA', 'OH', 'IL'])} {self.rng.randint(10000, 99999)}" if roll < 0.85 else f" {self.c()}"
        flat = "" if self.rng.random() < 0.75 else self.pick([" Apt. {}", " Suite {}", ", Flat {}", " apt {}", " Unit {}", " Floor {}", ", P.O. Box {}", " PO Box {}"]).format(self.rng.randint(1, 999))
        roll = self.rng.random()
        if roll < 0.3:
            return line.replace("\n", ", ")
        return (f"{number} {street}" if roll < 0.8 else f"{street} {number}") + flat + tail

    def A(self):
        street, town, line = self.pick(self.addresses)
        if self.rng.random() < 0.4 and "\n" in line:
            return line
        flat = "" if self.rng.random() < 0.6 else self.pick(["\nApt. {}", " Suite {}", "\n Unit {}", "\nP.O. Box {}"]).format(self.rng.randint(1, 999))
        last = self.pick([f"{self.c()}", f"{self.c()} {self.rng.randint(1000, 99999)}", f"{self.rng.randint(1000, 99999)} {self.c()}", f"{self.c()}\n{self.n()} {self.rng.randint(1000, 99999)}"])
        return f"{self.rng.randint(1, 999)} {street}{flat}\n{last}"

    def draw(self, slot):
        if slot == "d":
            return str(self.rng.randint(18, 95))
        if slot == "u":
            return fold(self.f()).split()[0].replace(" ", "")
        return getattr(self, slot)()


def addresses(rng, count=9000):
    """(street, town, whole address) of many countries; Faker's formats."""
    from faker import Faker

    made = []
    names = "en_US en_GB en_AU en_CA en_IN en_IE en_NZ de_DE de_AT de_CH fr_FR fr_CH fr_CA es_ES es_MX es_CO es_CL it_IT pt_PT pt_BR nl_NL nl_BE sv_SE no_NO da_DK fi_FI pl_PL cs_CZ sk_SK hr_HR hu_HU sl_SI ro_RO id_ID vi_VN en_PH".split()
    fakers = []
    for name in names:
        faker = Faker(name)
        faker.seed_instance(rng.randrange(1 << 30))
        fakers.append(faker)
    for i in range(count):
        faker = fakers[i % len(fakers)]
        try:
            made.append((faker.street_name(), faker.city(), faker.address()))
        except AttributeError:
            continue
    return [a for a in made if len(a[2]) < 120]


def casing(rng, text, spans, low=0.35):
    roll = rng.random()
    if roll < low:
        text = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    elif roll < low + 0.02:
        text = "".join(c.upper() if len(c.upper()) == 1 else c for c in text)
    elif roll < low + 0.08:
        # Names alone in the other case.
        other = str.upper if roll < low + 0.04 else str.lower
        for s, e, _ in spans:
            if rng.random() < 0.5:
                text = text[:s] + "".join(other(c) if len(other(c)) == 1 else c for c in text[s:e]) + text[e:]
    return text


def hidden(rng, text, spans, share=0.4):
    """Words of names that the lexicon shall not know in this row."""
    return [w for s, e, _ in spans for w in map(fold, parts(text[s:e])) if rng.random() < share]


def row(rng, text, spans, low=0.35, share=0.4):
    text = casing(rng, text, spans, low)
    return {"text": text, "spans": spans, "hide": hidden(rng, text, spans, share)}


def fill(names, template):
    """One template filled: text and spans."""
    out, spans, at, size = [], [], 0, 0
    for slot in SLOT.finditer(template):
        out.append(template[at : slot.start()])
        value = names.draw(slot[1])
        size += len(out[-1])
        if slot[1] in KIND:
            if slot[1] == "A":
                # The lines of an address are found one by one.
                offset = size
                for line in value.split("\n"):
                    spans.append([offset, offset + len(line), "ADDRESS"])
                    offset += len(line) + 1
            else:
                spans.append([size, size + len(value), KIND[slot[1]]])
        out.append(value)
        size += len(value)
        at = slot.end()
    return "".join(out) + template[at:], spans


def templated(names, count):
    lines = [l.rstrip("\n").replace("\\n", "\n") for l in (HERE / "templates.txt").open() if l.strip() and not l.startswith("#")]
    rng = names.rng
    for _ in range(count):
        text, spans = fill(names, names.pick(lines))
        if spans and spans[0][0] == 0 and rng.random() < 0.15:
            # Another capital before the name.
            lead = names.pick(names.plain).title() + names.pick([" ", " ", ", ", ". ", ": "])
            text, spans = lead + text, [[s + len(lead), e + len(lead), k] for s, e, k in spans]
        if rng.random() < 0.25:
            more, others = fill(names, names.pick(lines))
            joint = names.pick([" ", "\n", ". "])
            spans += [[s + len(text) + len(joint), e + len(text) + len(joint), k] for s, e, k in others]
            text += joint + more
        yield row(rng, text, spans)


def taught(names, path, copies):
    """Prose that a larger model has tagged; names known to be names, some replaced by others."""
    rng, classes = names.rng, names.classes
    known = lambda text, bits: any(classes.get(w, 0) & bits for w in map(fold, parts(text)))
    for line in path.open():
        doc = json.loads(line)
        text, spans = doc["text"], []
        sound = len(re.findall(r"[{}<>\[\]|=`_*#]", text)) < 3
        for s, e, label in doc["spans"]:
            part = text[s:e]
            kind = TEACHER.get(label)
            if kind is None:
                continue
            if kind == "ORGANIZATION" and (part.isupper() or " " not in part and not part.istitle()) and len(part) < 7:
                continue
            if part == part.lower() or "\n" in part or "{" in part or "`" in part:
                sound = False
            words = list(map(fold, parts(part)))
            if kind == "ORGANIZATION":
                # One usual word, or many, is seldom a name.
                sound &= len(words) < 5 and not (len(words) == 1 and classes.get(words[0], 0) & 3)
            else:
                sound &= known(part, GIVEN | SURNAME if kind == "PERSON" else TOWN | COUNTRY)
            # The article is no part of the name.
            lead = re.match(r"(the|The|a|an) ", part)
            s += lead.end() if lead else 0
            if part.endswith(("'s", "’s")):
                e -= 2
            spans.append([s, e, kind])
        if not sound:
            continue
        for copy in range(copies if spans else 1):
            out, moved, at, size = [], [], 0, 0
            for s, e, kind in spans:
                value = text[s:e]
                swap = {"PERSON": 0.8, "LOCATION": 0.6, "ORGANIZATION": 0.5}[kind]
                if rng.random() < swap:
                    if kind == "PERSON":
                        value = names.p() if " " in value else (names.f() if rng.random() < 0.5 else names.l())
                    elif kind == "LOCATION":
                        value = names.c() if rng.random() < 0.6 else names.n()
                    else:
                        value = names.o()
                out.append(text[at:s])
                size += len(out[-1])
                moved.append([size, size + len(value), kind])
                out.append(value)
                size += len(value)
                at = e
            yield row(rng, "".join(out) + text[at:], moved, 0.25)


PRONOUN = re.compile(r"\b(?:(?P<p>he|she|him|He|She|[Mm]y (?:friend|boss|brother|sister|wife|husband|colleague|doctor)|[Tt]he (?:user|customer|client|author|man|woman|speaker|teacher|patient)|somebody|someone|Someone)|(?P<b>[Hh]is|[Hh]er)(?= [a-z]{4})|(?P<o>[Tt]he (?:company|bank|firm|organization|agency|team|business|university|government))|(?P<c>[Tt]he (?:city|country|town|state|area|world|village)))\b")


def stood_for(names, path):
    """Prose in which names take the place of pronouns and of the nouns that stand for them."""
    for line in path.open():
        doc = json.loads(line)
        text = doc["text"]
        if doc["spans"] or len(text) > 700 or len(re.findall(r"[{}<>\[\]|=`_*#]", text)) > 2:
            continue
        out, spans, at, size = [], [], 0, 0
        for slot in PRONOUN.finditer(text):
            if names.rng.random() < 0.4:
                continue
            kind = slot.lastgroup
            value = names.draw({"b": "p"}.get(kind, names.pick("cn") if kind == "c" else names.pick("ppfl") if kind == "p" else kind))
            out.append(text[at : slot.start()])
            size += len(out[-1])
            spans.append([size, size + len(value), {"o": "ORGANIZATION", "c": "LOCATION"}.get(kind, "PERSON")])
            value += "'s" if kind == "b" else ""
            out.append(value)
            size += len(value)
            at = slot.end()
        if spans:
            yield row(names.rng, "".join(out) + text[at:], spans)


def empty(rng, classes, files, size):
    """Chunks of code and manuals without names: lines that may hold one are dropped. `size` characters."""
    named = re.compile(r"@|©|[Cc]opyright|[Aa]uthor|[Mm]aintain|[Tt]hanks|[Cc]ontribut|[Cc]redit|[Ww]ritten|Mr|Dr\.|\b[Bb]y [A-Z]|Inc\b|Ltd|Corp|GmbH|University")
    is_name = lambda w: w[:1].isupper() and classes.get(fold(w), 0) & (GIVEN | SURNAME | TOWN | COUNTRY) and not classes.get(fold(w), 0) & 3
    total = 0
    for path in files:
        try:
            text = read(path)
        except (UnicodeDecodeError, OSError, EOFError):
            continue
        kept, taken = [], 0
        for line in text.split("\n"):
            if named.search(line) or sum(bool(is_name(w)) for w in re.findall(r"\w+", line)) or len(line) > 400:
                continue
            kept.append(line)
            taken += len(line) + 1
            if taken > 20000:
                break
        total += taken
        body = "\n".join(kept)
        yield {"text": body.lower() if rng.random() < 0.05 else body, "spans": [], "hide": []}
        if total > size:
            return


def read(path):
    """A file's text; of a manual page what a reader sees, about."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    if not re.search(r"/man\d/", str(path)):
        return text
    text = re.sub(r"^\.(?:SH|SS|B|I|BR|IR|RB|BI|RI|IB) +\"?(.*?)\"?$", r"\1", text, flags=re.M)
    return re.sub(r"\\f[A-Z]|\\&", "", re.sub(r"^['.].*\n", "", text, flags=re.M)).replace("\\-", "-")


def manuals():
    """Half of the files of code and manuals, kind by kind, in an order that does not depend on the machine; the rest is
    for measuring."""
    registry = Path.home() / ".cargo/registry/src"
    kinds = [
        Path("/usr/lib/python3.11").rglob("*.py"),
        Path("/usr/include").rglob("*.h"),
        (p for p in Path("/usr/share/doc").rglob("*") if p.suffix in ("", ".txt", ".md", ".rst", ".gz") and "hangelog" not in p.name),
        Path("/usr/share/man").glob("man[1-8]/*.gz"),
        registry.glob("*/*/**/*.md"),
        registry.glob("*/*/**/*.rs"),
    ]
    digest = lambda p: hashlib.sha256("/".join(p.parts[-3:]).encode()).digest()
    kinds = [sorted((p for p in kind if p.is_file() and digest(p)[31] < 128), key=digest) for kind in kinds]
    return [p for row in itertools.zip_longest(*kinds) for p in row if p]
