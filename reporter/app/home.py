"""Home folders: find one, read it, watch it for edits, build the program from it, create a new one."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TextIO

from reporter.app.build import HomeContents, build
from reporter.app.channels import Services
from reporter.app.config_lint import settings_without_effect
from reporter.app.files import FileWatch, version_of
from reporter.config import loading
from reporter.errors import ConfigError, Problem
from reporter.jobs.binding import bind
from reporter.jobs.loader import Catalog, closed_folders, job_files, load_catalog, stock_home
from reporter.periods.clock import Clock
from reporter.scheduler.runtime import Runtime
from reporter.secret import Secret

log = logging.getLogger(__name__)

CONFIG = Path("config", "reporter.yaml")
ETC = Path("/etc/reporter")
FLOOR = Path("config", "examples", "floor.yaml")
_EMPTY = "`reporter schema` lists the keys; `reporter init` makes a config that explains them, in a folder without one"


def find_home(given: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The home to use: the one named, `$REPORTER_HOME`, this folder, or /etc/reporter. Raises ConfigError."""
    named = given or environ.get("REPORTER_HOME")
    places = [Path(named)] if named else [Path(), ETC]
    for place in places:
        if (place / CONFIG).is_file():
            return place
    above = (
        next((place for place in Path(named).absolute().parents if (place / CONFIG).is_file()), None) if named else None
    )
    hint = f"make one with `reporter init {named or 'DIR'}`, or look at the demo with `reporter demo`"
    if above is not None:
        hint = f"did you mean `--home {above}`?"
    looked = " or ".join(str(place / CONFIG) for place in places)
    raise ConfigError([Problem(looked, "there is no config here", hint=hint)])


class FolderHome:
    """A home in a folder, laid over the stock home that comes with the program.

    `uses` are the sections of the config whose secrets are needed; None is all.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        stream: TextIO | None = None,
        environ: Mapping[str, str] = os.environ,
        uses: Collection[str] | None = None,
    ) -> None:
        self.path = folder / CONFIG
        self.homes = (folder, stock_home())
        self.clock = clock
        self.warnings: tuple[Problem, ...] = ()
        self.catalog = Catalog()
        self.store = Secret("")  # the URL of our own database, once the config was read
        self._stream = stream
        self.services = Services(clock)  # which channels and answers share, over reloads of the config
        self._environ = environ
        self._uses = uses
        self._referred: frozenset[Path] = frozenset()  # the files that the config refers to
        self._watch = FileWatch(self._files)

    def build(self) -> Runtime:
        """Read all files and build the program. Raises ConfigError with all problems, and changes nothing then."""
        self._watch.mark_read()
        known = self._referred
        contents = self.read()
        self._watch.mark_found(self._referred - known)
        runtime, problems = self.open(contents)
        if problems:
            runtime.close()
            raise ConfigError(problems)
        self.catalog = contents.catalog
        self.store = contents.loaded.store
        self._warn(contents)
        return runtime

    def read(self) -> HomeContents:
        """What the files say. Raises ConfigError where nothing of the config can be read."""
        version = version_of(self.path, self.homes)
        loaded = loading.look_through(self.path, self._environ, self._uses)
        self._referred = loaded.referred
        if not loaded.document.text.strip():  # what a full disk or an editor at work leaves behind
            raise ConfigError([Problem(str(self.path), "this file is empty", hint=_EMPTY)])
        catalog = load_catalog(self.homes)
        jobs, problems = bind(loaded, catalog)
        problems = [*loaded.problems, *closed_folders(self.homes), *problems]
        return HomeContents(self.homes, loaded, catalog, jobs, problems, version, self._environ)

    def open(self, contents: HomeContents) -> tuple[Runtime, list[Problem]]:
        """All that can be opened, and all problems."""
        return build(contents, self.clock, self._stream, self.services)

    def edited(self) -> bool:
        """Whether the files differ from those last read, and have settled."""
        return self._watch.edited()

    def _files(self) -> Iterable[Path]:
        """What to watch. Who may write to a folder decides whether the files in it are used."""
        home = self.homes[0]
        folders = (home, home / "config", home / "jobs", home / "templates")
        return self.path, *folders, *job_files(self.homes).values(), *self._referred

    def _warn(self, contents: HomeContents) -> None:
        """Log what works and should be mended: once, and not again at each edit of something else."""
        known, loaded = self.warnings, contents.loaded
        self.warnings = (
            *loaded.warnings,
            *settings_without_effect(loaded, contents.jobs),
            *contents.catalog.problems,
        )
        for problem in self.warnings:
            if problem not in known:
                log.warning("%s", problem)


def make_home(folder: Path, *, config: Path = CONFIG) -> list[Path]:
    """Create a home that is ready to edit; existing files stay as they are. Returns the created files.

    `config` is the file of the stock home that becomes the new one's config.
    """
    created: list[Path] = []
    for name in ("config", "jobs", "templates"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    schema = CONFIG.with_name("schema.json")
    for source, target in ((config, folder / CONFIG), (schema, folder / schema)):
        if not target.exists():
            shutil.copyfile(stock_home() / source, target)
            created.append(target)
    return created
