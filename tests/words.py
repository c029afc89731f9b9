"""Writes `docs/words.md`: every word and every field that a job or a template may use, from the code's own sentences.

    python -m tests.words          # writes the page
    python -m tests.words --check  # says whether the page is what the code says

`tests/jobs/test_words.py` holds the page to the code.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from types import ModuleType
from typing import Any, get_args, get_origin

from pydantic import BaseModel

import reporter.metrics
import reporter.periods
from reporter.jobs import api, kit
from reporter.jobs.context import History, Params
from reporter.jobs.kit.status_board import BoardFacts
from reporter.jobs.loader import load_catalog, stock_home
from reporter.messages.formats import Formats
from reporter.messages.templates.folders import Folders
from reporter.messages.templates.markdown_environment import MarkdownEnvironment
from reporter.messages.templates.svg_environment import SvgEnvironment
from reporter.trading.books import Ledger
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "words.md"

HEAD = """# Words

Every word and every field that a job file or a template may use. `python -m tests.words` writes this page from the
sentences in the code. [Templates](templates.md) explains how templates are written, [Reports](reports.md) what the
stock reports show, and [Figures](figures.md) how each figure is computed.

What is unknown is None and reads `N/A`. Moments are aware and in UTC; templates show them in the zone of the report.
Amounts are exact decimals.
"""

# What a number counts, by the words of its sentence.
UNITS = {
    r"in seconds": "seconds",
    r"in bytes": "bytes",
    r"[Bb]ytes a second": "bytes a second",
    r"a second\b": "a second",
    r"percent": "percent",
    r"°C": "°C",
    r"\bshare\b|-10 %|4 %": "share",
    r"price": "price",
    r"subject's own units": "the subject's own",
    r"[Ll]oad averages": "processes",
    r"value at risk": "share",
    r"on an axis|so many points": "units of the viewBox",
    r"[Ss]ize in": "units of the asset",
    r"[Rr]atio|over gross|over the average|over the maximum drawdown": "ratio",
    r"[Aa]mount|paid in|balance|funding|level": "amount",
    r"system quality": "number",
}


@dataclass(frozen=True)
class Word:
    """A line of a table."""

    name: str
    type: str
    says: str

    @property
    def unit(self) -> str:
        """What it is counted in; `?` for a number that does not say it."""
        if "Money" in self.type:
            return "amount and currency"
        if "datetime" in self.type:
            return "moment"
        if "timedelta" in self.type:
            return "duration"
        if re.search(r"\bint\b|\bfloat\b|Decimal", self.type) and "Callable" not in self.type:
            found = (unit for pattern, unit in UNITS.items() if re.search(pattern, self.says))
            return next(found, "?" if re.search(r"float|Decimal", self.type) else "count")
        return "day" if re.search(r"\bdate\b", self.type) else ""

    def __str__(self) -> str:
        cells = (f"`{self.name}`", f"`{self.type}`" if self.type else "", self.unit, self.says)
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def first_sentence(text: str | None) -> str:
    """The first sentence of a docstring, in one line."""
    flat = " ".join((text or "").strip().partition("\n\n")[0].split())
    found = re.match(r"(.+?[.!])(?= [A-Z`*]|$)", flat)
    return found[1] if found else flat


def fields(thing: type) -> Iterator[Word]:
    """The fields of a class and of those it builds on, each with the sentence below it, and its properties."""
    seen: set[str] = set()
    for owner in reversed([base for base in thing.__mro__ if base.__module__.startswith(("reporter", "jobs"))]):
        for name, annotation, says in _annotated(owner):
            if name not in seen and not name.startswith("_"):
                seen.add(name)
                yield Word(name, annotation, says)
    for owner in reversed(thing.__mro__):
        for name, value in vars(owner).items():
            function = getattr(value, "fget", None) or getattr(value, "func", None)
            of_ours = owner.__module__.startswith(("reporter", "jobs"))
            if isinstance(value, property | cached_property) and function and of_ours and not name.startswith("_"):
                kind = _returns(function)
                yield Word(name, kind, first_sentence(function.__doc__))


def _annotated(owner: type) -> Iterator[tuple[str, str, str]]:
    body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    assert isinstance(body, ast.ClassDef)
    for statement, after in zip(body.body, [*body.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            said = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            yield statement.target.id, ast.unparse(statement.annotation), first_sentence(str(said))


def methods(thing: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """What can be asked of a class."""
    for name, value in vars(thing).items():
        if inspect.isfunction(value) and not name.startswith("_"):
            yield name, value


def signature(name: str, function: Callable[..., Any]) -> str:
    """How a function is called: `leading(books)`, with the defaults of what may be left out."""
    found = inspect.signature(inspect.unwrap(function))
    kept = [one.replace(annotation=one.empty) for one in found.parameters.values() if one.name != "self"]
    text = f"{name}{found.replace(parameters=kept, return_annotation=found.empty)}"
    text = re.sub(r"basis=Basis\(.*?\)\)", "basis=NEVER_CLOSES", text)
    return re.sub(r"<class '[\w.]*?(\w+)'>", r"\1", text).replace(", /)", ")")


def words_of(face: ModuleType) -> dict[str, Any]:
    """The public words of a module."""
    names = getattr(face, "__all__", None) or [name for name in vars(face) if not name.startswith("_")]
    return {name: getattr(face, name) for name in sorted(names) if not inspect.ismodule(getattr(face, name))}


def table(words: Iterable[Word]) -> list[str]:
    rows = list(map(str, words))
    return ["", "| name | type | unit | |", "| --- | --- | --- | --- |", *rows] if rows else []


def described(name: str, thing: Any) -> list[str]:
    """A class or a function of the page, with all that can be asked of it."""
    if inspect.isclass(thing) and issubclass(thing, Enum):
        values = ", ".join(f"`{one.value}`" for one in thing)
        return ["", f"### {name}", "", f"{_sentence(thing)} One of {values}."]
    if inspect.isclass(thing):
        asked = [
            Word(signature(called, how), _returns(how), first_sentence(how.__doc__)) for called, how in methods(thing)
        ]
        return ["", f"### {name}", "", _sentence(thing), *table([*fields(thing), *asked])]
    if get_origin(thing) is not None and all(isinstance(value, str) for value in get_args(thing)):
        return ["", f"### {name}", "", "One of " + ", ".join(f"`{value}`" for value in get_args(thing)) + "."]
    return []


def _sentence(thing: type) -> str:
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def _returns(function: Callable[..., Any]) -> str:
    kind = inspect.signature(inspect.unwrap(function)).return_annotation
    return (
        kind.__name__ if inspect.isclass(kind) and not get_args(kind) else re.sub(r"\b(?:\w+\.)+(?=\w)", "", str(kind))
    )


def functions(words: dict[str, Any]) -> list[str]:
    """The functions among some words, as a table."""
    return table(_function(name, thing) for name, thing in words.items() if inspect.isfunction(thing))


def _function(name: str, function: Callable[..., Any]) -> Word:
    return Word(signature(name, function), _returns(function), first_sentence(function.__doc__))


def reached(words: Iterable[Any]) -> dict[str, type]:
    """The classes that a job meets: some words, and whatever their fields and answers are made of."""
    found: dict[str, type] = {}
    waiting = [thing for thing in words if inspect.isclass(thing)]
    known = {name: thing for module in list(sys.modules.values()) if _ours(module) for name, thing in _classes(module)}
    while waiting:
        thing = waiting.pop()
        if thing.__name__ in found or not thing.__module__.startswith("reporter") or issubclass(thing, Exception):
            continue
        found[thing.__name__] = thing
        if issubclass(thing, BaseModel | Enum | Formats):
            continue
        types = [word.type for word in fields(thing)] + [_returns(how) for _, how in methods(thing)]
        waiting += [known[name] for name in re.findall(r"\w+", " ".join(types)) if name in known]
    return dict(sorted(found.items()))


def _ours(module: ModuleType) -> bool:
    return getattr(module, "__name__", "").startswith("reporter.")


def _of_ours(thing: object) -> bool:
    return inspect.isfunction(thing) and thing.__module__.startswith("reporter.")


def _classes(module: ModuleType) -> Iterator[tuple[str, type]]:
    for name, thing in vars(module).items():
        if inspect.isclass(thing) and thing.__module__ == module.__name__ and not name.startswith("_"):
            yield name, thing


# The parts of the stock jobs that watch limits and machines: a sentence for each is enough.
MACHINERY = re.compile(
    r"reporter\.(jobs\.kit\.(?!comparison)\w+|alerts\.thresholds|config\.[\w.]+|probes\.(?!host)\w+)$"
)


# The names that every template has, beside the facts of its report.
IN_EVERY_TEMPLATE = (
    Word("period", "Period", "The period that the report is about."),
    Word("previous", "Period", "The period before it."),
    Word("now", "datetime", "The moment of the run."),
    Word("books", "Sequence[Book]", "The books that the job put into its Report."),
    Word("params", "Params", "The job's parameters from the config."),
    Word("targets", "Targets", "Targets and limits of the config."),
    Word("basis", "Basis", "The year that ratios are made for."),
)


def page() -> str:
    """The whole page."""
    public = words_of(api)
    shared = {name: thing for name, thing in words_of(kit).items() if name not in public}
    return "\n".join(
        [
            HEAD.rstrip(),
            *_in_templates(),
            *_in_jobs(public),
            *_of_kit(shared),
            *_computed(),
            *_classes_met([*public.values(), *shared.values(), *words_of(reporter.metrics).values(), Ledger, History]),
            *_facts(),
            "",
        ]
    )


def _in_templates() -> Iterator[str]:
    folders = Folders((stock_home() / "templates",))
    letters, pictures = MarkdownEnvironment(folders, Formats()), SvgEnvironment(folders, Formats())
    yield from ("", "## In every template", *table(IN_EVERY_TEMPLATE))
    yield from ("", "A job adds names of its own: see [the facts of the stock reports](#facts-of-the-stock-reports).")
    yield from ("", "### Filters", "", "`value | filter`, as in `book.pnl | signed`. The value comes first.")
    yield from table(_filter(name, function) for name, function in sorted(letters.filters.items()))
    yield from ("", f"Jinja's functions that are there: {', '.join(f'`{name}`' for name in sorted(letters.globals))}.")
    known = {*letters.filters, *letters.globals}
    yield from ("", "### In pictures", "", "A picture, `NAME.svg.j2`, has these words too.")
    more = {name: how for name, how in {**pictures.globals, **pictures.filters}.items() if name not in known}
    yield from table(_filter(name, function) for name, function in sorted(more.items()))


def _filter(name: str, function: Callable[..., Any]) -> Word:
    called = re.sub(r"\((context|environment|eval_ctx), ", "(", signature(name, function))
    of_jinja = inspect.unwrap(function).__module__.partition(".")[0] in {"jinja2", "builtins", "_operator"}
    says = re.sub(r":func:`([^`]*)`", r"`\1`", first_sentence(inspect.getdoc(function)).replace("``", "`"))
    return Word(called, "" if of_jinja else _returns(function), f"{says} *Jinja's.*" if of_jinja else says)


def _in_jobs(public: dict[str, Any]) -> Iterator[str]:
    listed = ", ".join(f"`{word}`" for word in sorted(public))
    yield from (
        "",
        "## In every job file",
        "",
        f"`from reporter import Context, Report, job`. The words are {listed}.",
        "",
    )
    yield "A job is a function with `@job(…)` that takes a Context and yields Reports and Observations."
    yield from functions(public)


def _of_kit(shared: dict[str, Any]) -> Iterator[str]:
    yield from ("", "## The kit of the stock jobs", "", "`from reporter.jobs.kit import contributors, daily_history`")
    yield from functions(shared)
    constants = [name for name, thing in shared.items() if name.isupper()]
    yield from ("", f"Constants: {', '.join(f'`{name}`' for name in constants)}.")


def _computed() -> Iterator[str]:
    yield from ("", "## Ratios", "", "`from reporter.metrics import sharpe`. [Figures](figures.md) defines them.")
    yield from functions(words_of(reporter.metrics))
    yield from ("", "## Periods", "", "`from reporter.periods import trailing`")
    yield from functions({name: how for name, how in vars(reporter.periods).items() if _of_ours(how)})


def _classes_met(words: Iterable[Any]) -> Iterator[str]:
    yield from ("", "## Classes")
    machinery: list[str] = []
    for name, thing in reached(words).items():
        if issubclass(thing, BaseModel) and thing is not Params:
            continue  # parameters and limits of the config: docs/configuration.md and the jobs' own pages
        if MACHINERY.match(thing.__module__):
            machinery.append(f"- `{name}`: {_sentence(thing)}")
            continue
        if thing is Formats:
            yield from ("", "### Formats", "", f"{_sentence(thing)} Its methods are the filters of the same name.")
            continue
        yield from described(name, thing)
    yield from ("", "Classes that the stock jobs watch limits and machines with:", "", *machinery)


def _facts() -> Iterator[str]:
    yield from ("", "## Facts of the stock reports", "", "The names that each stock report adds for its template.")
    for name, job in sorted(load_catalog([stock_home()]).jobs.items()):
        module = job.function.__globals__
        facts = module.get("Facts") or (BoardFacts if "status_board" in module else None)
        if facts:
            yield from ("", f"### Facts of `{name}`", *table(fields(facts)))
            own = [
                thing for thing in module.values() if inspect.isclass(thing) and thing.__module__ == module["__name__"]
            ]
            for thing in own:
                if thing is not facts and not issubclass(thing, BaseModel) and not thing.__name__.startswith("_"):
                    yield from ("", f"**{thing.__name__}**: {_sentence(thing)}", *table(fields(thing)))


if __name__ == "__main__":
    text = page()
    if "--check" in sys.argv:
        sys.exit(text != PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(text, encoding="utf-8")
