"""The Jinja sandbox of all templates: None stays None, and no template can reach the program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, Template, nodes, pass_eval_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from reporter.messages.formats import Formats
from reporter.messages.templates.errors import instead, names_of
from reporter.messages.templates.filters import filters
from reporter.secret import Secret
from reporter.trading.books import Book
from reporter.trading.trades import Money, Position, Trade


class Missing(StrictUndefined):
    """A name that is not there, which says what is."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name = self._undefined_name
        if self._undefined_hint or not isinstance(name, str):
            return super()._undefined_message
        if self._undefined_obj is missing:
            return f"unknown name {name!r}"
        return f"{type(self._undefined_obj).__name__} has no {name!r}; {instead(name, names_of(self._undefined_obj))}"


class Compiler(CodeGenerator):
    """Jinja's compiler, but that `a ~ b` says None as it is said everywhere else."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class Sandbox(ImmutableSandboxedEnvironment):
    """A template reads figures and names; it opens and changes nothing. `show` makes text of a value."""

    code_generator_class = Compiler

    def __init__(
        self, loader: BaseLoader, formats: Formats, show: Callable[[Any], str], *, autoescape: bool = False
    ) -> None:
        super().__init__(
            loader=loader,
            undefined=Missing,
            finalize=pass_eval_context(lambda _, value: show(value)),
            autoescape=autoescape,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            # Nothing of a template is computed while it is compiled: `'x' * 10**9` would be, with no bound around it.
            # (For the same reason `finalize` takes a context: Jinja then applies it at run time only.)
            optimized=False,
            cache_size=-1,  # a plain dict: the cache of a fixed size has a lock, which a child could wait for
        )
        self._formats = ContextVar("formats", default=formats)
        self.globals = {name: self.globals[name] for name in ("range", "namespace")}
        self.filters = filters(self._formats.get)

    @property
    def formats(self) -> Formats:
        """The conventions of figures; within `about`, those of its books."""
        return self._formats.get()

    @contextmanager
    def about(self, facts: Mapping[str, Any]) -> Iterator[None]:
        """Render within: amounts have the decimals that the books need, or the lists of trades and positions."""
        books = (book for book in facts.get("books") or () if isinstance(book, Book))
        token = self._formats.set(self.formats.for_books(books).for_results(_results(facts)))
        try:
            yield
        finally:
            self._formats.reset(token)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What is unknown has unknown parts: `book.best.pnl` is None where there is no best trade."""
        return None if obj is None else super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return None if obj is None else super().getitem(obj, argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return not isinstance(obj, Secret) and super().is_safe_attribute(obj, attr, value)

    def compiled(self) -> list[Template]:
        """The templates that were compiled so far."""
        return list(self.cache.values()) if self.cache is not None else []

    def joined(self, parts: Iterable[object]) -> str:
        return "".join(map(self.formats.say, parts))


def _results(facts: Mapping[str, Any]) -> Iterator[Money | None]:
    for rows in (facts.get("trades"), facts.get("positions")):
        for row in rows if isinstance(rows, list | tuple) else ():
            if isinstance(row, Trade):
                yield row.pnl
            elif isinstance(row, Position):
                yield row.unrealised
