"""The Containerfile, tried without a container engine: its steps in a folder, its program as an ordinary user."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from reporter.cli import main
from reporter.scheduler.service_notify import ALIVE
from tests.control.installed import interpreter
from tests.support.paths import ROOT
from tests.support.processes import until

USER = 10001
HOME = "version: 1\nchannels: {here: {kind: console}}\njobs: {health_probe: {channel: here}}\n"


def instructions(text: str) -> list[tuple[str, str]]:
    """Each instruction with its argument."""
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n|^\n", "", text, flags=re.MULTILINE)).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


STEPS = instructions((ROOT / "Containerfile").read_text())


def last(word: str) -> str:
    return [rest for name, rest in STEPS if name == word][-1]


ENVIRON = dict(rest.split("=", 1) for word, rest in STEPS if word == "ENV")
WRITABLE = {name: ENVIRON[name] for name in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY")}


def test_it_runs_as_nobody_special_from_one_small_base_and_stops_by_sigterm() -> None:
    assert {rest.split(" AS ")[0] for word, rest in STEPS if word == "FROM"} == {
        "docker.io/library/python:${PYTHON}-slim"
    }
    assert last("USER") == f"{USER}:{USER}"
    assert last("STOPSIGNAL") == "SIGTERM"
    assert last("VOLUME") == ENVIRON["STATE_DIRECTORY"]


def test_all_that_it_copies_is_in_the_checkout() -> None:
    copied = [name for word, rest in STEPS if word == "COPY" and "--from" not in rest for name in rest.split()[:-1]]
    assert set(copied) >= {"pyproject.toml", "requirements.lock", "reporter"}
    assert [name for name in copied if not (ROOT / name).exists()] == []


@pytest.mark.full  # it asks the package index
def test_its_steps_build_a_program(tmp_path: Path) -> None:
    """Every COPY and RUN of the first stage, with the image's folders below one of ours."""
    source, target = tmp_path / "src", tmp_path / "opt"
    source.mkdir()
    for word, rest in STEPS[: [word for word, _ in STEPS].index("FROM", 3)]:
        if word == "COPY":
            *names, place = rest.split()
            for name in names:
                copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
                copy(ROOT / name, source / place if (ROOT / name).is_dir() else source)
        elif word == "RUN":
            step = rest.replace("/opt/reporter", str(target)).replace("python -m venv", f"{sys.executable} -m venv")
            subprocess.run(["sh", "-c", step], cwd=source, env=os.environ | {"EXTRAS": "postgres,web"}, check=True)
    said = subprocess.run([target / "bin" / "reporter", "schema"], capture_output=True, text=True, check=True)
    assert json.loads(said.stdout)["$defs"]


@contextmanager
def container(folder: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Its entry point with its variables, as its user, with a home that cannot be written to."""
    home = folder / "home"
    (home / "config").mkdir(parents=True)
    (home / "config/reporter.yaml").write_text(HOME)
    python = interpreter() if os.geteuid() == 0 else sys.executable
    if python is None:
        pytest.skip("other users may not run this Python")
    environ = {name: f"{folder}{place}" for name, place in WRITABLE.items()} | {"REPORTER_HOME": str(home)}
    for place in WRITABLE:
        Path(environ[place]).mkdir(parents=True, mode=0o700)
        if os.geteuid() == 0:
            os.chown(environ[place], USER, USER)
    for path in (home, home / "config"):
        path.chmod(0o555)
    borrowed = {"PYTHONPATH": f"{sysconfig.get_path('purelib')}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [python, "-P", "-m", *json.loads(last("ENTRYPOINT")), *json.loads(last("CMD"))]
    if apart():
        command = [*APART, "sh", "-c", ALONE, "sh", *(environ[place] for place in WRITABLE), "--", *command]
    user = USER if os.geteuid() == 0 and not apart() else None
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(
            command, env=ENVIRON | environ | borrowed, cwd="/", stdout=log, stderr=log, text=True, user=user, group=user
        )
    try:
        yield running, environ
    finally:
        running.kill()
        running.wait()


# As an engine does it: the first process of its own process tree, a file system that is read-only but for some places,
# no right of root's, and none to be had.
APART = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
ALONE = f"""
set -e
while [ "$1" != -- ]; do mount --bind "$1" "$1"; shift; done
shift
mount -t proc proc /proc
mount -o remount,bind,ro /
exec setpriv --reuid {USER} --regid {USER} --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
"""


@cache
def apart() -> bool:
    """Whether this machine lets us do so."""
    tried = [*APART, "sh", "-c", "mount -t proc proc /proc && mount -o remount,bind,ro /"]
    return os.geteuid() == 0 and subprocess.run(tried, capture_output=True, check=False).returncode == 0


def first_process(running: subprocess.Popen[str]) -> int:
    """The program itself, as this machine numbers it."""
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    return int(children[0]) if apart() else running.pid


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that other users may enter, as pytest's own they may not."""
    with TemporaryDirectory(prefix="reporter-container-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_its_program_is_healthy_and_stops_in_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = json.loads(last("HEALTHCHECK").partition("CMD ")[2])[1:]
    with container(folder) as (running, environ):
        monkeypatch.setenv("RUNTIME_DIRECTORY", environ["RUNTIME_DIRECTORY"])
        assert main(command) == 1  # it only starts
        sign = Path(environ["RUNTIME_DIRECTORY"], ALIVE)
        until(lambda: sign.exists() or running.poll() is not None, (folder / "log").read_text)
        assert main(command) == 0
        if apart():
            status = Path(f"/proc/{first_process(running)}/status").read_text()
            assert re.search(rf"^Uid:\t{USER}\t(.|\n)*^NSpid:\t\d+\t1$(.|\n)*^CapEff:\t0+$", status, re.MULTILINE)
        os.kill(first_process(running), getattr(signal, last("STOPSIGNAL")))
        assert running.wait(30) == 0, (folder / "log").read_text()
    assert main(command) == 1
    assert {path.name for path in folder.iterdir()} == {"home", "log", "var", "run"}


def test_a_daemon_without_progress_is_unhealthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    (tmp_path / ALIVE).touch()
    os.utime(tmp_path / ALIVE, (time.time() - 90,) * 2)
    assert main(["service", "alive"]) == 1
    assert "its last sign is 90 s old" in capsys.readouterr().out
