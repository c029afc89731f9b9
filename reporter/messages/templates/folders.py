"""Finds template files: the folders of a home before the stock ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from types import TracebackType

from jinja2 import BaseLoader, Environment
from jinja2.exceptions import TemplateNotFound, TemplateSyntaxError

from reporter.errors import TemplateError
from reporter.trusted_files import distrust

MARKDOWN, SVG = ".md.j2", ".svg.j2"
LARGEST_SOURCE = 100_000
"""Bytes of one template file. A template is compiled inside the daemon, so its size has a limit; ours have 3,000."""


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What tells one state of a file from another, or one file from another of the same name."""

    folder: Path
    path: Path
    changed: int
    size: int
    inode: int


class Folders(BaseLoader):
    """The folders that templates are looked for in, in order: the first that has a name gives it."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._folders = folders

    def __str__(self) -> str:
        return ", ".join(str(folder) for folder in self._folders)

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:  # noqa: ARG002
        stamp = self._stamp(template)
        if stamp is None:
            raise TemplateNotFound(template)
        if stamp.size > LARGEST_SOURCE:
            raise TemplateSyntaxError(f"has more than {LARGEST_SOURCE:,} bytes", 1, template, str(stamp.path))
        if reason := distrust(stamp.path.absolute(), stamp.folder.absolute().parent):
            raise TemplateSyntaxError(": ".join(reason), 1, template, str(stamp.path))
        try:
            source = stamp.path.read_text(encoding="utf-8")
        except OSError as error:
            raise self._closed(stamp.path, error) from None
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise TemplateSyntaxError("this is not UTF-8", line, template, str(stamp.path)) from None
        return source, str(stamp.path), lambda: self._stamp(template) == stamp

    def has(self, name: str) -> bool:
        """Whether any folder has a template that is not empty: an empty file hides its stock namesake and is none."""
        stamp = self._stamp(name)
        return stamp is not None and stamp.size > 0

    def path(self, name: str) -> Path:
        """The file that gives a template; where it would stand in the home if none does."""
        stamp = self._stamp(name)
        return stamp.path if stamp else self._folders[0] / name

    def names(self, suffix: str) -> list[str]:
        """The templates of one kind, without their suffix."""
        return [path.name.removesuffix(suffix) for folder in self._folders for path in folder.glob(f"*{suffix}")]

    def shown(self, path: str | Path) -> str:
        """A file as the user knows it: those of the home by the folder's name, others by their whole path."""
        path = Path(path)
        home = self._folders[0]
        return f"{home.name}/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)

    def last_line(self, trace: TracebackType | None) -> tuple[str | None, int | None]:
        """The innermost line of a template in a traceback."""
        found: tuple[str | None, int | None] = (None, None)
        while trace is not None:
            path = trace.tb_frame.f_code.co_filename
            if path.endswith((MARKDOWN, SVG)) and any(Path(path).is_relative_to(folder) for folder in self._folders):
                found = (path, trace.tb_lineno)
            trace = trace.tb_next
        return found

    def _stamp(self, name: str) -> _Stamp | None:
        """The file that gives a template. Raises TemplateError where a folder cannot be looked into: what a later one
        has may not be what the user wants."""
        if Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
            return None
        for folder in self._folders:
            path = folder / name
            try:
                found = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise self._closed(path, error) from None
            if S_ISREG(found.st_mode):
                return _Stamp(folder, path, found.st_mtime_ns, found.st_size, found.st_ino)
        return None

    def _closed(self, path: Path, error: OSError) -> TemplateError:
        return TemplateError(f"{self.shown(path)} cannot be read: {error.strerror}")
