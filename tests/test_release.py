"""What is published: the same bytes whoever builds it, under a tag that belongs to the version."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.dist import NotReadyError, check_tag, differences, publishable
from tests.support.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CHANGELOG = "# Changelog\n\n## [0.2.0] - 2026-12-01\n"


@pytest.mark.full
def test_two_builds_are_the_same_bytes(tmp_path: Path) -> None:
    names = [path.name for path in publishable(tmp_path / "dist")]
    assert [Path(name).suffix for name in names] == [".whl", ".gz"]


def test_a_byte_that_differs_is_found(tmp_path: Path) -> None:
    some, others = tmp_path / "some", tmp_path / "others"
    for folder, text in ((some, "a"), (others, "b")):
        folder.mkdir()
        (folder / "same").write_text("same")
        (folder / "other").write_text(text)
    assert differences(sorted(some.iterdir()), sorted(others.iterdir())) == ["other"]


@pytest.mark.parametrize(
    ("tag", "changelog", "says"),
    [("0.2.0", CHANGELOG, "write the tag v0.2.0"), ("v0.2.0", "# Changelog", "has no entry")],
)
def test_a_tag_that_does_not_fit_is_refused(tag: str, changelog: str, says: str) -> None:
    with pytest.raises(NotReadyError, match=says):
        check_tag(tag, "0.2.0", changelog)


def test_a_tag_that_fits_is_taken() -> None:
    check_tag("v0.2.0", "0.2.0", CHANGELOG)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_what_exists(workflow: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    jobs = yaml.safe_load(workflow.read_text("utf-8"))["jobs"]
    for step in (step for job in jobs.values() for step in job["steps"] if "run" in step):
        program, *words = step["run"].split()
        assert (ROOT / program).is_file() or (program == "make" and words[0] in targets), step["run"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_do_nothing_that_they_do_not_name(workflow: Path) -> None:
    data = yaml.safe_load(workflow.read_text("utf-8"))
    assert data["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in data["jobs"].values())
