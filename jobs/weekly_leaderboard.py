"""Last week's ranking of the agents by P&L."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypedDict

from pydantic import PositiveInt

from reporter import Book, BookLine, Context, Money, Params, Report, Series, job
from reporter.jobs.kit import ENOUGH_DAYS, AgentSeries, Unread, leading, ranks, tone_of
from reporter.metrics import Status, curve_of_series, status
from reporter.periods import trailing


class Parameters(Params):
    """`top` is how many places of each book are shown; agents under review further down are named all the same.

    `days` is what Sharpe ratios are taken of: the week's seven days are too few.
    """

    top: PositiveInt = 10
    days: PositiveInt = 30


@dataclass(frozen=True)
class Place:
    """One agent's place. `climbed` is by how many places it rose since the week before; None for a newcomer.

    `busy` counts the days on which something was won or lost; `sharpe` is None where these are too few.
    """

    rank: int
    """The place, from 1."""
    line: BookLine
    """The agent's figures of the week."""
    climbed: int | None
    """By how many places it rose since the week before; None for a newcomer."""
    sharpe: float | None
    """The Sharpe ratio of its days; None where there are too few."""
    busy: int
    """On how many days it won or lost anything."""
    status: Status
    """How the agent stands."""


@dataclass(frozen=True)
class Section:
    """One book's ranking: the places shown, and those further down. Agents that closed no trade have no place.

    `compared` says whether the week before had a ranking, of the same ledgers; `leads` whether it is one of the books
    by which the floor is measured.
    """

    book: Book
    """The book, with all figures of the period."""
    places: list[Place]
    """The places shown."""
    others: list[Place]
    """The places further down."""
    idle: list[BookLine]
    """The agents that closed no trade."""
    compared: bool
    """Whether the week before is known of the same ledgers."""
    leads: bool
    """Whether this book leads the report."""

    @property
    def others_pnl(self) -> Money:
        """The P&L of the places further down."""
        return sum((place.line.pnl for place in self.others), Money(Decimal(0), self.book.currency))

    @property
    def reviewed(self) -> list[Place]:
        """Agents under review that are not among the places shown."""
        return [place for place in self.others if place.status is Status.UNDER_REVIEW]


class Facts(TypedDict):
    """What the report adds for its template."""

    sections: list[Section]
    """One section a book, in the order of the report."""
    bases: Sequence[str]
    """What the returns of the agents are measured against."""
    unread: list[Unread]
    """The ledgers that could not be read, and why."""


@job(covers="last week", schedule="weekly on mon at 00:05", params=Parameters, answers=("leaderboard",))
def weekly_leaderboard(ctx: Context[Parameters]) -> Iterator[Report]:
    """Last week's agents, ranked by P&L, with win rate, Sharpe ratio and change of rank."""
    books, before = ctx.books(ctx.period), ctx.books(ctx.previous)
    series = ctx.series(trailing(ctx.period, ctx.params.days))
    leaders = leading(books)
    sections = [_section(ctx, book, book.counterpart(before), series, leads=book in leaders) for book in books]
    bases = sorted({line.capital_basis for book in books for line in book.lines if line.capital_basis})
    facts: Facts = {"sections": sections, "bases": bases, "unread": ctx.unread([*books, *before])}
    yield Report(books=books, facts=facts, tone=tone_of(books))


def _section(
    ctx: Context[Parameters], book: Book, before: Book | None, series: Sequence[Series], *, leads: bool
) -> Section:
    past = _ranking(before) if before and before.ledgers == book.ledgers else []
    former = {(line.ledger, line.key): rank for rank, line in past}
    places = [
        _place(ctx, rank, line, former.get((line.ledger, line.key)), _days_of(book, line, series))
        for rank, line in _ranking(book)
    ]
    return Section(
        book=book,
        places=places[: ctx.params.top],
        others=places[ctx.params.top :],
        idle=[line for line in book.lines if not line.trades],
        compared=bool(past),
        leads=leads,
    )


def _ranking(book: Book) -> list[tuple[int, BookLine]]:
    """The agents that closed a trade, with their places; who made the same shares a place."""
    traded = sorted((line for line in book.lines if line.trades), key=lambda line: line.pnl, reverse=True)
    return list(zip(ranks([line.pnl.amount for line in traded]), traded, strict=True))


Days = tuple[Series, AgentSeries]


def _days_of(book: Book, line: BookLine, series: Sequence[Series]) -> Days | None:
    """What the agent of a line made day by day."""
    for one in series:
        if (one.mode, one.currency) == (book.mode, book.currency):
            return next(((one, a) for a in one.agents if (a.ledger, a.key) == (line.ledger, line.key)), None)
    return None


def _place(ctx: Context[Parameters], rank: int, line: BookLine, former: int | None, days: Days | None) -> Place:
    ratio, busy = None, sum(map(bool, days[1].pnl)) if days else 0
    if days and busy >= ENOUGH_DAYS:
        ratio = curve_of_series(days[0], ctx.basis, days[1]).sharpe
    return Place(
        rank=rank,
        line=line,
        climbed=None if former is None else former - rank,
        sharpe=ratio,
        busy=busy,
        status=status(line, ctx.targets),
    )
