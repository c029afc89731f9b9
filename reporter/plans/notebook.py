"""Write, edit, withdraw and list plans. Every act is a new version; a refusal is one sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from reporter.errors import ReporterError, nearest
from reporter.plans.intention import Understood
from reporter.plans.model import Act, PlanChart, PlanRows, PlanVersion, TradingPlan, plans_of
from reporter.plans.settings import PlanAuthor, PlanSettings, Writer
from reporter.secret import masked, without_surrogates

LONGEST_TEXT = 8_000
"""Characters of a plan; four Discord messages."""
_TRIES = 1_000
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


class PlanRefusedError(ReporterError):
    """Something that cannot be done with a plan, in a sentence for the person who asked."""


class Notebook:
    """The plans of the configured authors, on rows in one transaction of the caller. Raises PlanRefusedError."""

    def __init__(self, rows: PlanRows, settings: PlanSettings) -> None:
        self._rows = rows
        self._settings = settings

    def author(self, key: str) -> PlanAuthor:
        """The author of a name such as `d` or `coach_d`."""
        wanted = key.casefold().removeprefix("coach_")
        found = self._settings.authors.get(wanted)
        if found is None:
            known = sorted(self._settings.authors)
            near = nearest(wanted, known)
            hint = f"did you mean {near}?" if near else f"known are {', '.join(known)}"
            raise PlanRefusedError(f"there is no author {masked(key[:40])}: {hint}")
        return found

    def write(
        self,
        key: str,
        text: str,
        writer: Writer,
        now: datetime,
        *,
        channel: str = "",
        charts: Sequence[PlanChart] = (),
        said_at: datetime | None = None,
    ) -> TradingPlan:
        """The author's plan for today."""
        author = self._writable(key, writer, "write")
        day = _today(author, now)
        existing = self._rows.last(day, author.key)
        if existing and existing.act != "withdrawn":
            raise PlanRefusedError(
                f"{author.title} has a plan for {day} already: change it with `edit {author.key} TEXT`"
            )
        version = self._version(author, day, "written", _tidy(text), writer, now, channel, said_at)
        return self._save(version, charts)

    def edit(
        self,
        key: str,
        text: str,
        writer: Writer,
        now: datetime,
        *,
        day: date | None = None,
        channel: str = "",
        charts: Sequence[PlanChart] = (),
        said_at: datetime | None = None,
    ) -> TradingPlan:
        """A new text for a plan, today's if no day is given. Pictures are added to those that are there."""
        author = self._writable(key, writer, "edit")
        wanted = day or _today(author, now)
        self._standing(author, wanted)
        version = self._version(author, wanted, "edited", _tidy(text), writer, now, channel, said_at)
        return self._save(version, charts)

    def withdraw(
        self, key: str, writer: Writer, now: datetime, *, day: date | None = None, channel: str = ""
    ) -> TradingPlan:
        """Take a plan back. It stays in the history, and in the score."""
        author = self._writable(key, writer, "delete")
        wanted = day or _today(author, now)
        text = self._standing(author, wanted).text
        return self._save(self._version(author, wanted, "withdrawn", text, writer, now, channel, None), ())

    def find(self, key: str, day: date) -> TradingPlan | None:
        """An author's plan for a day, withdrawn or not; None where nobody wrote one."""
        plan = self._known(key, day)
        return plan if plan.versions else None

    def _known(self, key: str, day: date) -> TradingPlan:
        return TradingPlan(tuple(self._rows.of_day(day, key)), tuple(self._rows.charts(day, key)))

    def between(self, first: date, last: date) -> list[TradingPlan]:
        """Every plan of some days, the withdrawn ones too, without pictures."""
        return plans_of(self._rows.between(first, last))

    def understood(self, text: str) -> Understood:
        """The agents and markets of the config that a text names."""
        return self._settings.understood(text)

    def authors_of(self, writer: Writer) -> list[PlanAuthor]:
        """Those for whom somebody may write."""
        return [author for author in self._settings.authors.values() if author.may_be_written_by(writer)]

    def _writable(self, key: str, writer: Writer, what: str) -> PlanAuthor:
        author = self.author(key)
        if not author.may_be_written_by(writer):
            raise PlanRefusedError(f"only {author.title} may {what} the plans of {author.key}")
        return author

    def _standing(self, author: PlanAuthor, day: date) -> PlanVersion:
        last = self._rows.last(day, author.key)
        if last is None or last.act == "withdrawn":
            raise PlanRefusedError(f"{author.title} has no plan for {day}: write one with `plan {author.key} TEXT`")
        return last

    def _version(
        self,
        author: PlanAuthor,
        day: date,
        act: Act,
        text: str,
        writer: Writer,
        now: datetime,
        channel: str,
        said_at: datetime | None,
    ) -> PlanVersion:
        name = without_surrogates(masked(writer.name))[:80]
        return PlanVersion(
            author=author.key,
            day=day.isoformat(),
            number=0,
            act=act,
            text=text,
            writer=writer.identity[:80],
            writer_name=name if author.is_written_by(writer) else f"{name} for {author.key}",
            channel=without_surrogates(channel)[:80],
            at=now,
            said_at=said_at,
        )

    def _save(self, version: PlanVersion, charts: Sequence[PlanChart]) -> TradingPlan:
        """Append a version. Where two people save at once, the later one comes behind the earlier."""
        day = date.fromisoformat(version.day)
        for _ in range(_TRIES):
            self._check_charts(version.author, day, charts)
            last = self._rows.last(day, version.author)
            later = max(version.at, last.at) if last else version.at
            numbered = replace(version, number=last.number + 1 if last else 1, at=later)
            if self._rows.add(numbered, charts, last.hash if last else ""):
                return self._known(version.author, day)
        raise PlanRefusedError("too many people write this plan at once: try it again")

    def _check_charts(self, author: str, day: date, charts: Sequence[PlanChart]) -> None:
        most = self._settings.most_charts
        if charts and (count := len(self._rows.charts(day, author)) + len(charts)) > most:
            raise PlanRefusedError(f"a plan holds at most {most} pictures; this one would have {count}")


def day_of(text: str, author_today: date) -> date:
    """`2026-11-29`, `today` or `yesterday` as a day. Raises PlanRefusedError."""
    word = text.strip().casefold()
    if word in {"today", "yesterday"}:
        return author_today - timedelta(days=word == "yesterday")
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise PlanRefusedError(f"{masked(text[:40])} is no day: write such as 2026-11-29, today or yesterday") from None


def _today(author: PlanAuthor, now: datetime) -> date:
    return now.astimezone(author.zone).date()


def _tidy(text: str) -> str:
    """A plan's text as it is kept: without secrets and controls. Raises PlanRefusedError."""
    kept = masked(_CONTROLS.sub("", without_surrogates(text.replace("\r\n", "\n")))).strip()
    if not kept:
        raise PlanRefusedError("a plan needs a text: write what is meant to be done")
    if len(kept) > LONGEST_TEXT:
        raise PlanRefusedError(f"a plan has at most {LONGEST_TEXT} characters; this one has {len(kept)}")
    return kept
