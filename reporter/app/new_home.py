"""Makes a home whole or not at all: it grows in a folder beside its place, and gets its name at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reporter.app.home import CONFIG
from reporter.jobs.loader import stock_home
from reporter.trading.ledger.mapping_text import scalar

SECRETS = Path("secrets")
_SCRATCH = ".scratch"
_HEAD = """\
# yaml-language-server: $schema=schema.json
#
# Made by `reporter init`. `reporter check` finds mistakes; docs/configuration.md explains every key, and so does
# {explained}.
version: 1
"""


@dataclass(slots=True)
class NewHome:
    """What the new home has: entries of its config as YAML, by name, and the texts of further files."""

    timezone: str
    ledgers: dict[str, str] = field(default_factory=dict)
    mappings: dict[str, str] = field(default_factory=dict)
    channel: tuple[str, str] = ("screen", "{kind: console}")
    jobs: tuple[str, ...] = ()
    secrets: dict[str, str] = field(default_factory=dict)
    servers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StagedHome:
    """A home in the making. `environ` keeps its store away from where the real one will be."""

    folder: Path
    place: Path

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "STATE_DIRECTORY": str(self.folder / _SCRATCH)}

    def write(self, contents: NewHome) -> None:
        """Write every file of the home anew."""
        for name in ("config", "jobs", "templates"):
            (self.folder / name).mkdir(exist_ok=True)
        shutil.copyfile(stock_home() / CONFIG.with_name("schema.json"), self.folder / CONFIG.with_name("schema.json"))
        for name, text in contents.mappings.items():
            (self.folder / CONFIG.with_name(f"{name}.yaml")).write_text(text, encoding="utf-8")
        for name, value in contents.secrets.items():
            _write_secret(self.folder / SECRETS / name, value)
        (self.folder / CONFIG).write_text(config_text(contents), encoding="utf-8")

    def put_in_place(self) -> None:
        """Give the home its name. In a folder that is there already, the config is the last file that comes."""
        shutil.rmtree(self.folder / _SCRATCH, ignore_errors=True)
        if not self.place.exists():
            self.folder.rename(self.place)
            return
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        for folder in sorted(path for path in self.folder.rglob("*") if path.is_dir()):
            target = self.place / folder.relative_to(self.folder)
            if not target.exists():
                target.mkdir(mode=folder.stat().st_mode & 0o777)
        for file in sorted(files, key=lambda path: path == self.folder / CONFIG):
            target = self.place / file.relative_to(self.folder)
            if not target.exists():
                shutil.move(file, target)


@contextmanager
def staged_home(place: Path) -> Iterator[StagedHome]:
    """A folder beside the home's place; whatever is left of it at the end is removed."""
    place = place.absolute()
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{place.name}-", suffix=".part", dir=place.parent))
    folder.chmod(0o755)
    (folder / _SCRATCH).mkdir(mode=0o700)
    try:
        yield StagedHome(folder, place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def config_text(contents: NewHome) -> str:
    """The config that says what was wished for."""
    lines = [_HEAD.format(explained=stock_home() / CONFIG), f"timezone: {scalar(contents.timezone)}"]
    lines += _section("ledgers", contents.ledgers)
    lines += [f"{name}: {{base_url: {scalar(url, inside=True)}}}" for name, url in contents.servers.items()]
    lines += _section("channels", dict([contents.channel]))
    lines += _section("jobs", dict.fromkeys(contents.jobs, f"{{channel: {contents.channel[0]}}}"))
    return "\n".join(lines) + "\n"


def _section(name: str, entries: dict[str, str]) -> list[str]:
    return ["", f"{name}:", *(f"  {key}: {value}" for key, value in entries.items())] if entries else []


def _write_secret(file: Path, value: str) -> None:
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as target:
        target.write(f"{value}\n")
