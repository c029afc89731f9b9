"""Renders templates: the Markdown of a report and its SVG pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Template, meta, nodes
from jinja2.exceptions import TemplateNotFound, TemplateSyntaxError

from reporter.errors import Problem, TemplateError
from reporter.messages.formats import Formats
from reporter.messages.limited_process import BoundsError, Budget, RefusedError, run_limited
from reporter.messages.markdown_parser import OPENING, MarkdownError, parse
from reporter.messages.message import Message, Severity, Tone, from_dict, to_dict
from reporter.messages.templates.errors import did_you_mean, explained
from reporter.messages.templates.folders import LARGEST_SOURCE, MARKDOWN, SVG, Folders
from reporter.messages.templates.markdown_environment import MarkdownEnvironment
from reporter.messages.templates.sandbox import Sandbox
from reporter.messages.templates.svg_environment import SvgEnvironment, each_picture

BUDGET = Budget(seconds=1.0, megabytes=256)
"""For one rendering of a user's template. Ours take some milliseconds; a slow machine ten times as long."""
LONGEST_TEXT = 1_000_000
"""Characters that a template may write. A message of Discord has 6,000."""
LONGEST_EXCERPT = 100


class Renderer:
    """The templates of a home laid over the stock ones: the first folder that has a name gives it.

    A template is compiled once, and again when its file is another one or has changed. One that is made of files of the
    folder `stock` alone is rendered here; any other in a process of its own, which ends at the limits of `budget`.
    """

    def __init__(
        self,
        search_path: Sequence[Path],
        formats: Formats | None = None,
        *,
        stock: Path | None = None,
        budget: Budget = BUDGET,
    ) -> None:
        self._folders = Folders(tuple(search_path))
        self._stock = stock
        self._budget = budget
        self._includes: dict[str, tuple[Template, tuple[str | None, ...]]] = {}  # by template: the parts it names
        self._messages = MarkdownEnvironment(self._folders, formats or Formats())
        self._pictures = SvgEnvironment(self._folders, formats or Formats())

    @property
    def filters(self) -> tuple[str, ...]:
        """The names of all filters that the template of a message may use."""
        return tuple(sorted(self._messages.filters))

    @property
    def picture_words(self) -> tuple[str, ...]:
        """The names of all filters and functions that a picture may use besides those of messages."""
        added = {*self._pictures.filters, *self._pictures.globals} - {*self._messages.filters, *self._messages.globals}
        return tuple(sorted(added))

    def render(
        self,
        name: str,
        facts: Mapping[str, Any],
        *,
        tone: Tone = Tone.NEUTRAL,
        severity: Severity = Severity.INFO,
        at: datetime | None = None,
    ) -> Message:
        """The message that the template `name` makes of the facts; times are shown in the zone of `period`.

        `name` is a file's name, with or without `.md.j2`. Raises TemplateError, which says file and line.
        """
        name = _file_name(name, MARKDOWN)

        def message() -> Message:
            text = self._filled(self._messages, name, {"now": at, **facts})
            try:
                return parse(text, tone=tone, severity=severity, at=at)
            except MarkdownError as error:
                raise TemplateError(str(self._markdown_problem(name, error))) from error

        if self._is_stock(self._messages, name):
            return message()
        return from_dict(self._bounded(self._messages, name, lambda: to_dict(message())))

    def has_template(self, name: str) -> bool:
        """Whether there is a template `NAME.md.j2` that is not empty."""
        return self._folders.has(_file_name(name, MARKDOWN))

    def has_picture(self, name: str) -> bool:
        """Whether a picture goes with the message `name`: a template `NAME.svg.j2` that is not empty."""
        return self._folders.has(_file_name(name, SVG))

    def draw(self, name: str, facts: Mapping[str, Any], *, at: datetime | None = None) -> list[str]:
        """The pictures, as SVG, that the template `NAME.svg.j2` makes of the facts: one for each `svg` that it writes.

        None where there is no such template or it is empty. Raises TemplateError.
        """
        if not self.has_picture(name):
            return []
        name = _file_name(name, SVG)

        def drawn() -> list[str]:
            return list(each_picture(self._filled(self._pictures, name, {"now": at, **facts})))

        if self._is_stock(self._pictures, name):
            return drawn()
        return list(self._bounded(self._pictures, name, drawn))

    def check(self, name: str, known: Iterable[str] = ()) -> list[str]:
        """Compile a template and what it includes; returns the names it uses that nobody is known to give it.

        `name` ends in `.svg.j2` for a picture. Raises TemplateError for a template that cannot be compiled.
        """
        name = _file_name(name, MARKDOWN)
        sandbox = self._pictures if name.endswith(SVG) else self._messages
        try:
            tree = self._compiled(sandbox, name)
            self._compile_parts(sandbox, tree, {name})
        except TemplateError:
            raise
        except Exception as error:
            raise TemplateError(str(self._problem(sandbox, name, error, {}))) from error
        return sorted(_undeclared(tree, sandbox) - set(known) - set(sandbox.globals))

    def _filled(self, sandbox: Sandbox, name: str, facts: Mapping[str, Any]) -> str:
        try:
            with sandbox.about(facts):
                text = sandbox.get_template(name).render(facts)
        except TemplateError:
            raise
        except Exception as error:  # whatever a template can come to, the user reads one kind of sentence
            raise TemplateError(str(self._problem(sandbox, name, error, facts))) from error
        if len(text) > LONGEST_TEXT:
            path = self._folders.shown(self._folders.path(name))
            raise TemplateError(f"{path}: writes {len(text):,} characters, and may write {LONGEST_TEXT:,}")
        return text

    def _is_stock(self, sandbox: Sandbox, name: str) -> bool:
        """Whether a template and all of its parts are stock ones. Each is compiled here, once, for all renderings."""
        seen: set[str | None] = set()
        waiting: list[str | None] = [name]
        files = []
        while waiting:
            part = waiting.pop()
            if part in seen:
                continue
            seen.add(part)
            if part is None:  # its name is known only when the template runs
                return False
            try:
                template, includes = self._with_includes(sandbox, part)
            except Exception:  # noqa: BLE001 - it is reported where the template is rendered
                return False
            files.append(Path(template.filename or ""))
            waiting += includes
        return self._stock is not None and all(file.is_relative_to(self._stock) for file in files)

    def _with_includes(self, sandbox: Sandbox, name: str) -> tuple[Template, tuple[str | None, ...]]:
        template = sandbox.get_template(name)
        known = self._includes.get(name)
        if known is None or known[0] is not template:
            source, path, _ = self._folders.get_source(sandbox, name)
            known = template, tuple(meta.find_referenced_templates(sandbox.parse(source, name, path)))
            self._includes[name] = known
        return known

    def _bounded(self, sandbox: Sandbox, name: str, work: Callable[[], Any]) -> Any:
        """What comes of a rendering in a process of its own, as JSON data. Raises TemplateError."""
        try:
            return json.loads(run_limited(lambda: json.dumps(work()).encode(), self._budget))
        except RefusedError as error:
            raise TemplateError(str(error)) from None
        except BoundsError as error:
            raise TemplateError(str(self._ended(sandbox, name, error))) from None

    def _ended(self, sandbox: Sandbox, name: str, error: BoundsError) -> Problem:
        """Where a rendering was when it was ended."""
        compiled = {str(template.filename): template for template in sandbox.compiled()}
        path, line = str(self._folders.path(name)), None
        for file, number in error.frames:
            if file in compiled:
                path, line = file, compiled[file].get_corresponding_lineno(number)
                break
        hint = "let it go through fewer things, or shorten them in the job"
        return Problem(
            self._folders.shown(path), f"{error}: it was ended", line, hint=hint, excerpt=_excerpt(path, line)
        )

    def _compiled(self, sandbox: Sandbox, name: str) -> nodes.Template:
        sandbox.get_template(name)
        source, path, _ = self._folders.get_source(sandbox, name)
        return sandbox.parse(source, name, path)

    def _compile_parts(self, sandbox: Sandbox, tree: nodes.Template, seen: set[str]) -> None:
        for part in meta.find_referenced_templates(tree):
            if part and part not in seen:
                seen.add(part)
                self._compile_parts(sandbox, self._compiled(sandbox, part), seen)

    def _problem(self, sandbox: Sandbox, name: str, error: Exception, facts: Mapping[str, Any]) -> Problem:
        """Where it went wrong in which template, and what to write instead."""
        if isinstance(error, TemplateNotFound):
            return self._missing(name, error)
        path, line = self._folders.last_line(error.__traceback__)
        if isinstance(error, TemplateSyntaxError):
            path, line = error.filename, error.lineno
        message, hint = explained(error, {*facts, *sandbox.globals}, sorted(sandbox.filters))
        where = self._folders.shown(path) if path else self._folders.shown(self._folders.path(name))
        return Problem(where, message, line, hint=hint, excerpt=_excerpt(path, line))

    def _missing(self, name: str, error: TemplateNotFound) -> Problem:
        wanted, suffix = str(error.name), SVG if name.endswith(SVG) else MARKDOWN
        near = did_you_mean(wanted.removesuffix(suffix), self._folders.names(suffix))
        path, line = self._folders.last_line(error.__traceback__)
        where = self._folders.shown(path) if path else f"templates/{name}"
        hint = near or f"looked in {self._folders}"
        return Problem(where, f"there is no template {wanted}", line, hint=hint, excerpt=_excerpt(path, line))

    def _markdown_problem(self, name: str, error: MarkdownError) -> Problem:
        """The line of the rendered Markdown, and of the template where only one line can have written it."""
        path = self._folders.path(name)
        beginning = error.excerpt.partition(OPENING)[0].strip()
        written = [number for number, line in enumerate(_lines(path), 1) if line.strip().startswith(beginning)]
        line = written[0] if beginning and len(written) == 1 else None
        message = f"{error.message} (line {error.line} of the rendered Markdown)" if error.line else error.message
        return Problem(self._folders.shown(path), message, line, excerpt=_excerpt(str(path), line))


def _undeclared(tree: nodes.Template, sandbox: Sandbox) -> set[str]:
    """As `meta.find_undeclared_variables`, which computes what is constant, however large it is."""
    names = meta.TrackingCodeGenerator(sandbox)
    names.optimizer = None
    names.visit(tree)
    return set(names.undeclared_identifiers)


def _file_name(name: str, suffix: str) -> str:
    return name if name.endswith((MARKDOWN, SVG)) else name + suffix


def _lines(path: Path) -> list[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(LARGEST_SOURCE).splitlines()


def _excerpt(path: str | None, line: int | None) -> str:
    lines = _lines(Path(path)) if path and line else []
    return lines[line - 1].strip()[:LONGEST_EXCERPT] if line and line <= len(lines) else ""
