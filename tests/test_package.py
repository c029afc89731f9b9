"""What is built is what people install: the wheel, made from the source archive, runs outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from pip._vendor.packaging.requirements import Requirement

from reporter.app.tested_versions import untested
from tests.lock import canonical, extras, lock, run_time
from tests.support.paths import ROOT

HOME_FOLDERS = {"jobs": "*.py", "templates": "*.j2", "config": "*.yaml", "systemd": "*.service"}


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return next(folder.glob("reporter-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it. It borrows the dependencies of this one, but not the checkout."""
    env = tmp_path_factory.mktemp("env")
    run(sys.executable, "-m", "venv", "--without-pip", env, cwd=env)
    python = env / "bin" / "python"
    run(
        sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=env
    )
    packages = next(env.glob("lib/python*/site-packages"))
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return env / "bin"


@pytest.mark.parametrize("folder", HOME_FOLDERS)
def test_the_stock_home_is_in_the_wheel(wheel: Path, folder: str) -> None:
    ours = {path.name for path in (ROOT / folder).glob(HOME_FOLDERS[folder])}
    packed = {Path(name) for name in zipfile.ZipFile(wheel).namelist()}
    assert ours
    assert ours <= {path.name for path in packed if path.parent == Path("reporter/stock") / folder}


def test_the_installed_program_is_not_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = run(installed / "python", "-c", "import reporter; print(reporter.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)


def test_the_installed_program_shows_the_demo(installed: Path, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": os.defpath}
    shown = run(installed / "reporter", "demo", "--once", "daily_summary", cwd=tmp_path, env=env)
    assert "P&L" in shown
    assert str(ROOT) not in shown


def pinned(text: str) -> dict[str, str]:
    return dict(line.split("==") for line in text.splitlines() if "==" in line)


LOCK = ROOT / "requirements.lock"
# They count by the calendar or hold data: no number of theirs says what breaks.
UNBOUNDED = {"regex", "tzdata"}


def test_the_lock_file_pins_all_that_a_service_installs() -> None:
    tested = pinned(LOCK.read_text())
    assert tested.keys() == pinned(lock()).keys(), "make lock"
    for requirement in run_time():
        if version := tested.get(canonical(requirement.name)):
            assert requirement.specifier.contains(version), f"{requirement}: make lock"


def test_the_versions_of_the_lock_file_agree_with_one_another() -> None:
    locked, tested = pinned(LOCK.read_text()), pinned(lock())
    apart = []
    for name in locked:
        if canonical(name) not in tested or version(name) != locked[name]:
            continue  # what this version asks for is not known here
        for requirement in map(Requirement, distribution(name).requires or ()):
            other = canonical(requirement.name)
            asked = not requirement.marker or requirement.marker.evaluate({"extra": ""})
            if asked and other in locked and not requirement.specifier.contains(locked[other]):
                apart.append(f"{name} asks for {requirement}, not for {locked[other]}: make lock")
    assert apart == []


def test_each_library_has_an_upper_bound_and_its_word_in_the_docs() -> None:
    docs = canonical((ROOT / "docs" / "dependencies.md").read_text())
    for requirement in run_time():
        name = canonical(requirement.name)
        bounded = any(each.operator in {"<", "<=", "==", "~="} for each in requirement.specifier)
        assert bounded != (name in UNBOUNDED), requirement
        assert name in docs, f"docs/dependencies.md does not name {name}"


def test_the_lock_file_travels_in_the_wheel(wheel: Path) -> None:
    assert zipfile.ZipFile(wheel).read("reporter/stock/requirements.lock") == LOCK.read_bytes()


def test_other_versions_than_the_tested_ones_are_named() -> None:
    assert untested("# a comment\nhttpx==0.0.1\nnot-installed-here==1.0\n") == {"httpx": (version("httpx"), "0.0.1")}
    assert untested(lock()) == {}


@pytest.mark.full  # it asks the package index
def test_pip_installs_exactly_the_lock_file_with_every_extra(wheel: Path, tmp_path: Path) -> None:
    env = tmp_path / "env"
    run(sys.executable, "-m", "venv", "--without-pip", env, cwd=tmp_path)
    pip = (sys.executable, "-m", "pip", "--python", env / "bin" / "python")
    run(*pip, "install", "--quiet", "-c", LOCK, f"{wheel}[{','.join(extras())}]", cwd=tmp_path)
    found = pinned(run(*pip, "freeze", "--all", cwd=tmp_path))
    assert {canonical(name): version for name, version in found.items()} == pinned(LOCK.read_text())
    run(*pip, "check", cwd=tmp_path)
