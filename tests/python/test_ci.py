"""The examples for continuous integration, and the hooks for pre-commit, run for real on a copy of the example estate.

What only the hosts have (`pip install`, `gh`) is replaced by a script that notes how it was called.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
CI = ROOT / "examples" / "ci"

pytestmark = pytest.mark.skipif(
    os.name == "nt" or not all(map(shutil.which, ["git", "bash"])), reason="needs git and bash"
)


class Checkout:
    """A repository of the example estate, and a machine to run scripts in it."""

    def __init__(self, home: Path) -> None:
        self.home, self.tree, self.out = home, home / "estate", home / "out"
        shutil.copytree(ROOT / "examples" / "estate", self.tree)
        self.out.mkdir()
        programs = home / "bin"
        programs.mkdir()
        command = os.environ.get("AISPM") or f"'{sys.executable}' -m aispm"
        self.program(programs / "aispm", f'exec {command} "$@"')
        for noted in ["pip", "gh"]:
            self.program(programs / noted, f'echo "{noted} $*" >> "{home}/noted"')
        self.env = {
            "HOME": str(home),
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@acme.example",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@acme.example",
            "PRE_COMMIT_HOME": str(home / "pre-commit"),
        }
        self.sh("git init --quiet --initial-branch main && git add --all && git commit --quiet -m base")
        self.base = self.sh("git rev-parse HEAD").stdout.strip()

    @staticmethod
    def program(path: Path, body: str) -> None:
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def sh(self, script: str, env: dict[str, str] | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
        run = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=self.tree, env={**self.env, **(env or {})}, capture_output=True, encoding="utf-8", timeout=120,
        )
        assert run.returncode == code, f"{script}\n{run.stdout}\n{run.stderr}"
        return run

    def worsen(self) -> None:
        """A commit that brings one critical finding more."""
        (self.tree / "app" / "tools.py").write_text(
            "from langchain_community.tools import ShellTool\n"
            "from langchain_openai import ChatOpenAI\n"
            "from langchain.agents import AgentExecutor, create_tool_calling_agent\n"
            "tools = [ShellTool()]\n"
            "worker = AgentExecutor(agent=create_tool_calling_agent(ChatOpenAI(), tools, None), tools=tools)\n"
        )
        self.sh("git add --all && git commit --quiet -m worse")

    @property
    def noted(self) -> list[str]:
        return (self.home / "noted").read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def github_steps(event: str) -> list[dict[str, Any]]:
    """The steps that run something on this event, in order."""
    (job,) = yaml.safe_load((CI / "github-actions.yml").read_text())["jobs"].values()
    assert job["permissions"] == {"contents": "read", "security-events": "write", "pull-requests": "write"}
    other = {"push": "pull_request", "pull_request": "push"}[event]
    return [step for step in job["steps"] if "run" in step and f"event_name == '{other}'" not in step.get("if", "")]


def test_github_fails_only_on_what_a_pull_request_brings(checkout: Checkout) -> None:
    steps = {step["name"]: step["run"] for step in github_steps("pull_request")}
    env = {"OUT": str(checkout.out), "BASE": checkout.base, "AISPM_PACKAGE": "aispm-core", "PULL_REQUEST": "7"}
    assert list(steps) == [
        "Install", "Assess where the pull request starts", "Fail on what the pull request brings", "Comment",
    ]
    checkout.sh("git commit --quiet --allow-empty -m harmless")
    checkout.sh(steps["Install"], env)
    checkout.sh(steps["Assess where the pull request starts"], env)
    assert "no new findings" in checkout.sh(steps["Fail on what the pull request brings"], env).stdout
    assert (checkout.out / "aispm.md").read_text().startswith("<!-- aispm -->\n## AI security posture: passes\n")

    checkout.worsen()
    assert "worker" in checkout.sh(steps["Fail on what the pull request brings"], env, code=1).stdout
    comment = (checkout.out / "aispm.md").read_text()
    assert comment.startswith("<!-- aispm -->\n## AI security posture: fails\n") and "`./app/tools.py:5`" in comment
    results = json.loads((checkout.out / "aispm.sarif").read_text())["runs"][0]["results"]
    new = [result for result in results if result["baselineState"] == "new" and result["level"] == "error"]
    places = [result["locations"][0]["physicalLocation"]["artifactLocation"] for result in new]
    assert {"uri": "app/tools.py", "uriBaseId": "%SRCROOT%"} in places
    checkout.sh(steps["Comment"], env)
    assert checkout.noted == [
        "pip install aispm-core",
        f"gh pr comment 7 --body-file {checkout.out}/aispm.md --edit-last --create-if-none",
    ]


def test_github_shows_a_branch_without_failing_it(checkout: Checkout) -> None:
    env = {"OUT": str(checkout.out), "AISPM_PACKAGE": "aispm-core"}
    for step in github_steps("push"):
        if step["name"] != "Comment":
            checkout.sh(step["run"], env)
    assert json.loads((checkout.out / "aispm.sarif").read_text())["runs"][0]["results"]
    assert (checkout.out / "aispm.html").read_text().startswith("<!doctype html>")


def test_gitlab_fails_only_on_what_a_merge_request_brings(checkout: Checkout) -> None:
    (job,) = yaml.safe_load((CI / "gitlab-ci.yml").read_text()).values()
    checkout.sh("\n".join(job["before_script"]), {"AISPM_PACKAGE": "aispm-core"})
    script = "\n".join(job["script"])
    env = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": checkout.base}
    checkout.sh(script, env)
    assert ElementTree.parse(checkout.tree / job["artifacts"]["reports"]["junit"]).getroot().get("failures") == "0"

    checkout.sh("git clean --quiet --force")
    checkout.worsen()
    checkout.sh(script, env, code=1)
    junit = ElementTree.parse(checkout.tree / job["artifacts"]["reports"]["junit"])
    assert any("worker" in case.get("name", "") for case in junit.iter("testcase") if case.find("failure") is not None)
    quality = json.loads((checkout.tree / job["artifacts"]["reports"]["codequality"]).read_text())
    assert any(row["location"] == {"path": "app/tools.py", "lines": {"begin": 5}} for row in quality)
    assert all((checkout.tree / path).is_file() for path in job["artifacts"]["paths"])


HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}


def test_hooks_run_what_they_say(checkout: Checkout) -> None:
    scan, assess = HOOKS["aispm-scan"], HOOKS["aispm-assess"]
    models = sorted(str(file.relative_to(checkout.tree)) for file in (checkout.tree / "models").iterdir())
    assert all(re.search(scan["files"], file) for file in models)
    assert not re.search(scan["files"], "app/chatbot.py")
    for file in ["app/chatbot.py", "aispm.yaml", "infra/main.tf", "Dockerfile", "app/.env.prod", "requirements.txt"]:
        assert re.search(assess["files"], file), file
    assert "intent-classifier.pkl" in checkout.sh(f"{scan['entry']} {' '.join(models)}", code=1).stdout
    checkout.sh(f"{scan['entry']} models/reranker.safetensors")
    checkout.sh(assess["entry"], code=1)
    checkout.sh("aispm assess . --format json -o .aispm-baseline.json")
    example = yaml.safe_load((CI / "pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [hook["id"] for hook in example] == list(HOOKS)
    checkout.sh(" ".join([assess["entry"], *example[1]["args"]]))
    checkout.worsen()
    checkout.sh(" ".join([assess["entry"], *example[1]["args"]]), code=1)


def test_pre_commit_itself_runs_the_hooks(checkout: Checkout) -> None:
    pytest.importorskip("pre_commit")
    hooks = checkout.home / "hooks"
    hooks.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    checkout.sh(f"cd '{hooks}' && git init --quiet && git add --all && git commit --quiet -m hooks")
    pre_commit = f"'{sys.executable}' -m pre_commit try-repo '{hooks}'"
    failed = checkout.sh(f"{pre_commit} aispm-scan --all-files", code=1).stdout
    assert "intent-classifier.pkl" in failed and "chatbot.py" not in failed
    checkout.sh(f"{pre_commit} aispm-scan --files models/reranker.safetensors")
    assert "CTRL-008" in checkout.sh(f"{pre_commit} aispm-assess --files app/chatbot.py", code=1).stdout
    assert "Skipped" in checkout.sh(f"{pre_commit} aispm-assess --files README.md").stdout
