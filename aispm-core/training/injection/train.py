"""Fits the injection model: `python train.py DATA`, DATA holding `*.jsonl.gz` and `training/extra.jsonl.gz`.

Rows are `{"text", "label", "source"?, "shape"?}`; `generate.py` adds our own. Features come from the library itself
(`features.rs`; an already built one by `--features PROGRAM`), so that training and running cannot differ. Seeded: two
runs on one machine give the same weights. Needs numpy and scipy (`requirements.txt`). Prints the measures of the model
card, all on families of sources left out of training, then writes `../../data/text/injection_model.{bin,tsv}` (in the
latter also the named sensitivities, `threshold:USE:NAME`) and the log-odds of `golden.tsv` (as a prompt, as a
document, times, text) as computed here from the written weights, for a test in Rust; without DATA, these alone.
"""
import argparse, gzip, json, subprocess, threading
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, diags, hstack

import generate, tools

HERE = Path(__file__).resolve().parent
OUT = HERE.parents[1] / "data" / "text"
CARGO = ["cargo", "run", "-q", "--release", "-p", "aispm-core", "--example", "injection-features"]
BUCKETS, ABSENT, FEATURES, KINDS = 1 << 18, 2**32 - 1, 6, 20  # as in the library
TOKENS = 8192  # of one text, at most
SEED, ROUNDS, STEPS = 1, 2, 80
L2_BUCKETS, L2_NAMED = 0.02, 1.0
OWN = 0.7  # how freely words weigh otherwise in documents than in prompts
WRITTEN = 0.5  # what a file of rows that we wrote counts beside a source of its size
SHARED, SHINGLE = 0.3, 8  # a row that shares more of its runs of so many words with a left-out family is not trained on
# harmless texts in a thousand that each named sensitivity reports
SENSITIVITIES = {"low": 1, "medium": 5, "high": 10}
AT_MOST = 300  # rows of a source and label count in the measures as if they were so many
# families of sources, some with texts or authors in common, by the fold that leaves them out
FOLDS = [
    "verazuo giskard pyrit jackhhao awesome xquad",
    "bipia deepset repo",
    "garak yanismiraoui llm_guard llmail gpteacher_roleplay",
    "spikee cyberseceval tau2 hh_harmless",
    "neuralchemy bastion selfinstruct gpteacher_code",
    "s-labs",
]


def load(folder):
    for path in sorted(folder.glob("*.jsonl.gz")) + [folder / "training" / "extra.jsonl.gz"]:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                source = path.name.split(".")[0] if path.parent == folder else row["source"]
                shape = row.get("shape") or ("document" if "indirect" in source or "repo_" in source else "user_prompt")
                role = "prompt" if shape == "user_prompt" else "document"
                yield {"text": row["text"], "role": role, "label": row["label"], "source": source}


class Read:
    """What the library sees of rows, each a document or not: log-odds by relations, named features, passages of hashed
    words and their kinds, the words. Words weigh otherwise in documents than in prompts: their weights are the sum of two."""

    def __init__(self, rows, document, program):
        lines = "".join(json.dumps({"text": r["text"]}) + "\n" for r in rows)
        names, prior, named, owner, index, start, kinds = {}, [], [], [], [], [0], []
        self.shingles, tool = [], []
        with subprocess.Popen(program, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as run:
            threading.Thread(target=lambda: (run.stdin.write(lines), run.stdin.close())).start()
            for i, row in enumerate(map(json.loads, run.stdout)):
                prior.append(row["prior"])
                tool.append(row["tool"])
                named += [(i, names.setdefault(k, len(names)), v) for k, v in row["named"]]
                buckets = np.array(row["buckets"][:TOKENS], dtype=np.uint32).reshape(-1, FEATURES)
                for first, last, kind in row["document" if document[i] else "prompt"]:
                    if first < max(len(buckets), 1):
                        part = buckets[first:last].ravel()
                        part = part[part != ABSENT]
                        index.append(part)
                        start.append(start[-1] + len(part))
                        owner.append(i)
                        kinds.append(np.arange(KINDS) == kind)
                words = row["words"]
                self.shingles.append({" ".join(words[a : a + SHINGLE]) for a in range(max(1, len(words) - SHINGLE + 1))})
        counts = np.diff(start)
        data = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts)
        self.passages = csr_matrix((data, np.concatenate(index), start), shape=(len(owner), BUCKETS))
        self.prior, self.names, self.owner = np.array(prior), list(names), np.array(owner)
        self.tool = np.array(tool)  # log-odds of a poisoned tool description
        r, c, v = zip(*named)
        self.named = csr_matrix((v, (r, c)), shape=(len(prior), len(names)))
        inside = diags(OWN * document[self.owner])
        self.passages = hstack([self.passages, inside @ self.passages, csr_matrix(np.array(kinds, dtype=float))]).tocsr()
        self.named = hstack([self.named, csr_matrix(document.astype(float)[:, None])]).tocsr()
        self.names.append("use:document")

    def of(self, rows):
        """Passages of these rows, and which row each belongs to."""
        keep = np.isin(self.owner, rows)
        return self.passages[keep], np.searchsorted(rows, self.owner[keep])


def best(scores, owner):
    """The best passage of each text."""
    order = np.lexsort((scores, owner))
    return order[np.append(owner[order][1:] != owner[order][:-1], True)]


def balance(rows, label, source):
    """A source counts by the square root of its size, what we wrote ourselves less, and both labels alike."""
    weight = np.zeros(len(label))
    for y in (0, 1):
        mine = rows[label[rows] == y]
        _, place, size = np.unique(source[mine], return_inverse=True, return_counts=True)
        weight[mine] = np.where(np.char.startswith(source[mine], "written:"), WRITTEN, 1) / np.sqrt(size[place])
        weight[mine] *= 2000 / weight[mine].sum()
    return weight[rows]


def fit(read, rows, label, source):
    """Logistic regression on each text's best passage, which the weights of the round before choose."""
    passages, owner = read.of(rows)
    y, g, off, named = label[rows], balance(rows, label, source), read.prior[rows], read.named[rows]
    k = named.shape[1]
    l2 = np.concatenate([[0], np.full(k, L2_NAMED), np.full(passages.shape[1], L2_BUCKETS)])
    w = np.zeros(len(l2))
    for _ in range(ROUNDS):
        x = hstack([csr_matrix(np.ones((len(rows), 1))), named, passages[best(passages @ w[1 + k :], owner)]]).tocsr()
        xt = x.T.tocsr()

        def loss(w):
            z = x @ w + off
            p = 1 / (1 + np.exp(-np.clip(z, -40, 40)))
            value = np.sum(g * np.logaddexp(0, np.where(y == 1, -z, z))) + 0.5 * np.sum(l2 * w * w)
            return value, xt @ (g * (p - y)) + l2 * w

        w = minimize(loss, w, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    return w


def predict(read, rows, w):
    k = read.named.shape[1]
    passages, owner = read.of(rows)
    scores = passages @ w[1 + k :]
    return w[0] + read.prior[rows] + read.named[rows] @ w[1 : 1 + k] + scores[best(scores, owner)]


def unlike(read, test):
    """All rows but `test` and those that share much with them."""
    held, others = set().union(*(read.shingles[i] for i in test)), np.setdiff1d(np.arange(len(read.prior)), test)
    return np.array([i for i in others if len(read.shingles[i] & held) <= SHARED * len(read.shingles[i])])


def left_out(read, label, source, fold):
    """The odds of each measured row from a model that saw neither its family nor a text like it."""
    odds = np.full(len(label), np.nan)
    for f in range(len(FOLDS)):
        test = np.flatnonzero(fold == f)
        odds[test] = predict(read, test, fit(read, unlike(read, test), label, source))
        print("fold", f, flush=True)
    return odds


def auc(z, y, w):
    order = np.argsort(z, kind="stable")
    y, w = y[order], w[order]
    return np.sum(w * y * np.cumsum(w * (y == 0))) / (w[y == 1].sum() * w[y == 0].sum())


def threshold(z, w, rate):
    """The score that weight `rate` of the rows reaches."""
    order = np.argsort(-z)
    return z[order][np.searchsorted(np.cumsum(w[order]) / w.sum(), rate)]


def calibrated(z, y):
    def loss(ab):
        m = np.where(y == 1, -1, 1) * (ab[0] * z + ab[1])
        return np.mean(np.logaddexp(0, m) * np.where(y == 1, 1 / (y == 1).mean(), 1 / (y == 0).mean()))

    return minimize(loss, [1.0, 0.0], method="Nelder-Mead").x


def shares(label, source, seen):
    """What each row counts in the measures."""
    w = np.zeros(len(label))
    for s in np.unique(source[seen]):
        for y in (0, 1):
            at = (source == s) & (label == y)
            w[at] = min(at.sum(), AT_MOST) / max(at.sum(), 1)
    return w


def measures(z, label, source, document, fold):
    """Prints the measures of left-out families; returns calibrations and the thresholds of the sensitivities."""
    seen = fold >= 0
    w = shares(label, source, seen)
    harmless, attack = seen & (label == 0), seen & (label == 1)
    z, found = z.copy(), {}
    for use, at in (("prompt", ~document), ("document", document)):
        slope, offset = calibrated(z[seen & at], label[seen & at])
        z[at] = slope * z[at] + offset
        found |= {f"platt_slope:{use}": slope, f"platt_offset:{use}": offset}
        found |= thresholds(use, z[harmless & at], w[harmless & at])
    t = threshold(z[harmless], w[harmless], 0.01)
    caught = w[attack & (z > t)].sum() / w[attack].sum()
    print(f"left-out families: AUC {auc(z[seen], label[seen], w[seen]):.4f}, recall at 1% FPR {caught:.4f}")
    for s in np.unique(source[seen]):
        for y in (1, 0):
            at = (source == s) & (label == y)
            if at.any():
                print(f"  {'-+'[y]} {s} ({at.sum()}) {(z[at] > t).mean():.3f}")
    return found


def thresholds(use, odds, w):
    """The probabilities that harmless texts of a use reach, by the name of each sensitivity: half-way between the least
    odds that no more than the share of them reach, and the next, for rules give few different ones."""
    order = np.argsort(-odds)
    odds, reach = odds[order], np.cumsum(w[order]) / w.sum()
    found = {}
    for name, share in SENSITIVITIES.items():
        beyond = odds[np.searchsorted(reach, share / 1000, side="right")]
        within = odds[odds > beyond]
        p = 1 / (1 + np.exp(-(within[-1] + beyond) / 2 if len(within) else -beyond - 0.01))
        found[f"threshold:{use}:{name}"] = p
        print(f"threshold for {share / 1000:.1%} of left-out harmless texts, {use}: {p:.4f}")
    return found


def tool_thresholds(folder, program):
    """The same for tool descriptions, which no training saw: once by the model, once by the rules of poisoning."""
    found = tools.rows(folder)
    read, w = Read(found, np.ones(len(found), dtype=bool), program), np.array([row["weight"] for row in found])
    print(len(found), "harmless tool descriptions")
    odds = calibrated_odds(read, "document")
    return thresholds("tool_description", odds, w) | thresholds("tool_poisoning", read.tool, w)


def columns(rows):
    """Label, source, whether a document and the fold of each row."""
    label, source = (np.array([row[key] for row in rows]) for key in ("label", "source"))
    document = np.array([row["role"] != "prompt" for row in rows])
    families = [tuple(names.split()) for names in FOLDS]
    fold = np.array([next((f for f, names in enumerate(families) if s.startswith(names)), -1) for s in source])
    return label, source, document, fold


def train(folder, program):
    rows = [*load(folder), *generate.rows(SEED)]
    label, source, document, fold = columns(rows)
    print(len(rows), "rows,", np.sum(fold >= 0), "measured", flush=True)
    read = Read(rows, document, program)
    found = measures(left_out(read, label, source, fold), label, source, document, fold)
    w = fit(read, np.arange(len(rows)), label, source)
    k = len(read.names)
    prompt, more = w[1 + k : -KINDS].reshape(2, BUCKETS)
    tables = np.concatenate([prompt, prompt + OWN * more])
    scale = np.quantile(np.abs(tables), 0.9999) / 127
    (OUT / "injection_model.bin").write_bytes(np.clip(np.round(tables / scale), -127, 127).astype(np.int8).tobytes())
    kinds = {f"passage:{kind}": weight for kind, weight in enumerate(w[-KINDS:])}
    write({"bias": w[0], "scale": scale} | found | kinds | dict(sorted(zip(read.names, w[1 : 1 + k]))))
    write(written() | tool_thresholds(folder, program))


def write(pairs):
    (OUT / "injection_model.tsv").write_text("".join(f"{n}\t{v:.6g}\n" for n, v in pairs.items()))


def written():
    pairs = (row.split("\t") for row in (OUT / "injection_model.tsv").read_text().splitlines())
    return {name: float(value) for name, value in pairs}


def weights(names):
    """The weights as written, in the order of these named features."""
    prompt, document = np.frombuffer((OUT / "injection_model.bin").read_bytes(), dtype=np.int8).reshape(2, BUCKETS)
    weight = written()
    tables = weight["scale"] * np.concatenate([prompt, (document.astype(float) - prompt) / OWN])
    kinds = [weight[f"passage:{kind}"] for kind in range(KINDS)]
    return np.concatenate([[weight["bias"]], [weight.get(name, 0.0) for name in names], tables, kinds])


def calibrated_odds(read, use):
    """The log-odds of texts in a use, by the written weights."""
    odds, weight = predict(read, np.arange(len(read.prior)), weights(read.names)), written()
    return weight[f"platt_slope:{use}"] * odds + weight[f"platt_offset:{use}"]


def golden(program):
    path = HERE / "golden.tsv"
    cases = [row.split("\t")[-2:] for row in path.read_text(encoding="utf-8").splitlines()]
    texts = [{"text": text * int(times)} for times, text in cases]
    uses = {"prompt": np.zeros(len(cases), dtype=bool), "document": np.ones(len(cases), dtype=bool)}
    odds = [calibrated_odds(Read(texts, document, program), use) for use, document in uses.items()]
    rows = ("\t".join([f"{prompt:.9f}", f"{document:.9f}", *case]) for prompt, document, case in zip(*odds, cases))
    path.write_text("".join(row + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data", type=Path, nargs="?")
    arguments.add_argument("--features", metavar="PROGRAM")
    given = arguments.parse_args()
    program = [str(Path(given.features).resolve())] if given.features else CARGO
    if given.data:
        train(given.data, program)
    golden(program)
