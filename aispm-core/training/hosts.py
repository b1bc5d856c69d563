"""Fits the model of lure names: `python hosts.py DECEPTIVE HARMLESS...`, files of one host name a line.

A linear model with L1 penalty over pieces of a name's registrable label (3 to 6 characters, `^` and `$` its ends), its last label and its
shape, trained on every other name; the rest gives the measures, printed for each file. Then trained on all and written
to `../data/text/sensitive/hosts.tsv`. Harmless files named with `*N` after them weigh N times. Deterministic.
Needs numpy, scipy and scikit-learn.
"""
import hashlib, re, sys
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

OUT = Path(__file__).resolve().parent.parent / "data" / "text" / "sensitive" / "hosts.tsv"
SECOND = {"co", "com", "org", "net", "ac", "gov", "edu", "ne", "or", "go"}
SHORT, LONG, SEEN, PENALTY = 3, 6, 4, 0.8
SHAPES = ["#hyphen", "#hyphens", "#digits", "#long", "#longer"]


def features(host):
    """As `names.rs` reads a name: keep the two equal."""
    labels = host.split(".")
    cut = 2 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in SECOND else 1
    name, last = labels[-cut - 1], labels[-1]
    text = f"^{name}$"
    found = {text[i : i + n] for n in range(SHORT, LONG + 1) for i in range(len(text) - n + 1)}
    shape = [name.count("-") >= 1, name.count("-") >= 2, len(re.findall("[0-9]", name)) >= 2, len(name) >= 14, len(name) >= 20]
    return found | {"." + last + "."} | {s for s, yes in zip(SHAPES, shape) if yes}


def main():
    sets = []
    for i, arg in enumerate(sys.argv[1:]):
        path, _, weight = arg.partition("*")
        names = sorted({line.strip() for line in open(path)} - {""}, key=lambda n: hashlib.sha256(n.encode()).digest())
        sets.append((Path(path).stem, i == 0, float(weight or 1), [features(n) for n in names]))
    fit([(kind, bad, w, rows[::2]) for kind, bad, w, rows in sets], [(kind, bad, w, rows[1::2]) for kind, bad, w, rows in sets])
    model = fit(sets, [])
    lines = sorted(((piece, weight) for piece, weight in model.items() if abs(weight) >= 0.05), key=lambda p: p[0])
    OUT.write_text("".join(f"{piece}\t{weight:.2f}\n" for piece, weight in lines))
    print(len(lines), "lines")


def fit(train, test):
    bad = Counter(f for _, is_bad, _, rows in train if is_bad for row in rows for f in row)
    ends = Counter(f for _, _, _, rows in train for row in rows for f in row if f[0] == "." and f[-1] == ".")
    vocabulary = sorted({f for f, n in bad.items() if n >= SEEN} | {f for f, n in ends.items() if n >= 8} | set(SHAPES))
    index = {f: i for i, f in enumerate(vocabulary)}

    def matrix(rows):
        at = [(i, index[f]) for i, row in enumerate(rows) for f in sorted(row) if f in index]
        r, c = zip(*at)
        return csr_matrix((np.ones(len(at), dtype=np.float32), (r, c)), shape=(len(rows), len(vocabulary)))

    rows = [row for *_, part in train for row in part]
    y = [is_bad for _, is_bad, _, part in train for _ in part]
    weights = [w for _, _, w, part in train for _ in part]
    model = LogisticRegression(C=PENALTY, l1_ratio=1, solver="liblinear", max_iter=300, tol=1e-3, random_state=0)
    model.fit(matrix(rows), y, sample_weight=weights)
    if test:
        odds = [(kind, is_bad, model.decision_function(matrix(part))) for kind, is_bad, _, part in test]
        for bar in (0.5, 1.0, 1.5, 2.0, 2.5):
            print(f"odds >= {bar}:", {kind: f"{np.mean(o >= bar):.4f}" for kind, _, o in odds})
    return {"bias": float(model.intercept_[0])} | dict(zip(vocabulary, map(float, model.coef_[0])))


main()
