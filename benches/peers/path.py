#!/usr/bin/env python3
"""networkx, rustworkx and igraph on the graphs that `cargo bench --bench path -- graph` left, beside our times.

    python3 benches/peers/path.py FOLDER [SECONDS]

FOLDER is `bench-path` in the target folder. Makes a virtual environment there on the first run. Processor time of one
thread, medians; what takes longer than SECONDS (120) is ended and shown as such.
"""
import json
import os
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path

PEERS = ["networkx==3.6.1", "rustworkx==0.18.1", "igraph==1.0.0"]
ASKED = [
    "reach all",
    "solve all",
    "dominators",
    "k = 10 paths, target prepared",
    "verified min cut, 10 targets",
]
K = 10


def read(file):
    with open(file, encoding="ascii") as lines:
        nodes = int(next(lines))
        targets = [int(n) for n in next(lines).split()]
        sources = [int(n) for n in next(lines).split()]
        edges = [(int(a), int(b), float(c)) for a, b, c in map(str.split, lines)]
    return nodes, targets, sources, edges


def weight(node):
    return 1 + node % 4


def split(nodes, targets, edges):
    """Each node as an arc from 2n to 2n + 1; entry and targets without limit."""
    endless = 10**6
    free = {0, *targets}
    arcs = [(2 * n, 2 * n + 1, endless if n in free else weight(n)) for n in range(nodes)]
    return arcs + [(2 * a + 1, 2 * b, endless) for a, b, _ in edges]


def networkx_(nodes, targets, sources, edges):
    import networkx as nx
    from itertools import islice

    graph = nx.DiGraph()
    graph.add_nodes_from(range(nodes))
    graph.add_weighted_edges_from(edges)
    yield "reach all", lambda: len(nx.descendants(graph, 0))
    yield "solve all", lambda: len(nx.single_source_dijkstra_path_length(graph, 0))
    yield "dominators", lambda: len(nx.immediate_dominators(graph, 0))
    yield "k = 10 paths, target prepared", lambda: list(
        islice(nx.shortest_simple_paths(graph, sources[0], targets[0], weight="weight"), K)
    )
    network = nx.DiGraph()
    for a, b, c in split(nodes, targets, edges):
        network.add_edge(a, b, capacity=c)
    yield "verified min cut, 10 targets", lambda: [nx.minimum_cut(network, 1, 2 * t)[0] for t in targets]


def rustworkx_(nodes, targets, sources, edges):
    import rustworkx as rx

    graph = rx.PyDiGraph(multigraph=False)
    graph.add_nodes_from(range(nodes))
    graph.add_edges_from(edges)
    yield "reach all", lambda: len(rx.descendants(graph, 0))
    yield "solve all", lambda: len(rx.dijkstra_shortest_path_lengths(graph, 0, lambda cost: cost))
    yield "dominators", lambda: len(rx.immediate_dominators(graph, 0))
    # lengths of walks, which is less than loopless paths
    yield "k = 10 paths, target prepared", lambda: rx.digraph_k_shortest_path_lengths(
        graph, sources[0], K, lambda cost: cost, targets[0]
    )


def igraph_(nodes, targets, sources, edges):
    import igraph

    graph = igraph.Graph(n=nodes, edges=[(a, b) for a, b, _ in edges], directed=True)
    costs = [c for *_, c in edges]
    yield "reach all", lambda: len(graph.subcomponent(0, mode="out"))
    yield "solve all", lambda: graph.distances(source=0, weights=costs, mode="out")
    yield "dominators", lambda: graph.dominator(0, mode="out")
    yield "k = 10 paths, target prepared", lambda: graph.get_k_shortest_paths(
        sources[0], to=targets[0], k=K, weights=costs, output="vpath"
    )
    arcs = split(nodes, targets, edges)
    network = igraph.Graph(n=2 * nodes, edges=[(a, b) for a, b, _ in arcs], directed=True)
    capacities = [c for *_, c in arcs]
    yield "verified min cut, 10 targets", lambda: [network.mincut(1, 2 * t, capacities).value for t in targets]


def measure(peer, file, asked):
    """In a process of its own: one question, the median of up to five runs."""
    for what, run in globals()[f"{peer}_"](*read(file)):
        if what != asked:
            continue
        times = []
        while len(times) < 5 and sum(times) < 20:
            start = time.process_time()
            run()
            times.append(time.process_time() - start)
        print(statistics.median(times) * 1e3)


def main():
    folder = Path(sys.argv[1])
    limit = float(sys.argv[2]) if len(sys.argv) > 2 else 120
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(folder / "venv", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    for graph in sorted(folder.glob("*.graph"), key=lambda file: file.stat().st_size):
        ours = json.loads(graph.with_suffix(".json").read_text())
        print(f"\n{graph.stem}: milliseconds, and how many times ours")
        print(f"{'':32}{'ours':>10}" + "".join(f"{peer.split('==')[0]:>22}" for peer in PEERS), flush=True)
        for asked in ASKED:
            row = f"{asked:32}{ours[asked]:>10.3f}"
            for peer in PEERS:
                row += f"{told(python, peer.split('==')[0], graph, asked, limit, ours[asked]):>22}"
            print(row, flush=True)


def told(python, peer, graph, asked, limit, ours):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    command = [python, __file__, "--one", peer, graph, asked]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=limit, env=environment)
    except subprocess.TimeoutExpired:
        return f"> {limit:.0f} s"
    if run.returncode:
        return "failed"
    if not run.stdout.strip():
        return "-"
    ms = float(run.stdout)
    return f"{ms:.1f} ({ms / ours:,.1f}x)"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(*sys.argv[2:])
    else:
        main()
