"""Fits the injection model: `python injection.py DATA`, DATA holding `*.jsonl.gz` and `training/extra.jsonl.gz`.

Rows are `{"text", "label", "source"?, "shape"?}`. Features come from the library itself (`injection_features.rs`), so
that training and running cannot differ. Deterministic: no random numbers, sources in order of their names.
Needs numpy and scipy (`requirements.txt`). Writes `../data/text/injection_model.{bin,tsv}` and prints the measures of
the model card, all on sources left out of training. Then, and alone without DATA, writes the log-odds of
`injection_golden.tsv` (odds, role, times, text) as computed here from the written weights, for a test in Rust.
"""
import gzip, json, subprocess, sys, threading
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "data" / "text"
BUCKETS, WINDOW, STRIDE, ABSENT = 1 << 17, 64, 32, 2**32 - 1
TOKENS = 8192  # of one text, at most
ROUNDS, FOLDS = 2, 4
L2_BUCKETS, L2_NAMED = 0.05, 1.0


def load(folder):
    rows = []
    for path in sorted(folder.glob("*.jsonl.gz")) + [folder / "training" / "extra.jsonl.gz"]:
        held_in = path.parent == folder
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                source = path.name.split(".")[0] if held_in else "extra:" + row["source"]
                shape = row.get("shape") or ("document" if "indirect" in source or "repo_docs" in source else "user_prompt")
                role = "prompt" if shape == "user_prompt" else "document"
                rows.append({"text": row["text"], "role": role, "label": row["label"], "source": source})
    return rows


def features(rows):
    """Prior log-odds, named features (matrix and names), windows (matrix, text of each)."""
    command = ["cargo", "run", "-q", "--release", "-p", "aispm-core", "--example", "injection-features"]
    lines = "".join(json.dumps({"text": r["text"], "role": r["role"]}) + "\n" for r in rows)
    with subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as run:
        threading.Thread(target=lambda: (run.stdin.write(lines), run.stdin.close())).start()
        names, prior, named, owner, index, start = {}, [], [], [], [], [0]
        for i, row in enumerate(map(json.loads, run.stdout)):
            prior.append(row["prior"])
            named += [(i, names.setdefault(k, len(names)), v) for k, v in row["named"]]
            buckets = np.array(row["buckets"][:TOKENS], dtype=np.uint32).reshape(-1, 5)
            strides = max(1, -(-len(buckets) // STRIDE))
            for w in range(max(1, strides - 1)):
                part = buckets[w * STRIDE : w * STRIDE + WINDOW].ravel()
                part = part[part != ABSENT]
                index.append(part)
                start.append(start[-1] + len(part))
                owner.append(i)
    n = len(prior)
    counts = np.diff(start)
    data = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts)
    windows = csr_matrix((data, np.concatenate(index), start), shape=(len(owner), BUCKETS))
    r, c, v = zip(*named)
    return np.array(prior), csr_matrix((v, (r, c)), shape=(n, len(names))), list(names), windows, np.array(owner)


def best(scores, owner, n):
    """The best window of each text."""
    order = np.lexsort((scores, owner))
    last = np.append(owner[order][1:] != owner[order][:-1], True)
    return order[last]


def fit(prior, named, windows, owner, label, weight, rows):
    """Logistic regression on each text's best window, which the weights of the round before choose."""
    keep = np.isin(owner, rows)
    win, own = windows[keep], np.searchsorted(rows, owner[keep])
    y, g, off, den = label[rows], weight[rows], prior[rows], named[rows]
    k = named.shape[1]
    w = np.zeros(1 + k + BUCKETS)
    for _ in range(ROUNDS):
        pick = best(win @ w[1 + k :], own, len(rows))
        x = hstack([csr_matrix(np.ones((len(rows), 1))), den, win[pick]]).tocsr()
        l2 = np.concatenate([[0], np.full(k, L2_NAMED), np.full(BUCKETS, L2_BUCKETS)])
        xt = x.T.tocsr()

        def loss(w):
            z = x @ w + off
            p = 1 / (1 + np.exp(-np.clip(z, -40, 40)))
            value = np.sum(g * np.logaddexp(0, np.where(y == 1, -z, z))) + 0.5 * np.sum(l2 * w * w)
            return value, xt @ (g * (p - y)) + l2 * w

        w = minimize(loss, w, jac=True, method="L-BFGS-B", options={"maxiter": 60}).x
    return w


def predict(w, prior, named, windows, owner):
    k = named.shape[1]
    scores = windows @ w[1 + k :]
    pick = best(scores, owner, len(prior))
    return w[0] + prior + named @ w[1 : 1 + k] + scores[pick]


def family(source):
    """Sources that share texts or authors are left out together."""
    name = source.split("_")[0]
    return {"giskard": "verazuo", "pyrit": "verazuo"}.get(name, name)


def auc(pos, neg):
    ranks = np.argsort(np.argsort(np.concatenate([pos, neg]))) + 1
    return (ranks[: len(pos)].sum() - len(pos) * (len(pos) + 1) / 2) / (len(pos) * len(neg))


def main():
    rows = load(Path(sys.argv[1]))
    label = np.array([r["label"] for r in rows])
    source = np.array([r["source"] for r in rows])
    document = np.array([r["role"] != "prompt" for r in rows])
    extra = np.char.startswith(source, "extra:")
    print(len(rows), "rows", flush=True)
    prior, named, names, windows, owner = features(rows)
    # a source counts by the square root of its size
    weight = np.zeros(len(rows))
    for s in np.unique(source):
        for y in (0, 1):
            at = (source == s) & (label == y)
            if at.any():
                weight[at] = 1 / np.sqrt(at.sum())
    for y in (0, 1):
        weight[label == y] *= 2000 / weight[label == y].sum()
    sources = [s for s in np.unique(source) if not s.startswith("extra:")]
    folds = {f: i % FOLDS for i, f in enumerate(sorted({family(s) for s in sources}))}
    fold = np.array([-1 if s.startswith("extra:") else folds[family(s)] for s in source])
    odds = np.full(len(rows), np.nan)
    for f in range(FOLDS):
        train, test = np.flatnonzero(fold != f), np.flatnonzero(fold == f)
        w = fit(prior, named, windows, owner, label, weight, train)
        keep = np.isin(owner, test)
        odds[test] = predict(w, prior[test], named[test], windows[keep], np.searchsorted(test, owner[keep]))
        print("fold", f, flush=True)
    seen = ~extra
    z, y = odds[seen], label[seen]
    t = np.quantile(z[y == 0], 0.99)
    print("left-out sources: AUC", round(auc(z[y == 1], z[y == 0]), 4), "recall at 1% FPR", round((z[y == 1] > t).mean(), 4))
    for s in sources:
        for v in (1, 0):
            at = (source == s) & (label == v)
            if at.any():
                print(f"  {'+' if v else '-'} {s} ({at.sum()}) {(odds[at] > t).mean():.3f}")

    def platt(ab):
        m = np.where(y == 1, -1, 1) * (ab[0] * z + ab[1])
        return np.mean(np.logaddexp(0, m) * np.where(y == 1, 1 / (y == 1).mean(), 1 / (y == 0).mean()))

    slope, offset = minimize(platt, [1.0, 0.0], method="Nelder-Mead").x
    for name, at in (("prompt", ~document), ("not_prompt", document)):
        n = odds[seen & at & (label == 0)]
        for rate in (0.005, 0.01):
            q = slope * np.quantile(n, 1 - rate) + offset
            print(f"threshold for {rate:.1%} of left-out {name}s: {1 / (1 + np.exp(-q)):.4f}")
    w = fit(prior, named, windows, owner, label, weight, np.arange(len(rows)))
    k = len(names)
    table = w[1 + k :]
    scale = np.quantile(np.abs(table), 0.9999) / 127
    (OUT / "injection_model.bin").write_bytes(np.clip(np.round(table / scale), -127, 127).astype(np.int8).tobytes())
    pairs = [("bias", w[0]), ("scale", scale), ("platt_slope", slope), ("platt_offset", offset)] + sorted(zip(names, w[1 : 1 + k]))
    (OUT / "injection_model.tsv").write_text("".join(f"{n}\t{v:.6g}\n" for n, v in pairs))
    golden()


def golden():
    table = np.frombuffer((OUT / "injection_model.bin").read_bytes(), dtype=np.int8).astype(float)
    weight = {n: float(v) for n, v in (row.split("\t") for row in (OUT / "injection_model.tsv").read_text().splitlines())}
    path = HERE / "injection_golden.tsv"
    cases = [row.split("\t") for row in path.read_text(encoding="utf-8").splitlines()]
    rows = [{"role": role, "text": text * int(times)} for _, role, times, text in cases]
    prior, named, names, windows, owner = features(rows)
    x = hstack([named, windows[best(windows @ table, owner, len(rows))] * weight["scale"]])
    w = np.concatenate([[weight.get(n, 0.0) for n in names], table])
    odds = weight["platt_slope"] * (weight["bias"] + prior + x @ w) + weight["platt_offset"]
    path.write_text("".join("\t".join([f"{z:.9f}", *case[1:]]) + "\n" for z, case in zip(odds, cases)), encoding="utf-8")


if __name__ == "__main__":
    main() if len(sys.argv) > 1 else golden()
