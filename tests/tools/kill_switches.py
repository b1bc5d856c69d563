#!/usr/bin/env python3
"""Check that each fix of each attack path makes that path vanish.

DATA is a folder of exports, as `aispm paths` reads it, or a folder with `pathfinding_labs_index.json`, whose labs are
accounts with a start and a target. Each premise is taken away twice: by editing a copy of the export at its JSON pointer,
where it is a place in a JSON file, and by `--without`. Neither may leave a path with the same id.

    make check-kill-switches DATA=folder
"""
import argparse
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def paths(command, folder, *extra):
    run = subprocess.run([*command, "paths", str(folder), *extra, "--format", "json"], capture_output=True, encoding="utf-8")
    if run.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} paths {folder} {' '.join(extra)}: exit {run.returncode}\n{run.stderr[-2000:]}")
    return json.loads(run.stdout)


def take(document, pointer):
    """Remove what stands at a JSON pointer; documents kept as text are opened on the way."""
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]

    def go(value, way):
        if isinstance(value, str):
            return json.dumps(go(json.loads(value), way))
        key = (way[0] if way else last)
        if isinstance(value, dict) and key not in value and "values" in value:
            # Terraform keeps a resource's attributes one level down
            value["values"] = go(value["values"], way)
            return value
        key = int(key) if isinstance(value, list) else key
        if way:
            value[key] = go(value[key], way[1:])
        elif key == "Statement":
            value[key] = []
        else:
            del value[key]
        return value

    return go(document, way)


def numbered(pointer):
    return [(int(part), "") if part.isdigit() else (-1, part) for part in pointer.split("/")]


def edited(folder, premises):
    """A copy of the folder without these places, and the premises that are no places in JSON files."""
    places, rest = collections.defaultdict(list), []
    for premise in premises:
        file, _, pointer = premise.partition("#")
        if pointer and file.endswith(".json") and Path(file).is_file():
            places[file].append(pointer)
        else:
            rest.append(premise)
    if not places:
        return None, rest
    copy = Path(tempfile.mkdtemp()) / "copy"
    shutil.copytree(folder, copy)
    for file, pointers in places.items():
        target = copy / Path(file).relative_to(folder)
        document = json.loads(target.read_text())
        for pointer in sorted(pointers, key=numbered, reverse=True):
            document = take(document, pointer)
        target.write_text(json.dumps(document))
    return copy, rest


def check(command, name, folder, query, score):
    told = paths(command, folder, *query)["paths"]
    score["paths"] += len(told)
    score["paths without any fix"] += sum(not path.get("fixes") for path in told)
    cut_by = collections.defaultdict(set)
    kinds = {}
    for path in told:
        for fix in path.get("fixes", []):
            premise = tuple(fix["premise"]["without"])
            cut_by[premise].add(path["id"])
            kinds[premise] = fix["premise"]["kind"]
            score[f"fixes: {fix['premise']['kind']}"] += 1
            score["fixes with a patch"] += "patch" in fix
    wrong = []
    for premise, ids in cut_by.items():
        flags = [flag for text in premise for flag in ("--without", text)]
        left = paths(command, folder, *query, *flags)
        if any("nothing to take away" in warning for warning in left.get("warnings", [])):
            wrong.append((premise, "is not in the estate"))
        ways = [("--without", left)]
        copy, rest = edited(folder, premise)
        if copy:
            score["premises taken out of the files"] += 1
            flags = [flag for text in rest for flag in ("--without", text)]
            ways.append(("an edited file", paths(command, copy, *query, *flags)))
            shutil.rmtree(copy.parent)
        score["premises"] += 1
        for way, left in ways:
            stayed = ids & {path["id"] for path in left["paths"]}
            wrong += [(premise, f"{kinds[premise]} by {way} leaves {path['title']}") for path in left["paths"] if path["id"] in stayed]
    for premise, what in wrong:
        print(f"wrong in {name}: {' and '.join(premise)}: {what}")
    score["wrong"] += len(wrong)


def labs(data):
    """Each lab as a folder with exports, and where to look from and to."""
    for lab in json.loads((data / "pathfinding_labs_index.json").read_text())["labs"]:
        body = json.loads((data / lab["file"]).read_text())
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            given = body["input"]
            (folder / "account-authorization-details.json").write_text(json.dumps(given["authz"]))
            resources = [
                {"address": f"{one['type']}.r{i}", "mode": "managed", "type": one["type"], "name": f"r{i}",
                 "values": {key: value for key, value in one.items() if key != "type"}}
                for i, one in enumerate(given.get("resources", []))
            ]
            if resources:
                state = {"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": {"resources": resources}}}
                (folder / "terraform.json").write_text(json.dumps(state))
            start = ["--from", lab["start"]] if lab["authz_contains_start"] else []
            targets = ["admin"]
            if lab["target"] != "to-admin":
                targets = sorted({node["arn"].removesuffix("/*") for node in body["graph"]["nodes"] if node.get("isTarget") and "arn" in node})
            for target in targets:
                yield lab["id"], folder, [*start, "--to", target]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--aispm", default=os.environ.get("AISPM", "target/release/aispm"))
    args = parser.parse_args()
    command, score = args.aispm.split(), collections.Counter()
    if (args.data / "pathfinding_labs_index.json").is_file():
        for name, folder, query in labs(args.data):
            check(command, name, folder, query, score)
    else:
        check(command, str(args.data), args.data, [], score)
    for key, value in sorted(score.items()):
        print(f"{key:34} {value}")
    if not score["premises"]:
        sys.exit("no premise was checked")
    sys.exit(1 if score["wrong"] else 0)


main()
