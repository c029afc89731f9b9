"""Roll-ups of ledgers: built in pieces, kept up, verified; they give no figure that the database itself would not."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from reporter.cli.ledger import checks_table
from reporter.errors import LedgerError
from reporter.periods.civil import Period
from reporter.scheduler import rollup_upkeep
from reporter.scheduler.rollup_loop import IDLE, RollupLoop
from reporter.scheduler.rollup_upkeep import RollupUpkeep
from reporter.store import rollups
from reporter.store.database import Store, open_store
from reporter.store.rollups import StoredRollups
from reporter.trading.ledger.path_metrics import PathMetrics, units
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.reader import Reader
from reporter.trading.ledger.rollup_buckets import from_fine, start_of
from reporter.trading.ledger.settings import LedgerSettings
from tests.support.clocks import HandClock
from tests.support.paths import DATA, ROOT
from tests.support.stage import Stage
from tests.trading.ledger.conftest import bot, new_native  # noqa: F401 - fixtures
from tests.trading.ledger.databases import Native, between, native_sqlite, opened, usdt
from tests.trading.ledger.dirty import without_checks

BEGAN = datetime(2026, 8, 30, tzinfo=UTC)
HOURS = 24 * 60
FEW = 7  # trades a look
quick = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Floor:
    """A ledger, its reader with and without roll-ups, and the upkeep on a store."""

    def __init__(self, own: Native, store: Store) -> None:
        self.bot, self.store, self.clock = own, store, HandClock()
        self.plain = Portfolio([own.settings(starting_balance=(usdt("1000"),))])
        self.kept = Portfolio([own.settings(starting_balance=(usdt("1000"),))])
        self.kept.use(StoredRollups(store, self.clock))
        self.upkeep = RollupUpkeep(store, self.clock, many=FEW, some=FEW)

    @property
    def reader(self) -> Reader:
        return self.kept.readers[0]

    def assert_same(self, period: Period) -> None:
        """A period's figures are the same from what is kept and from the database."""
        assert self.kept.performance(period) == self.plain.performance(period)

    def build(self) -> None:
        for _ in self.upkeep.build(self.reader):
            pass

    def settle(self) -> None:
        """Let the upkeep do all that it finds to do."""
        while self.upkeep.step(self.reader):
            pass

    def opening(self, portfolio: Portfolio, at: str = "2026-10-30 10:00") -> Decimal | None:
        (book,) = portfolio.performance(between(at, "2026-10-31"))
        return book.opening.amount if book.opening else None

    def state(self) -> str:
        kept = self.upkeep.standing("bot")
        return kept.state if kept else "none"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "state" / "reporter.sqlite"))) as kept:
        yield kept


@pytest.fixture
def steps() -> Iterator[Counter[str]]:
    """How much SQLite has to do, in tens of its steps."""
    counted: Counter[str] = Counter()

    def connected(connection: Any, _: object) -> None:
        connection.set_progress_handler(lambda: counted.update(["steps"]), 10)

    event.listen(Engine, "connect", connected)
    yield counted
    event.remove(Engine, "connect", connected)


@pytest.fixture
def floor(bot: Native, store: Store) -> Floor:  # noqa: F811
    for number in range(20):
        bot.trade(number - 8.25, at(number * 50), id=number + 1, agent="ab"[number % 2])
    return Floor(bot, store)


def at(hour: int, minute: int = 5) -> str:
    return f"{BEGAN + timedelta(hours=hour, minutes=minute):%Y-%m-%d %H:%M:%S}"


def test_figures_are_the_same_with_and_without_a_roll_up(floor: Floor) -> None:
    floor.build()
    assert floor.state() == "verified"
    for moment in ("2026-08-30", "2026-09-15 00:30", "2026-09-30 10:00", "2026-10-30 23:00"):
        assert floor.opening(floor.kept, moment) == floor.opening(floor.plain, moment)
    for zone in ("UTC", "Europe/Berlin", "Asia/Kolkata"):
        stretch = between("2026-09-01", "2026-10-31", zone)
        assert floor.kept.daily_series(stretch, whole=True) == floor.plain.daily_series(stretch, whole=True)


def test_all_time_is_exact_and_dated_with_and_without_a_roll_up(floor: Floor) -> None:
    for hour, pnl in ((1000, 30), (1010, -50), (1430, 4)):
        floor.bot.trade(pnl, at(hour), id=hour)
    (walked,) = floor.plain.all_time(BEGAN + timedelta(hours=1439))
    assert (walked.trades, walked.drawdown, walked.below) == (23, usdt("-50"), usdt("-46"))
    assert (walked.peak_at, walked.trough_at) == (BEGAN + timedelta(hours=1000), BEGAN + timedelta(hours=1010))
    floor.build()
    floor.bot.run("UPDATE trades SET pnl = pnl + 1 WHERE id = 3")  # what is kept does not look at it again
    assert floor.kept.all_time(BEGAN + timedelta(hours=1439)) == [walked]
    assert floor.kept.all_time(BEGAN + timedelta(hours=1005)) != floor.kept.all_time(BEGAN + timedelta(hours=1011))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata"])
def test_a_period_of_many_trades_has_the_same_figures_from_what_is_kept(floor: Floor, zone: str) -> None:
    more = {"side": "short", "size": 2, "entry_price": 10, "exit_price": 12, "opened_at": at(990)}
    for number in range(12):
        floor.bot.trade((-1) ** (number // 3) * 2.5, at(1000, number), id=100 + number, **(more if number % 2 else {}))
    floor.build()
    floor.reader.many = 1
    for start, end in (("09-01", "10-31"), ("10-05", "10-12"), ("10-11", "10-12"), ("10-30", "11-01")):
        floor.assert_same(between(f"2026-{start}", f"2026-{end}", zone))
    floor.assert_same(between("2026-10-11 15:30", "2026-10-11 16:07", zone))


def test_few_trades_are_read_from_the_database_and_follow_every_edit_at_once(floor: Floor) -> None:
    floor.build()
    month = between("2026-09-01", "2026-10-01")
    before = floor.kept.performance(month)
    floor.bot.run("UPDATE trades SET fees = 3 WHERE id = 5")
    floor.assert_same(month)
    floor.reader.many = 1
    assert floor.kept.performance(month) == before
    assert [done.changed for done in floor.upkeep.verify(floor.reader) if done.changed] == [(floor_hour(200),)]
    floor.assert_same(month)


def test_a_best_trade_that_is_gone_has_the_period_read_anew(floor: Floor) -> None:
    floor.build()
    floor.reader.many = 1
    month = between("2026-09-01", "2026-10-01")
    (book,) = floor.kept.performance(month)
    assert book.best
    floor.bot.run(f"DELETE FROM trades WHERE id = {book.best.id}")
    floor.assert_same(month)


def test_what_is_kept_takes_the_place_of_the_scan_until_a_check_finds_an_edit(floor: Floor) -> None:
    floor.build()
    before = floor.opening(floor.kept)
    floor.bot.run("UPDATE trades SET pnl = pnl + 100 WHERE id = 3")
    assert floor.opening(floor.kept) == before
    assert [done.changed for done in floor.upkeep.verify(floor.reader) if done.changed] == [(floor_hour(100),)]
    assert floor.opening(floor.kept) == floor.opening(floor.plain) == (before or 0) + 100


def floor_hour(hour: int) -> int:
    return round(BEGAN.timestamp()) // 3600 + hour


def test_a_roll_up_that_is_not_built_to_its_end_is_not_used(floor: Floor) -> None:
    pieces = floor.upkeep.build(floor.reader)
    next(pieces)
    floor.bot.run("UPDATE trades SET pnl = pnl + 100 WHERE id = 1")
    assert floor.state() == "building"
    assert floor.opening(floor.kept) == floor.opening(floor.plain)


def test_a_build_that_was_cut_off_goes_on_where_it_was(floor: Floor) -> None:
    pieces = floor.upkeep.build(floor.reader)
    assert next(pieces).trades == 0  # it says where it begins
    assert next(pieces).trades > 0
    later = RollupUpkeep(floor.store, floor.clock, many=FEW, some=FEW)
    done = []
    while step := later.step(floor.reader):
        done.append(step)
    assert floor.state() == "verified"
    assert sum(step.trades for step in done) < 20
    assert floor.opening(floor.kept) == floor.opening(floor.plain)


BUILDER = """\
import sys
from reporter.scheduler.rollup_upkeep import RollupUpkeep
from reporter.store.database import open_store
from reporter.trading.ledger.reader import Reader
from reporter.trading.ledger.settings import LedgerSettings
from tests.support.clocks import HandClock

reader = Reader(LedgerSettings(name="bot", kind="native", url=sys.argv[1]), 10)
for done in RollupUpkeep(open_store(sys.argv[2]), HandClock(), many=100).build(reader):
    print(done.until, flush=True)
"""


def test_a_rebuild_that_is_killed_at_any_moment_goes_on_and_equals_a_plain_recount(
    tmp_path: Path, store: Store
) -> None:
    own, chance = native_sqlite(tmp_path), random.Random(9)
    floor = Floor(own, store)
    edit(own, [("add", chance.randrange(10**6), chance.randrange(-(10**9), 10**9)) for _ in range(4000)])
    builder = [sys.executable, "-c", BUILDER, own.url, str(tmp_path / "state" / "reporter.sqlite")]
    for pieces in (2, 7, 15):
        with subprocess.Popen(builder, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout
            for _ in range(pieces):
                assert process.stdout.readline()
            time.sleep(chance.uniform(0, 0.05))
            process.kill()
        assert floor.state() in {"building", "clearing"}
        assert floor.opening(floor.kept) == floor.opening(floor.plain)
    counted = standing_of(floor).trades
    assert 0 < counted < 4000
    floor.upkeep = RollupUpkeep(store, floor.clock, many=500, some=500)
    done = []
    while step := floor.upkeep.step(floor.reader):
        done.append(step.trades)
    assert floor.state() == "verified"
    assert sum(done) == 4000 - counted
    assert_recounted(floor)


def test_another_database_behind_the_same_name_is_noticed_at_once(floor: Floor) -> None:
    floor.build()
    floor.bot.run("DELETE FROM trades WHERE id > 10")
    assert floor.opening(floor.kept) == floor.opening(floor.plain)


def test_a_daemon_finds_late_rows_and_deleted_ones_in_its_rounds(floor: Floor) -> None:
    floor.settle()
    floor.bot.trade(7, at(33), id=77, agent="late")
    floor.bot.run("DELETE FROM trades WHERE id = 12")
    floor.bot.trade(5, "2026-08-01 00:00:00", id=78)
    floor.clock.forward(hours=13)
    floor.settle()
    assert floor.opening(floor.kept) == floor.opening(floor.plain)
    kept = floor.upkeep.standing("bot")
    assert kept
    assert kept.trades == 21


def test_the_last_days_are_checked_every_ten_minutes(floor: Floor) -> None:
    floor.settle()
    floor.bot.trade(7, "2026-10-29 04:00:00", id=77)
    floor.settle()
    assert floor.opening(floor.kept) != floor.opening(floor.plain)
    floor.clock.forward(minutes=11)
    floor.settle()
    assert floor.opening(floor.kept) == floor.opening(floor.plain)


def test_the_daemon_builds_what_its_config_names(floor: Floor, stage: Stage) -> None:
    stage.environ["BOT"] = floor.bot.url
    stage.on_screen("  {}")
    text = (stage.folder / "config/reporter.yaml").read_text()
    stage.write("config/reporter.yaml", f"{text}ledgers: {{bot: {{kind: native, url: env:BOT}}}}\n")
    loop = RollupLoop(stage.app.store, lambda: stage.app.runtime, stage.clock, threading.Event())
    pauses = [loop.turn() for _ in range(3)]
    assert pauses[0] < IDLE == pauses[-1]
    kept = RollupUpkeep(stage.app.store, stage.clock).standing("bot")
    assert kept
    assert (kept.state, kept.trades) == ("verified", 20)


class Freqtrade:
    """A freqtrade database, which has no index on the closing time, with and without its keys known."""

    def __init__(self, folder: Path, store: Store, now: datetime = datetime(2026, 12, 31, tzinfo=UTC)) -> None:
        self.path = folder / "tradesv3.sqlite"
        shutil.copy(DATA / "freqtrade.sqlite", self.path)
        self.clock = HandClock(now)
        settings = LedgerSettings(name="ft", kind="freqtrade", url=str(self.path), starting_balance=(usdt("1000"),))
        self.plain, self.known = Portfolio([settings]), Portfolio([settings])
        self.known.use(StoredRollups(store, self.clock))
        self.upkeep = RollupUpkeep(store, self.clock, keys=20)
        for _ in self.upkeep.build(self.known.readers[0]):
            pass

    def run(self, statement: str) -> int:
        with closing(opened(str(self.path))) as connection, connection:
            return connection.execute(statement).rowcount

    def assert_same(self) -> None:
        (newest,) = [one.newest_trade_at for one in self.plain.health()]
        assert newest
        for days in (0, 1, 3, 10):
            start = newest.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
            day = Period(start, start + timedelta(days=1), "a day", "UTC")
            assert self.known.performance(day, account=True) == self.plain.performance(day, account=True)


def test_trades_are_found_by_their_keys_where_no_index_leads_to_their_closing(tmp_path: Path, store: Store) -> None:
    desk = Freqtrade(tmp_path, store)
    with store.read() as connection:
        known = rollups.key_map(connection, "ft")
    assert len(known.blocks) > 5
    newest = max(block.newest for block in known.blocks)
    assert len(known.ranges(start_of(newest), start_of(newest + 1))) <= 2
    desk.assert_same()


def test_a_trade_without_a_time_is_named_wherever_its_key_is(tmp_path: Path, store: Store) -> None:
    desk = Freqtrade(tmp_path, store)
    assert desk.run("UPDATE trades SET close_date = NULL WHERE id = 3")
    desk.clock.forward(hours=13)
    while desk.upkeep.step(desk.known.readers[0]):
        pass
    (book,) = desk.known.performance(between("2026-10-30", "2026-10-31"))
    assert [left_out.stray for left_out in book.left_out] == [1]
    desk.assert_same()


def test_a_trade_of_the_last_hours_that_cannot_be_read_is_counted_beside_what_is_kept(
    tmp_path: Path, store: Store
) -> None:
    with closing(opened(str(DATA / "freqtrade.sqlite"))) as file:
        (newest,) = file.execute("SELECT max(close_date) FROM trades").fetchone()
    desk = Freqtrade(tmp_path, store, datetime.fromisoformat(newest).replace(tzinfo=UTC) + timedelta(minutes=5))
    desk.known.readers[0].many = 1
    desk.assert_same()
    assert desk.run(
        "UPDATE trades SET close_profit_abs = 'n/a' WHERE close_date = (SELECT max(close_date) FROM trades)"
    )
    desk.assert_same()


ODD_FREQTRADE = [
    "close_profit_abs = 'n/a'",
    "stake_currency = NULL",
    "is_open = 'maybe'",
    "close_date = NULL",
    "close_date = '2026-02-30 10:00:00'",
    "close_date = replace(close_date, ' ', 'T')",
    "close_date = 1795860000",
    "close_date = 'soon'",
]


@pytest.mark.parametrize("change", ODD_FREQTRADE)
@pytest.mark.parametrize("index", ["", "CREATE INDEX by_time ON trades (close_date)"])
def test_a_trade_that_cannot_be_read_is_counted_beside_what_is_kept(
    tmp_path: Path, store: Store, change: str, index: str
) -> None:
    desk = Freqtrade(tmp_path, store)
    reader = desk.known.readers[0]
    reader.many = 1
    desk.run(index or "SELECT 1")
    assert desk.run(f"UPDATE trades SET {change} WHERE id IN (3, 200)")
    desk.clock.forward(hours=13)
    while desk.upkeep.step(reader):
        pass
    kept = desk.upkeep.standing("ft")
    assert kept
    assert kept.state == "verified"
    ever, month = between("2020-01-01", "2027-01-01"), between("2026-10-01", "2026-11-01")
    for period in (ever, month):
        assert desk.known.performance(period, account=True) == desk.plain.performance(period, account=True)
    assert desk.known.daily_series(month) == desk.plain.daily_series(month)
    assert desk.known.left_out(month) == desk.plain.left_out(month)
    desk.assert_same()


def test_sums_count_no_more_once_too_many_of_their_trades_cannot_be_read(
    lax: Floor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lax.build()
    monkeypatch.setattr(rollup_upkeep, "UNREADABLE", 2)
    lax.bot.run("UPDATE trades SET pnl = 'n/a' WHERE id IN (3, 9, 12)")
    lax.clock.forward(hours=13)
    lax.settle()
    assert lax.state() == "unverified"
    lax.settle()
    why = "bot: 3 trades or more cannot be read, so no sum is kept; its figures are read from the database"
    assert [record.message for record in caplog.records].count(why) == 1
    assert lax.opening(lax.kept) == lax.opening(lax.plain) is None
    with pytest.raises(LedgerError, match=r"^bot: 3 trades or more cannot be read, so no sum is kept$"):
        list(lax.upkeep.verify(lax.reader))
    lax.bot.run("UPDATE trades SET pnl = 1 WHERE id IN (3, 9, 12)")
    lax.settle()
    assert lax.state() == "verified"


def test_a_trade_that_is_mended_counts_at_once_and_is_kept_by_its_id_no_longer(lax: Floor) -> None:
    lax.bot.run("UPDATE trades SET pnl = 'n/a' WHERE id = 5")
    lax.build()
    assert [trade for _, trade in standing_of(lax).unreadable] == [5]
    lax.bot.run("UPDATE trades SET pnl = 70 WHERE id = 5")
    for many in (1, 1000):
        lax.reader.many = many
        assert_same_everywhere(lax)
    for _ in lax.upkeep.verify(lax.reader):
        pass
    assert standing_of(lax).unreadable == ()
    assert_same_everywhere(lax)


ODD_ANYWHERE = ["pnl = NULL", "currency = NULL", "mode = 'demo'", "closed_at = NULL"]


@pytest.mark.parametrize("change", [*ODD_ANYWHERE, "closed_at = 'infinity'", "closed_at = '-infinity'"])
def test_a_trade_that_cannot_be_read_is_counted_beside_what_is_kept_on_a_server_too(
    bot: Native,  # noqa: F811
    store: Store,
    change: str,
) -> None:
    without_checks(bot)
    for number in range(20):
        bot.trade(number - 8.25, at(number * 50), id=number + 1, agent="ab"[number % 2])
    bot.run("CREATE INDEX by_time ON trades (closed_at)")
    floor = Floor(bot, store)
    floor.reader.many = 1
    floor.build()
    bot.run(f"UPDATE trades SET {change} WHERE id IN (4, 11)")
    for _ in floor.upkeep.verify(floor.reader):
        pass
    assert_same_everywhere(floor)


def standing_of(floor: Floor) -> rollups.Standing:
    kept = floor.upkeep.standing("bot")
    assert kept
    return kept


@pytest.fixture
def lax(tmp_path: Path, store: Store) -> Floor:
    """A floor of which the tables take whatever is written."""
    own = without_checks(native_sqlite(tmp_path))
    for number in range(20):
        own.trade(number - 8.25, at(number * 50), id=number + 1, agent="ab"[number % 2])
    own.run("CREATE INDEX by_time ON trades (closed_at)")
    return Floor(own, store)


def assert_same_everywhere(floor: Floor) -> None:
    """Whatever is asked, what is kept and the database say the same."""
    for start, end in (("08-30", "10-31"), ("09-02", "09-09"), ("09-01", "10-01"), ("10-30", "10-31")):
        period = between(f"2026-{start}", f"2026-{end}")
        assert floor.kept.performance(period, account=True) == floor.plain.performance(period, account=True)
        assert floor.kept.daily_series(period) == floor.plain.daily_series(period)
        left_out = floor.kept.left_out(period)
        assert left_out == floor.plain.left_out(period)
        assert all(sum(fault.trades for fault in one.faults) == one.trades + one.stray for one in left_out)
    assert floor.kept.performance(period, by="market") == floor.plain.performance(period, by="market")


odd = st.lists(
    st.tuples(
        st.integers(1, 25),
        st.sampled_from(
            [
                ("pnl", "n/a"),
                ("pnl", None),
                ("pnl", 2.5),
                ("currency", None),
                ("currency", "EUR"),
                ("mode", "demo"),
                ("closed_at", None),
                ("closed_at", "2026-09-32 10:00:00"),
                ("closed_at", "2026-09-31 10:00:00"),
                ("closed_at", "2026-09-03T09:00:00"),
                ("closed_at", 1795860000),
                ("closed_at", "soon"),
                ("closed_at", "2027-11-24 10:00:00"),
                ("closed_at", "2026-09-05 10:00:00"),
                ("fees", "much"),
            ]
        ),
    ),
    max_size=12,
)


@quick
@given(odd, odd, odd, st.integers(1, 30), st.sampled_from([1, 5, 1000]))
def test_whatever_cannot_be_read_what_is_kept_says_what_the_database_says(
    tmp_path: Path,
    built: list[tuple[int, tuple[str, object]]],
    checked: list[tuple[int, tuple[str, object]]],
    mended: list[tuple[int, tuple[str, object]]],
    looks: int,
    many: int,
) -> None:
    own = without_checks(native_sqlite(tmp_path))
    with closing(open_store(str(tmp_path / f"{Path(own.url).name}.store"))) as store:
        floor = Floor(own, store)
        floor.upkeep = RollupUpkeep(store, floor.clock, many=looks, some=looks)
        floor.reader.many = many
        for number in range(25):
            own.trade(number - 12, at(number * 31), id=number + 1, agent="abc"[number % 3])
        own.run("CREATE INDEX by_time ON trades (closed_at)")
        write(own, built)
        floor.build()
        assert_same_everywhere(floor)
        write(own, checked)
        floor.clock.forward(hours=13)
        floor.settle()
        assert floor.state() == "verified"
        assert_same_everywhere(floor)
        odd_ids = {trade for _, trade in standing_of(floor).unreadable}
        write(own, [(id_, change) for id_, change in mended if id_ in odd_ids])
        assert_same_everywhere(floor)


def write(own: Native, changes: list[tuple[int, tuple[str, object]]]) -> None:
    with closing(opened(own.url)) as connection, connection:
        for id_, (column, value) in changes:
            connection.execute(f"UPDATE trades SET {column} = ? WHERE id = ?", (value, id_))


def test_an_open_trade_that_closes_later_is_found_by_its_key(tmp_path: Path, store: Store) -> None:
    desk = Freqtrade(tmp_path, store)
    assert desk.run("UPDATE trades SET is_open = 1 WHERE id = 3")
    desk.clock.forward(hours=13)
    while desk.upkeep.step(desk.known.readers[0]):
        pass
    newest = "(SELECT max(close_date) FROM trades)"
    assert desk.run(f"UPDATE trades SET is_open = 0, close_profit_abs = 7, close_date = {newest} WHERE id = 3")
    desk.assert_same()


def about_indexes(desk: Freqtrade) -> list[str]:
    return [warning for warning in desk.plain.warnings() if "INDEX" in warning]


def test_check_names_the_index_that_a_large_table_lacks(tmp_path: Path, store: Store) -> None:
    desk = Freqtrade(tmp_path, store)
    assert about_indexes(desk) == []
    desk.run("UPDATE trades SET id = 200000 WHERE id = (SELECT max(id) FROM trades WHERE is_open = 0)")
    (warning,) = about_indexes(desk)
    assert "CREATE INDEX trades_close_date ON trades (close_date)" in warning
    (checks,) = desk.plain.check(desk.clock.wall())
    assert any("CREATE INDEX" in line for line in checks_table(checks))
    late = Portfolio([desk.plain.readers[0].settings], timeout=0)
    with pytest.raises(LedgerError, match=r"did not answer in time.*CREATE INDEX trades_close_date"):
        late.performance(between("2026-10-30", "2026-10-31"))
    desk.run("CREATE INDEX trades_close_date ON trades (close_date)")
    assert about_indexes(desk) == []


def test_what_was_not_compared_for_days_does_not_count(floor: Floor) -> None:
    floor.build()
    floor.bot.run("UPDATE trades SET pnl = pnl + 100 WHERE id = 3")
    floor.clock.forward(days=4)
    assert floor.opening(floor.kept) == floor.opening(floor.plain)


def test_a_database_that_was_filled_again_does_not_count_until_all_of_it_is_compared(floor: Floor) -> None:
    floor.bot.run("DELETE FROM trades")
    for number in range(40):
        floor.bot.trade(number, at(number), id=number + 1)
    floor.upkeep = RollupUpkeep(floor.store, floor.clock, many=100, some=30)
    floor.build()
    floor.bot.run("UPDATE trades SET pnl = pnl + 1 WHERE id < 40")
    floor.clock.forward(hours=13)
    states = []
    while floor.upkeep.step(floor.reader):
        states.append(floor.state())
        assert floor.opening(floor.kept) == floor.opening(floor.plain) or floor.state() == "verified"
    assert "unverified" in states
    assert states[-1] == "verified"
    assert floor.opening(floor.kept) == floor.opening(floor.plain)


edits = st.lists(
    st.tuples(
        st.sampled_from(["add", "edit", "cost", "delete", "move"]), st.integers(0, 10**6), st.integers(-(10**9), 10**9)
    ),
    max_size=40,
)


@quick
@given(edits, st.integers(1, 30))
def test_after_any_edits_a_roll_up_equals_a_plain_recount(
    tmp_path: Path, history: list[tuple[str, int, int]], looks: int
) -> None:
    own = native_sqlite(tmp_path)
    with closing(open_store(str(tmp_path / f"{Path(own.url).name}.store"))) as store:
        floor = Floor(own, store)
        floor.upkeep = RollupUpkeep(store, floor.clock, many=looks, some=looks)
        for number in range(25):
            own.trade(number - 12, at(number * 7), id=number + 1, agent="abc"[number % 3])
        floor.build()
        edit(own, history)
        for _ in floor.upkeep.verify(floor.reader):
            pass
        assert_recounted(floor)


def fill(own: Native, times: list[str]) -> None:
    with closing(opened(own.url)) as connection, connection:
        insert = (
            "INSERT INTO trades (agent, market, side, currency, pnl, closed_at) VALUES ('a', 'M', 'long', 'USDT', 1, ?)"
        )
        connection.executemany(insert, [(time,) for time in times])


def edit(own: Native, history: list[tuple[str, int, int]]) -> None:
    with closing(opened(own.url)) as connection, connection:
        for what, number, amount in history:
            ids = [row[0] for row in connection.execute("SELECT id FROM trades ORDER BY id")]
            one = ids[number % len(ids)] if ids else 0
            match what:
                case "add":
                    size = None if number % 11 == 0 else number % 9
                    side = ("long", "Sell", "?")[number % 3]
                    opened_at = None if number % 5 == 0 else at(number % HOURS - number % 4, number % 50)
                    closed_at = at(number % HOURS, number % 60)
                    row = ("abc"[number % 3], side, amount / 10**6, size, number % 7, opened_at, closed_at)
                    connection.execute(
                        "INSERT INTO trades (agent, market, side, currency, pnl, size, fees, entry_price, exit_price, "
                        "opened_at, closed_at) VALUES (?, 'M', ?, 'USDT', ?, ?, ?, 3, 4, ?, ?)",
                        row,
                    )
                case "edit":
                    connection.execute("UPDATE trades SET pnl = ? WHERE id = ?", (amount / 10**6, one))
                case "cost":
                    values = (None if number % 3 else amount / 10**6, number % 4, ("long", "short")[number % 2], one)
                    connection.execute("UPDATE trades SET fees = ?, volume = ?, side = ? WHERE id = ?", values)
                case "delete":
                    connection.execute("DELETE FROM trades WHERE id = ?", (one,))
                case "move":
                    connection.execute("UPDATE trades SET closed_at = ? WHERE id = ?", (at(number % HOURS), one))


def assert_recounted(floor: Floor) -> None:
    """The merged buckets say what a plain walk through all rows says."""
    with closing(opened(floor.bot.url)) as connection:
        results = [row[0] for row in connection.execute("SELECT pnl FROM trades ORDER BY closed_at, id")]
    path = PathMetrics()
    for result in results:
        path.step(units(result))
    with floor.store.read() as connection:
        kept = rollups.standing(connection, "bot")
        assert kept
        whole, _ = rollups.whole_paths(connection, "bot", kept.through)
    if not results:
        assert not whole
        return
    book = whole["book", "live", "USDT", ""]
    assert (book.trades, book.path.net, book.path.fall) == (len(results), path.level, path.deepest)
    assert kept.trades == len(results)
    assert abs(from_fine(book.pnl) - sum(Decimal(repr(result)) for result in results)) < Decimal("1e-8")
    agents = sum(own.pnl for key, own in whole.items() if key[0] == "agent")
    assert abs(from_fine(agents - book.pnl)) < Decimal("1e-8")
    assert floor.opening(floor.kept, "2026-10-30 20:00") == floor.opening(floor.plain, "2026-10-30 20:00")
    floor.reader.many = 1
    for start, end, zone in (("08-30", "10-31", "UTC"), ("09-02", "09-09", "Asia/Kolkata"), ("09-01", "10-01", "UTC")):
        floor.assert_same(between(f"2026-{start}", f"2026-{end}", zone))


def test_a_day_costs_no_more_behind_a_long_past(tmp_path: Path, steps: Counter[str]) -> None:
    spent = []
    for days in (30, 600):
        own = native_sqlite(tmp_path)
        with closing(open_store(str(tmp_path / f"{days}.store"))) as store:
            floor = Floor(own, store)
            fill(own, [at(hour) for hour in range(HOURS - days * 24, HOURS)])
            floor.upkeep = RollupUpkeep(store, floor.clock)
            floor.build()
            steps.clear()
            floor.kept.performance(between("2026-10-28", "2026-10-29"), account=True)
            floor.kept.daily_series(between("2026-10-20", "2026-10-29"))
            spent.append(steps.total())
    assert spent[1] < spent[0] * 1.2, spent


def test_a_trade_that_cannot_be_read_costs_no_look_through_a_long_past(tmp_path: Path, steps: Counter[str]) -> None:
    spent = []
    for odd_ones in (0, 1):
        own = native_sqlite(tmp_path)
        with closing(open_store(str(tmp_path / f"{odd_ones}.store"))) as store:
            floor = Floor(own, store)
            without_checks(own)
            own.run("CREATE INDEX by_time ON trades (closed_at)")
            fill(own, [at(hour) for hour in range(HOURS - 600 * 24, HOURS)])
            own.run(f"UPDATE trades SET pnl = 'n/a' WHERE id = 3 AND {odd_ones}")
            floor.upkeep = RollupUpkeep(store, floor.clock)
            floor.build()
            steps.clear()
            floor.kept.performance(between("2026-10-28", "2026-10-29"), account=True)
            floor.kept.daily_series(between("2026-10-20", "2026-10-29"))
            floor.kept.left_out(between("2026-10-28", "2026-10-29"))
            spent.append(steps.total())
    assert spent[1] < spent[0] * 2, spent


@pytest.mark.full
def test_after_ten_thousand_edits_a_roll_up_equals_a_plain_recount(tmp_path: Path, store: Store) -> None:
    own, chance = native_sqlite(tmp_path), random.Random(13)
    floor = Floor(own, store)
    floor.upkeep = RollupUpkeep(store, floor.clock, many=500, some=500)
    for number in range(3000):
        own.trade(chance.gauss(0, 40), at(number % HOURS, number % 60), id=number + 1)
    floor.build()
    for _ in range(10):
        kinds = ["add", "edit", "cost", "delete", "move"]
        edit(
            own,
            [(chance.choice(kinds), chance.randrange(10**6), chance.randrange(-(10**9), 10**9)) for _ in range(1000)],
        )
        pieces = floor.upkeep.verify(floor.reader)
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
        for _ in floor.upkeep.verify(floor.reader):
            pass
        assert_recounted(floor)
