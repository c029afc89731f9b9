"""Operations on trading plans: write, edit, delete, list, history, score, verify."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, Any

from reporter.app.app import App
from reporter.inbox.plan_pictures import safe_chart
from reporter.messages.message import Attachment, Message
from reporter.operations.operation import Arguments, Invocation, NotUnderstoodError, Role, Words
from reporter.periods.civil import Period, Unit, containing
from reporter.plans.model import TradingPlan
from reporter.plans.notebook import Notebook, PlanRefusedError, day_of
from reporter.plans.score import VERDICTS, counts_at, result_of, scores
from reporter.plans.settings import PlanAuthor, PlanSettings, Writer
from reporter.store.plans import PlanTable
from reporter.trading.trades import Mode

_DAY = re.compile(r"(\d{4}-\d{2}-\d{2}|today|yesterday)\s+", re.IGNORECASE)
_MONTH = re.compile(r"(\d{4})-(\d{2})")


def authors(app: App) -> list[str]:
    """The keys of the authors."""
    return list(app.runtime.plans.authors) if app.runtime.plans else []


class PlanArguments(Arguments):
    author: Annotated[str, Words("AUTHOR", known=authors)]
    text: Annotated[str, Words("TEXT", rest=True)]


class EditArguments(Arguments):
    author: Annotated[str, Words("AUTHOR", known=authors)]
    text: Annotated[str, Words("[DATE] TEXT", rest=True)]


class PlanOfDayArguments(Arguments):
    author: Annotated[str, Words("AUTHOR", known=authors)]
    date: Annotated[str | None, Words("DATE")] = None


class PlansArguments(Arguments):
    what: Annotated[str | None, Words("DATE|verify|--score [MONTH]", rest=True)] = None


class MyPlansArguments(Arguments):
    date: Annotated[str | None, Words("DATE")] = None


def plan(asked: Invocation[PlanArguments]) -> Iterator[Message]:
    """The author's plan for today, with the pictures that came with the question."""
    charts = [safe_chart(name, content) for name, content in asked.files]
    with _notebook(asked) as (notebook, settings):
        given = asked.arguments
        saved = notebook.write(
            given.author,
            given.text,
            _writer(asked),
            asked.now,
            channel=_place(asked),
            charts=charts,
            said_at=asked.said_at,
        )
    yield _saved(asked, settings, notebook, saved, "is kept")


def edit(asked: Invocation[EditArguments]) -> Iterator[Message]:
    """A new text for a plan; a day may stand before it."""
    charts = [safe_chart(name, content) for name, content in asked.files]
    with _notebook(asked) as (notebook, settings):
        author = notebook.author(asked.arguments.author)
        found = _DAY.match(asked.arguments.text)
        day = day_of(found[1], _today(asked, author)) if found else None
        text = asked.arguments.text[found.end() :] if found else asked.arguments.text
        saved = notebook.edit(
            author.key,
            text,
            _writer(asked),
            asked.now,
            day=day,
            channel=_place(asked),
            charts=charts,
            said_at=asked.said_at,
        )
    yield _saved(asked, settings, notebook, saved, "is edited")


def delete(asked: Invocation[PlanOfDayArguments]) -> Iterator[Message]:
    """Withdraw a plan; it stays in the history and in the score."""
    with _notebook(asked) as (notebook, settings):
        author = notebook.author(asked.arguments.author)
        day = _day(asked, author, asked.arguments.date)
        saved = notebook.withdraw(author.key, _writer(asked), asked.now, day=day, channel=_place(asked))
    yield _saved(asked, settings, notebook, saved, "is withdrawn")


def history(asked: Invocation[PlanOfDayArguments]) -> Iterator[Message]:
    """Every version of a plan."""
    with _notebook(asked) as (notebook, settings):
        author = notebook.author(asked.arguments.author)
        day = _day(asked, author, asked.arguments.date)
        found = notebook.find(author.key, day)
    if found is None:
        raise PlanRefusedError(f"{author.title} has written no plan for {day}")
    yield asked.answer("plan_history", author=author, day=day, plan=found, counts_at=counts_at(settings, author, day))


def plans(asked: Invocation[PlansArguments]) -> Iterator[Message]:
    """The plans of a day, the check of the chain, or the score of a month."""
    what = (asked.arguments.what or "").strip()
    if what.casefold() == "verify":
        yield _verified(asked)
    elif what.casefold().startswith(("--score", "score")):
        yield _score(asked, what.partition(" ")[2].strip())
    else:
        yield _listed(asked, what, list(_settings(asked).authors.values()))


def myplans(asked: Invocation[MyPlansArguments]) -> Iterator[Message]:
    """The plans of those for whom the person who asks may write."""
    with _notebook(asked) as (notebook, _):
        mine = notebook.authors_of(_writer(asked))
    if not mine:
        raise PlanRefusedError("you write no plans here: `plans.authors` in the config says who does")
    yield _listed(asked, asked.arguments.date or "", mine)


def _listed(asked: Invocation[Any], day_text: str, wanted: list[PlanAuthor]) -> Message:
    with _notebook(asked) as (notebook, _):
        found = []
        for author in wanted:
            day = _day(asked, author, day_text or None)
            plan = notebook.find(author.key, day)
            if plan and not plan.withdrawn:
                found.append((author, plan, str(notebook.understood(plan.newest.text))))
    pictures = _first_pictures(asked, [(author, plan) for author, plan, _ in found]) if asked.drawn else ()
    label = day_text or "today"
    missing = [author for author in wanted if author.key not in {row[0].key for row in found}]
    answer = asked.answer("plans", label=label, rows=found, missing=missing)
    return replace(answer, attachments=(*answer.attachments, *pictures))


def _first_pictures(asked: Invocation[Any], found: list[tuple[PlanAuthor, TradingPlan]]) -> tuple[Attachment, ...]:
    """The first picture of each plan that has one; the pages and `/api/v1` have all of them."""
    with asked.app.store.read() as connection:
        rows = PlanTable(connection)
        firsts = [
            (author, rows.chart(plan.charts[0].id)) for author, plan in found if plan.charts and plan.charts[0].id
        ]
    return tuple(
        Attachment(
            f"{author.key}.{chart.kind.partition('/')[2]}", chart.content, shown=True, alt=f"plan of {author.title}"
        )
        for author, chart in firsts
        if chart
    )


def _verified(asked: Invocation[Any]) -> Message:
    _settings(asked)
    with asked.app.store.read() as connection:
        rows = PlanTable(connection)
        return asked.answer("plan_verify", broken=rows.broken_links(), counts=rows.counts())


def _score(asked: Invocation[Any], month: str) -> Message:
    settings = _settings(asked)
    period = _month(asked, month)
    first, last = date.fromisoformat(period.days()[0].label), date.fromisoformat(period.days()[-1].label)
    with asked.app.store.read() as connection:
        found = Notebook(PlanTable(connection), settings).between(first, last)
    known = [plan for plan in found if plan.newest.author in settings.authors]
    ledger = asked.app.runtime.inputs.ledger
    wide = Period(period.start - timedelta(days=1), period.end + timedelta(days=1), period.label, period.zone)
    trades = ledger.closed_trades(wide) if known and ledger.health() else []
    results = [result_of(plan, settings, settings.authors[plan.newest.author], trades) for plan in known]
    return asked.answer(
        "plan_score", label=period.label, scores=scores(results), results=results, verdicts=VERDICTS, modes=list(Mode)
    )


def _month(asked: Invocation[Any], text: str) -> Period:
    zone = str(asked.app.runtime.zone)
    if not text:
        return containing(Unit.MONTH, asked.now, zone)
    found = _MONTH.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 12:
        raise NotUnderstoodError(f"plans: {text[:40]} is no month: write such as `plans --score 2026-11`")
    middle = asked.now.replace(year=int(found[1]), month=int(found[2]), day=15)
    return containing(Unit.MONTH, middle, zone)


def _saved(
    asked: Invocation[Any], settings: PlanSettings, notebook: Notebook, saved: TradingPlan, what: str
) -> Message:
    author = settings.authors[saved.newest.author]
    return asked.answer(
        "plan_saved",
        author=author,
        counts_at=counts_at(settings, author, date.fromisoformat(saved.newest.day)),
        plan=saved,
        what=what,
        named=str(notebook.understood(saved.newest.text)),
    )


@contextmanager
def _notebook(asked: Invocation[Any]) -> Iterator[tuple[Notebook, PlanSettings]]:
    settings = _settings(asked)
    with asked.app.store.begin() as connection:
        yield Notebook(PlanTable(connection), settings), settings


def _settings(asked: Invocation[Any]) -> PlanSettings:
    if asked.app.runtime.plans is None:
        raise PlanRefusedError("no plans are kept here: write `plans: {authors: {d: {users: […]}}}` into the config")
    return asked.app.runtime.plans


def _writer(asked: Invocation[Any]) -> Writer:
    actor = asked.actor
    return Writer(actor.who, actor.name, owner=actor.role >= Role.OWNER)


def _place(asked: Invocation[Any]) -> str:
    return asked.actor.place


def _today(asked: Invocation[Any], author: PlanAuthor) -> date:
    return asked.now.astimezone(author.zone).date()


def _day(asked: Invocation[Any], author: PlanAuthor, text: str | None) -> date:
    today = _today(asked, author)
    return day_of(text, today) if text else today
