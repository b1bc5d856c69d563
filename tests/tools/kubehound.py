#!/usr/bin/env python3
"""Compares attack steps in a Kubernetes cluster with the edges that KubeHound's own system tests expect.

    kubehound.py DATA [--aispm BINARY]

DATA is a JSON file with `input` (the objects of the test cluster by file), `nodes` (names of its nodes) and
`expected_edges`. The objects are written out as manifests, nodes as bare Node objects, and `aispm paths` is asked for
each expected pair: it counts if a path leads from the one to the other by the rules of that class alone. KubeHound's
permission sets are asked through the subjects that their binding names. Exit 1 if a test fails.
"""
import argparse, json, subprocess, sys, tempfile
from collections import defaultdict
from pathlib import Path

ROOT = "k8s://cluster"
# which of our rules make up a class of edges, possibly with one step more than KubeHound draws
RULES = {
    "CE_MODULE_LOAD": {"escape-kernel-module"},
    "CE_NSENTER": {"escape-nsenter", "escape-privileged"},
    "IDENTITY_ASSUME": {"tool-home", "node-identity", "pod-token-asked-for", "pod-token-projected"},
    "POD_ATTACH": {"node-pods", "node-perhaps-pods", "node-is-one"},
    "POD_PATCH": {"pod-patch"},
    "POD_CREATE": {"workload-create", "privileged-pod", "privileged-pod-unless-forbidden", "every-node"},
    "POD_EXEC": {"pod-exec"},
    "PERMISSION_DISCOVER": {"discover-permissions"},
    "TOKEN_BRUTEFORCE": {"token-brute-force"},
    "TOKEN_LIST": {"token-list"},
    "EXPLOIT_HOST_READ": {"escape-host-read"},
    "EXPLOIT_HOST_WRITE": {"escape-host-write", "escape-runtime-socket", "escape-core-pattern"},
    "EXPLOIT_HOST_TRAVERSE": {"host-traverse", "steal-token", "steal-token-if-there"},
    "ENDPOINT_EXPLOIT": {"call-endpoint", "exploit-endpoint", "exploit-endpoint-unknown"},
    "ROLE_BIND": {"bind-cluster-role", "bind-cluster-admin", "bind-role", "bind-in-namespace"},
}


class Cluster:
    """The objects of the test cluster, and what aispm says of them."""

    def __init__(self, data, binary, folder):
        self.data, self.binary, self.folder, self.asked = data, binary, folder, {}
        folder.mkdir(exist_ok=True)
        self.objects = [entry["object"] for entry in data["input"]]
        self.nodes = data["nodes"]
        files = defaultdict(list)
        for entry in data["input"]:
            files[entry["file"]].append(entry["object"])
        files["nodes.yaml"] = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}} for name in self.nodes]
        for name, objects in files.items():
            listed = {"apiVersion": "v1", "kind": "List", "items": objects}
            (folder / name).with_suffix(".json").write_text(json.dumps(listed, indent=1) + "\n")

    def only(self, file):
        """The nodes and what one file holds: there no easier path stands before the one that is meant."""
        part = dict(self.data, input=[entry for entry in self.data["input"] if entry["file"] == file])
        return Cluster(part, self.binary, self.folder.parent / file)

    def of(self, kind):
        return [object for object in self.objects if object["kind"] == kind]

    @staticmethod
    def id(object):
        wide = object["kind"] in ("ClusterRole", "ClusterRoleBinding")
        namespace = "-" if wide else object["metadata"].get("namespace", "default")
        return f"{ROOT}/{namespace}/{object['kind']}/{object['metadata']['name']}"

    def pods(self):
        return [self.id(pod) for pod in self.of("Pod")]

    def pod(self, name):
        """By its own name or that of one of its containers."""
        for pod in self.of("Pod"):
            names = [pod["metadata"]["name"]] + [container["name"] for container in pod["spec"]["containers"]]
            if name in names:
                return self.id(pod)
        raise KeyError(name)

    def binding(self, name):
        role, name = name.split("::")
        found = [b for kind in ("RoleBinding", "ClusterRoleBinding") for b in self.of(kind)
                 if (b["roleRef"]["name"], b["metadata"]["name"]) == (role, name)]
        return found[0]

    def subjects(self, binding):
        for subject in binding["subjects"]:
            account = subject["kind"] == "ServiceAccount"
            namespace = subject.get("namespace", binding["metadata"].get("namespace", "default")) if account else "-"
            yield f"{ROOT}/{namespace}/{subject['kind']}/{subject['name']}"

    def identity(self, name):
        if name.startswith("system:"):
            return f"{ROOT}/-/Group/{name}"
        return next(self.id(account) for account in self.of("ServiceAccount") if account["metadata"]["name"] == name)

    def paths(self, source, targets):
        """Paths to each of these targets, best first."""
        key = (source, tuple(sorted(targets)))
        if key not in self.asked:
            command = [self.binary, "paths", str(self.folder), "--format", "json", "-k", "8", "--from", source]
            command += [word for target in key[1] for word in ("--to", target)]
            out = subprocess.run(command, capture_output=True, text=True)
            if out.returncode not in (0, 1):
                sys.exit(out.stderr)
            paths = json.loads(out.stdout)["paths"]
            self.asked[key] = [path for path in paths if path["source"] == source]
        return self.asked[key]

    def by_rules(self, source, targets, rules):
        """The targets that a path by these rules alone leads to."""
        fits = [path for path in self.paths(source, targets) if {step["rule"] for step in path["steps"]} <= rules]
        return {path["target"]: path for path in reversed(fits)}


def check(test, cluster):
    """Pairs expected and not found; objects found that `exact` does not list; how many are conditional."""
    label, name = test["edge_label"], test["test"]
    names = [pair["names"] for pair in test["expected_pairs"]]
    every = [f"{ROOT}/-/Node/{node}" for node in cluster.nodes]
    some = f"{ROOT}/-/Node/-"
    missing, extra, doubtful = [], [], 0

    def ask(sources, target, targets, rules, wanted):
        nonlocal doubtful
        for source in sources:
            path = cluster.by_rules(source, targets, rules).get(target)
            if path is None:
                missing.append(wanted)
            else:
                doubtful += path["status"] != "confirmed"

    def exact(sources, targets, rules, wanted):
        for source in sources:
            extra.extend((source, found) for found in cluster.by_rules(source, targets, rules) if found not in wanted)

    if name in ("CE_MODULE_LOAD", "CE_NSENTER"):
        for container in test["containers_any_of"]:
            ask([cluster.pod(container)], some, [some], RULES[name], [container])
    elif name in ("CONTAINER_ATTACH", "VOLUME_DISCOVER"):
        # containers and volumes are part of their pod here: whoever has the pod has them
        known = json.loads(subprocess.run([cluster.binary, "discover", str(cluster.folder), "--format", "json"],
                                          capture_output=True, text=True).stdout)["assets"]
        have = {asset["id"]: asset.get("properties", {}) for asset in known}
        missing += [pod for pod in cluster.pods() if pod not in have]
        if name == "VOLUME_DISCOVER":
            for pod in cluster.of("Pod"):
                paths = [v["hostPath"]["path"] for v in pod["spec"].get("volumes", []) if "hostPath" in v]
                missing += [path for path in paths if path not in have[cluster.id(pod)].get("host_path", [])]
    elif name == "IDENTITY_ASSUME_Container":
        for container, account in names:
            target = cluster.identity(account)
            ask([cluster.pod(container)], target, [target], RULES[label], [container, account])
    elif name == "IDENTITY_ASSUME_Node":
        for node, group in names:
            target = cluster.identity(group)
            ask([f"{ROOT}/-/Node/{node}"], target, [target], RULES[label], [node, group])
    elif name == "POD_ATTACH":
        # where its pods run the objects do not say
        found = cluster.by_rules(every[0], cluster.pods(), RULES[label])
        missing += [pod for pod in cluster.pods() if pod not in found]
        doubtful += sum(path["status"] != "confirmed" for path in found.values())
    elif name in ("POD_PATCH", "POD_EXEC"):
        for set_, pod in names:
            ask(cluster.subjects(cluster.binding(set_)), cluster.pod(pod), cluster.pods(), RULES[label], [set_, pod])
        wanted = {cluster.pod(pod) for _, pod in names}
        exact(cluster.subjects(cluster.binding(names[0][0])), cluster.pods(), RULES[label], wanted)
    elif name == "POD_CREATE":
        cluster = cluster.only("POD_CREATE.yaml")
        for set_, node in names:
            ask(cluster.subjects(cluster.binding(set_)), f"{ROOT}/-/Node/{node}", every, RULES[label], [set_, node])
    elif name == "PERMISSION_DISCOVER":
        bindings = [cluster.id(b) for kind in ("RoleBinding", "ClusterRoleBinding") for b in cluster.of(kind)]
        for account, set_ in names:
            target = cluster.id(cluster.binding(set_))
            ask([cluster.identity(account)], target, bindings, RULES[label], [account, set_])
            exact([cluster.identity(account)], bindings, RULES[label], {target})
    elif name in ("TOKEN_BRUTEFORCE", "TOKEN_LIST"):
        accounts = [cluster.id(account) for account in cluster.of("ServiceAccount")]
        for set_, account in names:
            sources = list(cluster.subjects(cluster.binding(set_)))
            if cluster.identity(account) not in sources:  # nobody needs to steal his own token
                ask(sources, cluster.identity(account), accounts, RULES[label], [set_, account])
        wanted = {cluster.identity(account) for _, account in names}
        exact(cluster.subjects(cluster.binding(names[0][0])), accounts, RULES[label], wanted)
    elif name in ("EXPLOIT_HOST_READ", "EXPLOIT_HOST_WRITE"):
        for pod, volume in names:
            ask([cluster.pod(pod)], some, [some], RULES[name], [pod, volume])
    elif name == "EXPLOIT_HOST_TRAVERSE":
        accounts = [cluster.id(account) for account in cluster.of("ServiceAccount")]
        found = cluster.by_rules(cluster.pod("host-read-exploit-pod"), accounts, RULES[name])
        missing += [account for account in accounts if account not in found]
        doubtful += sum(path["status"] != "confirmed" for path in found.values())
    elif name == "ENDPOINT_EXPLOIT_External":
        for service in cluster.of("Service"):
            target = cluster.pod("endpoints-pod")
            ask([cluster.id(service)], target, [target], RULES[label], [service["metadata"]["name"], "endpoints-pod"])
    elif label == "ROLE_BIND":
        namespaces = {object["metadata"].get("namespace", "default") for object in cluster.objects}
        bound = [f"{ROOT}/{namespace}/ClusterRole/cluster-admin" for namespace in namespaces]
        roles = [cluster.id(role) for kind in ("Role", "ClusterRole") for role in cluster.of(kind)] + bound
        for a, b in names:
            # binding any ClusterRole in a namespace includes this one
            role = f"{ROOT}/-/ClusterRole/{b.split('::')[0]}"
            for source in cluster.subjects(cluster.binding(a)):
                found = cluster.by_rules(source, roles, RULES[label])
                if role not in found and not any(place in found for place in bound):
                    missing.append([a, b])
        for binding in cluster.of("RoleBinding") + cluster.of("ClusterRoleBinding"):
            if "fail" in binding["roleRef"]["name"]:
                exact(cluster.subjects(binding), roles, RULES[label], set())
    else:
        missing.append("no check for this test")
    return missing, extra, doubtful


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--aispm", default="target/release/aispm")
    args = parser.parse_args()
    data = json.loads(args.data.read_text())
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(data, args.aispm, Path(folder) / "all")
        for test in data["expected_edges"]:
            missing, extra, doubtful = check(test, cluster)
            failed += bool(missing or extra)
            verdict = "FAIL" if missing or extra else "ok"
            pairs = f"{len(test['expected_pairs'])} pairs" if test["expected_pairs"] else "any"
            print(f"{verdict:4} {test['test']:28} {pairs:9} {doubtful} conditional")
            for what, items in (("missing", missing), ("not expected", extra)):
                for item in items[:5]:
                    print(f"     {what}: {item}")
    print(f"{len(data['expected_edges']) - failed} of {len(data['expected_edges'])} tests")
    sys.exit(bool(failed))


main()
