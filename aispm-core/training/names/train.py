"""Fits the tagger of names. From the root of the repository, in an environment with `requirements.txt`:

    python aispm-core/training/names/train.py ../shared/data/injection ../shared/data/injection/training

The arguments are folders of, or files `*.jsonl.gz` with, rows `{"text"}` of running English text. A larger model tags it
first (`teach.py`, a few minutes; kept in `--taught` for the next time); code and manuals are those of this machine. The
fit takes about three minutes on one core.

Writes `lexicon.bin` and `names_model.bin` in `../../data/text/sensitive/`, and `golden.tsv`, the tags of a few texts as
computed here, for a test in Rust. Features come from the library itself (`features.rs`), so that training and running
cannot differ. Seeded and deterministic. Needs Debian's `wamerican`, `-small` and `-large`; the notices of all lists are
in `lexicon_notice.txt` beside the data.
"""
import argparse, json, random, re, struct, subprocess, sys, threading
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

import corpus, lexicon, teach

HERE = Path(__file__).resolve().parent
OUT = HERE.parents[1] / "data" / "text" / "sensitive"
BUCKETS, FEATURES, TAGS = 1 << 16, 32, 9
KINDS = {"PERSON": 1, "ORGANIZATION": 3, "LOCATION": 5, "ADDRESS": 7}
L2 = 1.0


def frequent(prose):
    words = Counter()
    for text in teach.rows(prose):
        words.update(re.findall(r"\b[a-z]+\b", text))
    return [w for w, _ in sorted(words.items(), key=lambda x: (-x[1], x[0]))[:6000]]


def features(rows, command):
    """Of all rows' candidates: owner, start, end (characters), whether a stretch begins, buckets."""
    lines = "".join(json.dumps({"text": r["text"], "hide": r["hide"]}) + "\n" for r in rows)
    with subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        threading.Thread(target=lambda: (run.stdin.write(lines.encode()), run.stdin.close())).start()
        data = np.frombuffer(run.stdout.read(), dtype="<u4")
    at, owner, picked = 0, [], []
    for i in range(len(rows)):
        n = int(data[at])
        owner.append(np.full(n, i))
        picked.append((at + 1, n))
        at += 1 + n * (3 + FEATURES)
    table = np.concatenate([data[s : s + n * (3 + FEATURES)].reshape(n, 3 + FEATURES) for s, n in picked])
    return np.concatenate(owner), table


def gold(rows, owner, table):
    """The tag of every candidate."""
    tags = np.zeros(len(owner), dtype=np.int64)
    at, n = 0, len(owner)
    for i, row in enumerate(rows):
        end = at
        while end < n and owner[end] == i:
            end += 1
        if row["spans"]:
            raw = row["text"]
            place = (lambda c: c) if raw.isascii() else (lambda c: len(raw[:c].encode()))
            spans = sorted((place(s), place(e), KINDS[k]) for s, e, k in row["spans"])
            taken = set()
            for j in range(at, end):
                for number, (s, e, tag) in enumerate(spans):
                    if s <= table[j, 0] < e:
                        tags[j] = tag if number not in taken else tag + 1
                        taken.add(number)
                        break
        at = end
    return tags


class Field:
    """A linear chain over the candidates of each stretch, outside before and after it."""

    def __init__(self, table, tags):
        n = len(tags)
        buckets = table[:, 3:].astype(np.int32)
        # A bucket may be hit twice by a token; the sum is the same.
        self.x = csr_matrix((np.ones(n * FEATURES, np.float32), buckets.ravel(), np.arange(0, n * FEATURES + 1, FEATURES)), shape=(n, BUCKETS))
        self.xt = self.x.T.tocsr()
        self.tags = tags
        starts = np.flatnonzero(table[:, 2])
        lengths = np.diff(np.append(starts, n))
        self.groups = [starts[lengths == l][:, None] + np.arange(l) for l in np.unique(lengths)]

    def loss(self, flat):
        w = flat[: BUCKETS * TAGS].reshape(BUCKETS, TAGS)
        steps = flat[BUCKETS * TAGS :].reshape(TAGS, TAGS)
        own = self.x @ w.astype(np.float32)
        slope = np.zeros_like(own)
        dsteps = np.zeros((TAGS, TAGS))
        total = 0.0
        top = np.exp(steps)
        for group in self.groups:
            m, length = group.shape
            e = own[group].astype(np.float64)
            peak = e.max(axis=2, keepdims=True)
            e = np.exp(e - peak)
            alpha, scale = np.empty((m, length, TAGS)), np.empty((m, length))
            for t in range(length):
                a = (top[0] if t == 0 else alpha[:, t - 1] @ top) * e[:, t]
                scale[:, t] = a.sum(axis=1)
                alpha[:, t] = a / scale[:, t, None]
            last = (alpha[:, -1] * top[:, 0]).sum(axis=1)
            total += np.log(scale).sum() + peak.sum() + np.log(last).sum()
            beta = top[:, 0] / last[:, None]
            for t in range(length - 1, -1, -1):
                slope[group[:, t]] = alpha[:, t] * beta
                inner = beta * e[:, t] / scale[:, t, None]
                before = alpha[:, t - 1] if t else np.eye(TAGS)[[0] * m]
                dsteps += (before.T @ inner) * top
                beta = inner @ top.T
            ends = alpha[:, -1] * top[:, 0] / last[:, None]
            dsteps[:, 0] += ends.sum(axis=0)
            gold = self.tags[group]
            path = np.concatenate([np.zeros((m, 1), np.int64), gold, np.zeros((m, 1), np.int64)], axis=1)
            total -= own[group.ravel(), gold.ravel()].astype(np.float64).sum() + steps[path[:, :-1], path[:, 1:]].sum()
            np.add.at(dsteps, (path[:, :-1].ravel(), path[:, 1:].ravel()), -1)
        slope[np.arange(len(self.tags)), self.tags] -= 1
        dw = self.xt @ slope
        grad = np.concatenate([dw.ravel().astype(np.float64), dsteps.ravel()]) + L2 * flat
        return total + 0.5 * L2 * (flat @ flat), grad

    def fit(self, rounds):
        forbidden = np.zeros((TAGS, TAGS))
        for before in range(TAGS):
            for tag in range(2, TAGS, 2):
                if before not in (tag, tag - 1):
                    forbidden[before, tag] = 1
        def value(flat):
            loss, grad = self.loss(np.where(mask, -12, flat))
            grad[mask] = 0
            return loss, grad
        mask = np.concatenate([np.zeros(BUCKETS * TAGS, bool), forbidden.ravel() > 0])
        seen = []
        def tell(state):
            seen.append(1)
            if len(seen) % 10 == 0:
                print("round", len(seen), file=sys.stderr, flush=True)
        best = minimize(value, np.zeros(len(mask)), jac=True, method="L-BFGS-B", callback=tell, options={"maxiter": rounds, "maxcor": 7})
        print("loss", best.fun / len(self.tags), file=sys.stderr)
        flat = np.where(mask, -12, best.x)
        return flat[: BUCKETS * TAGS].reshape(BUCKETS, TAGS), flat[BUCKETS * TAGS :].reshape(TAGS, TAGS)


def write(weights, steps):
    """One byte a weight: the largest are cut, as few are that large."""
    unit = max(np.quantile(np.abs(weights[weights != 0]), 0.9999), np.abs(weights).max() / 2) / 127
    unit = round(unit * 65536) / 65536
    rows = np.clip(np.round(weights / unit), -127, 127).astype(np.int8)
    head = struct.pack("<I", round(unit * 65536)) + np.round(steps / unit).astype("<i2").tobytes()
    (OUT / "names_model.bin").write_bytes(head + rows.tobytes())
    print("unit", unit, file=sys.stderr)
    return rows.astype(int), np.round(steps / unit).astype(int)


def golden(command, weights, steps):
    """Tags of invented texts by the weights as written (Viterbi, ties to the higher tag)."""
    texts = (HERE / "golden.txt").read_text().splitlines()
    owner, table = features([{"text": t.replace("\\n", "\n"), "hide": []} for t in texts], command)
    lines = []
    for i, text in enumerate(texts):
        mine = table[owner == i]
        starts = [*np.flatnonzero(mine[:, 2]), len(mine)]
        tags = ""
        for a, b in zip(starts, starts[1:]):
            best, back = [0] + [-(1 << 30)] * (TAGS - 1), []
            for own in weights[mine[a:b, 3:]].sum(axis=1):
                chosen = [max((best[p] + int(steps[p, t]), p) for p in ([t - 1, t] if t and t % 2 == 0 else range(TAGS))) for t in range(TAGS)]
                best = [c[0] + int(own[t]) for t, c in enumerate(chosen)]
                back.append([c[1] for c in chosen])
            tag = max((best[t] + int(steps[t, 0]), t) for t in range(TAGS))[1]
            path = []
            for chosen in reversed(back):
                path.append(tag)
                tag = chosen[tag]
            tags += "".join(map(str, reversed(path)))
        lines.append(f"{tags}\t{text}\n")
    (HERE / "golden.tsv").write_text("".join(lines))


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("prose", type=Path, nargs="+")
    args.add_argument("--taught", type=Path, default=HERE.parents[2] / "target" / "names-taught.jsonl")
    args.add_argument("--rounds", type=int, default=40)
    args.add_argument("--templated", type=int, default=80000)
    args.add_argument("--empty", type=float, default=1.2e7, help="characters of code and manuals")
    args.add_argument("--command", default="cargo run -q --release -p aispm-core --example names-features")
    args = args.parse_args()
    if not args.taught.exists():
        teach.teach(args.prose, args.taught)
    rng = random.Random(6)
    source = lexicon.sources()
    often = frequent(args.prose)
    classes = lexicon.classes(source, often)
    (OUT / "lexicon.bin").write_bytes(lexicon.table(classes))
    names = corpus.Names(source, classes, often, rng)
    names.addresses = corpus.addresses(rng)
    rows = [*corpus.templated(names, args.templated), *corpus.taught(names, args.taught, 3), *(r for _ in range(3) for r in corpus.stood_for(names, args.taught)), *corpus.empty(rng, classes, corpus.manuals(), args.empty)]
    owner, table = features(rows, args.command.split())
    tags = gold(rows, owner, table)
    print(len(rows), "rows", len(tags), "candidates", np.bincount(tags), file=sys.stderr, flush=True)
    weights, steps = Field(table, tags).fit(args.rounds)
    golden(args.command.split(), *write(weights, steps))


if __name__ == "__main__":
    main()
