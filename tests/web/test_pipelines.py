"""What a pipeline runs to tell the reporter: the action's own lines, and those of the documents, under a real shell."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import which

import pytest
import yaml

from tests.support.paths import DOCS, ROOT
from tests.web.listener import TOKEN, Listener, listener

SECRET = "a-secret-of-the-hooks-0123456789"
HOOK = "hooks: {ci: {preset: github, secret: env:SECRET}}\n"
ACTION = yaml.safe_load((ROOT / ".github/actions/notify/action.yml").read_text(encoding="utf-8"))
RUN = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "me/bot",
    "GITHUB_RUN_ID": "42",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_JOB": "build",
    "GITHUB_WORKFLOW": 'CI\'s "own"',
    "GITHUB_SHA": "0123456789abcdef",
    "GITHUB_REF_NAME": "main",
}

needs_tools = pytest.mark.skipif(not all(map(which, ("bash", "jq", "curl", "openssl"))), reason="what a runner has")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Listener]:
    with listener(tmp_path / "home", HOOK, {"SECRET": SECRET}) as found:
        yield found


def run(script: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    whole = {"PATH": os.environ["PATH"], "no_proxy": "*", **RUN, **environ}
    return subprocess.run(
        ["bash", "-e", "-c", script], env=whole, capture_output=True, text=True, timeout=60, check=False
    )


def act(url: str, state: str, environment: str = "", secret: str = SECRET) -> str:
    """Run the action as a runner does; its output."""
    (step,) = ACTION["runs"]["steps"]
    given = {"url": url, "secret": secret, "state": state, "environment": environment}
    environ = {name: given[re.search(r"inputs\.(\w+)", value)[1]] for name, value in step["env"].items()}  # type: ignore[index]
    done = run(step["run"], environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_tools
def test_the_action_tells_how_a_workflow_and_a_deployment_fare_each_once(web: Listener) -> None:
    hook = f"{web.server.address}/hooks/ci"
    for state, environment in (("success", ""), ("failure", ""), ("in_progress", "prod"), ("success", "prod")):
        act(hook, state, environment)
        act(hook, state, environment)
    kept = web.kept()
    assert [event.kind for event in kept] == [
        "build_success", "build_failure", "deployment_started", "deployment_success"]  # fmt: skip
    assert kept[0].fields == {
        "repository": "me/bot", "commit": "0123456789", "branch": "main", "workflow": "CI's \"own\"",
        "logs": "https://github.com/me/bot/actions/runs/42"}  # fmt: skip
    assert kept[2].fields["server"] == "prod"


@needs_tools
def test_a_reporter_that_refuses_or_is_away_fails_no_workflow(web: Listener) -> None:
    assert "::warning::" in act(f"{web.server.address}/hooks/ci", "success", secret="wrong")
    assert "::warning::" in act("http://127.0.0.1:1/hooks/ci", "success")
    assert web.kept() == []


@needs_tools
def test_the_line_of_the_documents_hands_in_a_deployment(web: Listener) -> None:
    (line,) = re.findall(
        r"```sh\n(curl --fail --retry 3 .*?)```", (DOCS / "events.md").read_text(encoding="utf-8"), re.DOTALL
    )
    done = run(line, {"REPORTER_TOKEN": TOKEN, "REPORTER_URL": web.server.address})
    assert done.returncode == 0, done.stderr
    (event,) = web.kept()
    assert (event.kind, event.id, event.fields["version"]) == ("deployment_success", "42", "0123456789abcdef")


def test_the_example_uses_the_action_with_inputs_that_it_has() -> None:
    workflow = yaml.safe_load((DOCS / "examples/deploy.yml").read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"] if "notify" in step.get("uses", "")]
    required = {name for name, one in ACTION["inputs"].items() if one.get("required")}
    assert len(steps) == 3
    assert all(required <= set(step["with"]) <= set(ACTION["inputs"]) for step in steps)
