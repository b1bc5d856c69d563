#!/usr/bin/env python3
"""Presidio, detect-secrets and @arcjet/redact on the texts that `cargo bench --bench text -- --write FOLDER` left.

    python3 benches/peers/text.py FOLDER [SECONDS]

Installs the peers below FOLDER on the first run. Processor time a call, medians of up to 20 calls; a peer that takes
longer than SECONDS (20) for a text is shown as such. Presidio runs its patterns alone, without a language model.
"""
import json
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path

PEERS = ["presidio-analyzer==2.2.366", "detect-secrets==1.5.0"]
NODE_PEERS = ["@arcjet/redact@1.12.0"]
NODE = """
import { readFileSync } from "node:fs";
import { redact } from "@arcjet/redact";
const [file, seconds] = process.argv.slice(2);
const text = readFileSync(file, "utf8");
const times = [];
const until = Date.now() + seconds * 1000;
while (times.length < 20 && Date.now() < until) {
  const start = process.cpuUsage();
  await redact(text);
  const used = process.cpuUsage(start);
  times.push(used.user + used.system);
}
console.log(JSON.stringify(times));
"""


def presidio():
    from presidio_analyzer import EntityRecognizer, PatternRecognizer, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NlpArtifacts

    registry = RecognizerRegistry()
    registry.load_predefined_recognizers()
    recognizers = [r for r in registry.recognizers if isinstance(r, PatternRecognizer)]
    nothing = NlpArtifacts([], [], [], [], None, "en")

    def look(text):
        found = [m for r in recognizers for m in r.analyze(text, r.supported_entities, nothing) or []]
        return EntityRecognizer.remove_duplicates(found)

    return look


def detect_secrets():
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import default_settings

    def look(text):
        with default_settings():
            return [s for line in text.splitlines() for s in scan_line(line)]

    return look


def main():
    folder = Path(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    environment = folder / "environment"
    python = environment / "bin" / "python"
    if Path(sys.prefix).resolve() != environment.resolve():
        if not python.exists():
            venv.create(environment, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
            (folder / "package.json").write_text('{"type": "module"}')
            install = ["npm", "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", *NODE_PEERS]
            subprocess.run(install, cwd=folder, check=True)
        sys.exit(subprocess.run([python, __file__, *sys.argv[1:]]).returncode)

    (folder / "redact.mjs").write_text(NODE)
    peers = {"presidio": presidio(), "detect-secrets": detect_secrets()}
    print(f"{'text':14} {'bytes':>6} {'aispm µs':>9}" + "".join(f"{name:>28}" for name in [*peers, "@arcjet/redact"]))
    for line in (folder / "aispm.tsv").read_text(encoding="utf8").splitlines():
        name, size, ours = line.split("\t")
        file = folder / f"{name}-{size}.txt"
        text = file.read_text(encoding="utf8")
        row = f"{name:14} {size:>6} {float(ours):9.1f}"
        for look in peers.values():
            times, end = [], time.monotonic() + seconds
            while len(times) < 20 and time.monotonic() < end:
                start = time.process_time()
                look(text)
                times.append(1e6 * (time.process_time() - start))
            row += cell(times, float(ours), seconds)
        print(row + cell(node(folder, file, seconds), float(ours), seconds), flush=True)


def node(folder, file, seconds):
    command = ["node", "redact.mjs", file.resolve(), str(seconds)]
    try:
        run = subprocess.run(command, cwd=folder, capture_output=True, timeout=3 * seconds, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return []
    return json.loads(run.stdout)


def cell(times, ours, seconds):
    if not times:
        return f"{'failed or > ' + str(int(seconds)) + ' s':>28}"
    median = statistics.median(times)
    return f"{median:17.0f} µs {median / ours:6.0f} ×"


main()
