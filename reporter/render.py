"""Templates: Jinja in a sandbox, whose values can say anything and mean nothing but themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jinja2 import BaseLoader, Environment, StrictUndefined, Undefined, meta, nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import (
    SecurityError,
    TemplateAssertionError,
    TemplateNotFound,
    TemplateSyntaxError,
    UndefinedError,
)
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from reporter.errors import Problem, TemplateError
from reporter.formats import Formats, ago, duration, medal, plural, size, trend
from reporter.letter import CLOSING, OPENING, LetterError, parse, token
from reporter.message import Message, Severity, Tone
from reporter.secret import Secret
from reporter.spelling import nearest

SUFFIX = ".md.j2"


class Renderer:
    """The templates of a home laid over the stock ones: the first folder that has a name gives it.

    A template is compiled once, and anew when its file is another one or has changed.
    """

    def __init__(self, search_path: Sequence[Path], formats: Formats | None = None) -> None:
        self._folders = _Folders(tuple(search_path))
        self._environment = _Sandbox(self._folders, formats or Formats())

    @property
    def filters(self) -> tuple[str, ...]:
        """The names of all filters that a template may use."""
        return tuple(sorted(self._environment.filters))

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
        name = _file_name(name)
        facts = {"now": at, **facts}
        try:
            text = self._environment.get_template(name).render(facts)
        except Exception as error:  # whatever a template can come to, the user reads one kind of sentence
            raise TemplateError(str(self._problem(name, error, facts))) from error
        try:
            return parse(text, tone=tone, severity=severity, at=at)
        except LetterError as error:
            raise TemplateError(str(self._letter_problem(name, error))) from error

    def check(self, name: str, known: Iterable[str] = ()) -> list[str]:
        """Compile a template and what it includes; returns the names it uses that nobody is known to give it.

        Raises TemplateError for a template that cannot be compiled.
        """
        name = _file_name(name)
        try:
            tree = self._compiled(name)
            self._compile_parts(tree, {name})
        except Exception as error:
            raise TemplateError(str(self._problem(name, error, {}))) from error
        return sorted(meta.find_undeclared_variables(tree) - set(known) - set(self._environment.globals))

    def _compiled(self, name: str) -> nodes.Template:
        self._environment.get_template(name)
        source, path, _ = self._folders.get_source(self._environment, name)
        return self._environment.parse(source, name, path)

    def _compile_parts(self, tree: nodes.Template, seen: set[str]) -> None:
        for part in meta.find_referenced_templates(tree):
            if part and part not in seen:
                seen.add(part)
                self._compile_parts(self._compiled(part), seen)

    def _problem(self, name: str, error: Exception, facts: Mapping[str, Any]) -> Problem:
        """Where it went wrong in which template, and what to write instead."""
        if isinstance(error, TemplateNotFound):
            return self._missing(name, error)
        path, line = self._folders.last_line(error.__traceback__)
        if isinstance(error, TemplateSyntaxError):
            path, line = error.filename, error.lineno
        message, hint = _explained(error, {*facts, *self._environment.globals}, self.filters)
        where = self._folders.shown(path) if path else self._folders.shown(self._folders.path(name))
        return Problem(where, message, line, hint=hint, excerpt=_excerpt(path, line))

    def _missing(self, name: str, error: TemplateNotFound) -> Problem:
        wanted = str(error.name)
        hint = _did_you_mean(wanted.removesuffix(SUFFIX), self._folders.names()) or f"looked in {self._folders}"
        path, line = self._folders.last_line(error.__traceback__)
        where = self._folders.shown(path) if path else f"templates/{name}"
        return Problem(where, f"there is no template {wanted}", line, hint=hint, excerpt=_excerpt(path, line))

    def _letter_problem(self, name: str, error: LetterError) -> Problem:
        """The letter's line, and the template's where only one line can have written it."""
        path = self._folders.path(name)
        beginning = error.excerpt.partition(OPENING)[0]
        written = [number for number, line in enumerate(_lines(path), 1) if line.strip().startswith(beginning.strip())]
        line = written[0] if beginning.strip() and len(written) == 1 else None
        message = f"{error.message} (line {error.line} of the letter)" if error.line else error.message
        return Problem(self._folders.shown(path), message, line, excerpt=_excerpt(str(path), line))


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What tells one state of a file from another, or one file from another of the same name."""

    path: Path
    changed: int
    size: int
    inode: int


class _Folders(BaseLoader):
    """The folders that templates are looked for in, in order."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._folders = folders

    def __str__(self) -> str:
        return ", ".join(str(folder) for folder in self._folders)

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:  # noqa: ARG002
        stamp = self._stamp(template)
        if stamp is None:
            raise TemplateNotFound(template)
        try:
            source = stamp.path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise TemplateSyntaxError("this is not UTF-8", line, template, str(stamp.path)) from None
        return source, str(stamp.path), lambda: self._stamp(template) == stamp

    def path(self, name: str) -> Path:
        """The file that gives a template; where it would stand in the home if none does."""
        stamp = self._stamp(name)
        return stamp.path if stamp else self._folders[0] / name

    def names(self) -> list[str]:
        return [path.name.removesuffix(SUFFIX) for folder in self._folders for path in folder.glob(f"*{SUFFIX}")]

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
            if path.endswith(SUFFIX) and any(Path(path).is_relative_to(folder) for folder in self._folders):
                found = (path, trace.tb_lineno)
            trace = trace.tb_next
        return found

    def _stamp(self, name: str) -> _Stamp | None:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            return None
        for folder in self._folders:
            path = folder / name
            if path.is_file():
                stat = path.stat()
                return _Stamp(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)
        return None


class _Missing(StrictUndefined):
    """A name that is not there, which says what is."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name = self._undefined_name
        if self._undefined_hint or not isinstance(name, str):
            return super()._undefined_message
        if self._undefined_obj is missing:
            return f"unknown name {name!r}"
        return f"{type(self._undefined_obj).__name__} has no {name!r}; {_instead(name, _names_of(self._undefined_obj))}"


# What a template may be made of. All else either captures text that is already written, in which values could no more
# be told from markup (macro, call, filter, block, block set, extends), or hides what it imports.
_STATEMENTS = (nodes.Output, nodes.For, nodes.If, nodes.With, nodes.Include, nodes.Assign, nodes.Scope)
_TAGS: dict[type[nodes.Node], str] = {
    nodes.For: "for … recursive",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "filter",
    nodes.AssignBlock: "set … endset",
    nodes.FromImport: "from",
    nodes.ScopedEvalContextModifier: "autoescape",
}


class _RefusedError(TemplateAssertionError):
    """A statement that letters do not have."""


class _Compiler(CodeGenerator):
    """Jinja's compiler for the part of its language that letters use."""

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        recursive = isinstance(node, nodes.For) and node.recursive
        if recursive or (isinstance(node, nodes.Stmt) and not isinstance(node, _STATEMENTS)):
            tag = _TAGS.get(type(node), type(node).__name__.lower())
            raise _RefusedError(f"{{% {tag} %}} cannot be used in a letter", node.lineno, self.name, self.filename)
        return super().visit(node, *args, **kwargs)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """`a ~ b`, where None reads as everywhere else."""
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class _Sandbox(ImmutableSandboxedEnvironment):
    """Where letters are made: values become tokens, None stays None, and nothing leads out."""

    code_generator_class = _Compiler

    def __init__(self, loader: BaseLoader, formats: Formats) -> None:
        super().__init__(
            loader=loader,
            undefined=_Missing,
            finalize=lambda value: _token(value, formats),
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._formats = formats
        self.globals = {name: self.globals[name] for name in ("range", "namespace")}
        self.filters = _filters(formats)

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        """Every line ends, that of an included part too; only lines of nothing but tags vanish."""
        lines = super().preprocess(source, name, filename).rstrip("\n").split("\n")
        for number, line in enumerate(lines, 1):
            if OPENING in line or CLOSING in line:
                raise TemplateSyntaxError("U+E000 and U+E001 cannot stand in a template", number, name, filename)
        return "".join(f"{_with_its_break(line.rstrip())}\n" for line in lines)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What is unknown has unknown parts: `book.best.pnl` is None where there is no best trade."""
        return None if obj is None else super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return None if obj is None else super().getitem(obj, argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return not isinstance(obj, Secret) and super().is_safe_attribute(obj, attr, value)

    def joined(self, parts: Iterable[object]) -> str:
        return "".join(map(self._formats.say, parts))


class _Timed(str):
    """The text of a time that can count by itself; `moment` is ISO 8601."""

    moment: str

    def __new__(cls, text: str, moment: datetime) -> Self:
        timed = super().__new__(cls, text)
        timed.moment = moment.isoformat()
        return timed


def _token(value: object, formats: Formats) -> str:
    return token(value, value.moment) if isinstance(value, _Timed) else token(formats.say(value))


_TAG = re.compile(r"\{%.*?%\}|\{#.*?#\}")
_TAG_AT_THE_END = re.compile(r"(?<![-+])(?=[%#]\}$)")
_INCLUDE_AT_THE_END = re.compile(r"\{%\s*include\b[^%]*%\}$")


def _with_its_break(line: str) -> str:
    """Jinja drops the break after a tag; `+%}` tells it not to, where the line has text beside its tags.

    An included part brings a break along.
    """
    text = _TAG.sub("", line).strip()
    if not text or text.endswith(("%}", "#}")) or _INCLUDE_AT_THE_END.search(line):
        return line
    return _TAG_AT_THE_END.sub("+", line)


Filter = Callable[..., Any]

_OF_SEQUENCES = (
    "batch count dictsort first groupby items last length list map max min reject rejectattr reverse select selectattr "
    "slice sort sum unique"
)
_OF_NUMBERS = "abs float int round"
_OF_TEXT = "capitalize center lower string title trim upper"


def _filters(formats: Formats) -> dict[str, Filter]:
    """Every filter that letters have: our own, and those of Jinja's that leave the unknown unknown."""
    filters = {
        **{name: FILTERS[name] for name in _OF_SEQUENCES.split()},
        **{name: _known(FILTERS[name]) for name in _OF_NUMBERS.split()},
        **{name: _known(_on_text(FILTERS[name], formats)) for name in _OF_TEXT.split()},
        "replace": _known(_on_text(str.replace, formats)),
        "join": lambda values, between="": between.join(map(formats.say, values)),
        "money": formats.money,
        "signed": formats.signed,
        "number": formats.number,
        "pct": formats.pct,
        "signed_pct": formats.signed_pct,
        "date": _in_zone(formats.date),
        "clock": _in_zone(formats.clock),
        "time": _in_zone(formats.time),
        "when": _in_zone(lambda moment, zone: moment and _Timed(formats.time(moment, zone) or "", moment)),
        "ago": pass_context(lambda context, moment: ago(moment, context.get("now"))),
        "duration": duration,
        "bytes": size,
        "medal": medal,
        "trend": trend,
        "plural": plural,
    }
    return {name: _defined(filter_) for name, filter_ in filters.items()} | {"default": _default, "d": _default}


def _defined(function: Filter) -> Filter:
    """A filter that asks first whether what it is given exists, so that the error names what does not."""

    @wraps(function)
    def asked(*args: Any, **options: Any) -> Any:
        for value in (*args, *options.values()):
            if isinstance(value, Undefined):
                str(value)  # raises
        return function(*args, **options)

    return asked


def _known(function: Filter) -> Filter:
    return lambda value, *args, **options: None if value is None else function(value, *args, **options)


def _on_text(function: Filter, formats: Formats) -> Filter:
    return lambda value, *args, **options: function(formats.say(value), *args, **options)


def _in_zone(show: Callable[[Any, str | None], Any]) -> Filter:
    """A filter of times, which are shown in the zone whose calendar cut the report's period."""
    return pass_context(lambda context, moment: show(moment, getattr(context.get("period"), "zone", None)))


def _default(value: object, other: object = "") -> object:
    return other if value is None or isinstance(value, Undefined) else value


def _explained(error: Exception, names: Iterable[str], filters: Iterable[str]) -> tuple[str, str]:
    """What went wrong, and what to write instead."""
    match error:
        case _RefusedError():
            return str(error.message), 'put the lines in templates/_row.md.j2 and write {% include "_row.md.j2" %}'
        case TemplateSyntaxError():
            wrong = re.match(r"No filter named '(\w+)'", error.message or "")
            return str(error.message), _instead(wrong[1], filters) if wrong else ""
        case SecurityError():
            return str(error), "a template reads figures and names; it opens and changes nothing"
        case UndefinedError():
            message, _, hint = str(error).partition("; ")
            wrong = re.fullmatch(r"unknown name '(\w+)'", message)
            return message, _instead(wrong[1], names) if wrong else hint
        case _ if "NoneType" in str(error):
            return str(error), "a figure that is not known is None: ask `{% if … is not none %}` first"
        case _:
            return f"{type(error).__name__}: {error}", ""


_SHOWN_NAMES = 20


def _instead(wrong: str, known: Iterable[str]) -> str:
    names = sorted(known)
    more = " …" if len(names) > _SHOWN_NAMES else ""
    return _did_you_mean(wrong, names) or f"there is {', '.join(names[:_SHOWN_NAMES])}{more}"


def _did_you_mean(wrong: str, known: Iterable[str]) -> str:
    near = nearest(wrong, known)
    return f"did you mean {near!r}?" if near else ""


def _names_of(thing: object) -> list[str]:
    """What a template may ask of a thing."""
    names = thing if isinstance(thing, Mapping) else dir(thing)
    return [name for name in map(str, names) if not name.startswith("_")]


def _file_name(name: str) -> str:
    return name if name.endswith(SUFFIX) else name + SUFFIX


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def _excerpt(path: str | None, line: int | None) -> str:
    lines = _lines(Path(path)) if path and line else []
    return lines[line - 1].strip() if line and line <= len(lines) else ""
