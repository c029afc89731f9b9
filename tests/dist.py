"""Builds what is published, `python -m tests.dist [TAG]`: twice, from two folders, and only if all bytes are equal."""

from __future__ import annotations

import filecmp
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from reporter.version import __version__
from tests.support.paths import ROOT


class NotReadyError(Exception):
    """What is to be published is not as it must be."""


def build(source: Path, out: Path) -> list[Path]:
    """The source archive, and the wheel made from it."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise NotReadyError(done.stdout + done.stderr)
    return sorted(out.iterdir())


def copied(folder: Path) -> Path:
    """The files of this checkout as another person has them: in another folder, with other times."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def differences(some: list[Path], others: list[Path]) -> list[str]:
    """The names of the files that are not the same bytes in both builds."""
    if [path.name for path in some] != [path.name for path in others]:
        return [path.name for path in (*some, *others)]
    return [one.name for one, other in zip(some, others, strict=True) if not filecmp.cmp(one, other, shallow=False)]


def is_released(changelog: str, version: str) -> bool:
    """Whether the changelog has an entry of a version, with its date."""
    return bool(re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE))


def check_tag(tag: str, version: str, changelog: str) -> None:
    """Raises NotReadyError where a tag does not belong to this version, or the version to no entry of the changelog."""
    if tag != f"v{version}":
        raise NotReadyError(f"the tag is {tag}, and reporter/version.py says {version}: write the tag v{version}")
    if not is_released(changelog, version):
        raise NotReadyError(f"CHANGELOG.md has no entry `## [{version}] - YYYY-MM-DD`: rename `## [Unreleased]`")


def publishable(out: Path) -> list[Path]:
    """Builds into a folder. Raises NotReadyError where two builds differ."""
    with tempfile.TemporaryDirectory() as folder:
        here, elsewhere = Path(folder, "here"), Path(folder, "elsewhere")
        built = build(ROOT, here)
        if unlike := differences(built, build(copied(Path(folder, "source")), elsewhere)):
            raise NotReadyError(f"built twice, and not the same bytes: {', '.join(unlike)}")
        out.mkdir(exist_ok=True)
        return [Path(shutil.copy(path, out)) for path in built]


def main(tag: str) -> None:
    if tag:
        check_tag(tag, __version__, (ROOT / "CHANGELOG.md").read_text("utf-8"))
    for path in publishable(ROOT / "dist"):
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    try:
        main("".join(sys.argv[1:]))
    except NotReadyError as error:
        sys.exit(str(error))
