"""From an event to its message: each once, in order, and never lost for a mistake in a template."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reporter.delivery.channels import Channel
from reporter.delivery.outlets.console import ConsoleOutlet
from reporter.inbox.event import Event, read_event
from reporter.inbox.gaps import report_silence
from reporter.inbox.send import send_bundles, send_events
from reporter.inbox.settings import EventSettings, KindRule, Pace
from reporter.inbox.submit import submit
from reporter.jobs.loader import stock_home
from reporter.messages.message import Message, from_dict, plain
from reporter.messages.templates.renderer import Renderer
from reporter.store import events, tables
from reporter.store.database import Store, open_store

NOW = datetime(2026, 10, 30, 14, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store.sqlite"))


def settings(home: Path | None = None, **rules: KindRule) -> EventSettings:
    folders = [folder / "templates" for folder in ([home] if home else []) + [stock_home()]]
    channel = Channel("reports", ConsoleOutlet(sys.stdout), "console")
    rules.setdefault("default", KindRule(("reports",)))
    return EventSettings({"reports": channel}, Renderer(folders), rules)


def hand_in(store: Store, *given: Mapping[str, object], now: datetime = NOW, source: str = "bot") -> list[str]:
    with store.begin() as connection:
        return [one.status for one in submit(connection, [read_event(one) for one in given], now, source=source)]


def sent(store: Store) -> list[Message]:
    with store.read() as connection:
        rows = connection.execute(tables.outbox.select().order_by(tables.outbox.c.id))
        return [from_dict(json.loads(row.message)) for row in rows]


def states(store: Store) -> list[str]:
    with store.read() as connection:
        return [event.state for event in reversed(events.newest(connection, 1000))]


def test_an_event_becomes_one_message_with_its_facts_in_order(store: Store) -> None:
    trade = {"symbol": "BTC/USDT", "side": "BUY", "extra": "x", "quantity": 0.5, "entry_price": 45000}
    hand_in(store, {"kind": "trade_opened", "fields": trade})
    assert send_events(store, settings(), NOW) == 1
    (message,) = sent(store)
    assert plain(message.title) == "🟢 Trade Opened"
    shown = [(plain(field.name), plain(field.blocks[0].lines[0])) for field in message.fields]  # type: ignore[union-attr]
    assert shown == [
        ("📊 Symbol", "BTC/USDT"),
        ("📈 Side", "BUY"),
        ("💰 Entry Price", "45,000"),
        ("📦 Quantity", "0.5"),
        ("Extra", "x"),
    ]


def test_an_event_is_sent_once_however_often_it_is_handed_in(store: Store) -> None:
    event = {"kind": "signal_generated", "id": "7"}
    assert hand_in(store, event, event) == ["accepted", "known"]
    send_events(store, settings(), NOW)
    assert hand_in(store, event) == ["known"]
    send_events(store, settings(), NOW)
    assert len(sent(store)) == 1


def test_the_same_id_of_two_sources_is_two_events(store: Store) -> None:
    hand_in(store, {"kind": "signal", "id": "7"}, source="a")
    assert hand_in(store, {"kind": "signal", "id": "7"}, source="b") == ["accepted"]


def test_numbers_keep_their_digits(store: Store) -> None:
    hand_in(store, {"kind": "signal", "fields": {"amount": "0.1234567890123456789", "n": 12345678901234567890}})
    with store.read() as connection:
        (event,) = events.newest(connection, 1)
    assert [str(value) for value in event.fields.values()] == ["0.1234567890123456789", "12345678901234567890"]


def test_a_kind_without_a_template_is_decent(store: Store) -> None:
    hand_in(store, {"kind": "coffee_ready", "text": "Come and get it.", "fields": {"cups": 2}})
    send_events(store, settings(), NOW)
    (message,) = sent(store)
    assert plain(message.title) == "📣 Coffee Ready"


def test_a_template_of_the_user_counts_and_its_failure_loses_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "templates" / "events").mkdir(parents=True)
    template = tmp_path / "templates" / "events" / "signal.md.j2"
    template.write_text("# Signal: {{ event.fields.pair }}")
    hand_in(store, {"kind": "signal", "title": "T", "fields": {"pair": "BTC"}})
    send_events(store, settings(tmp_path), NOW)
    template.write_text("# {{ nonsense.here }} of another length")
    hand_in(store, {"kind": "signal", "title": "T", "fields": {"pair": "ETH"}})
    send_events(store, settings(tmp_path), NOW)
    assert [plain(message.title) for message in sent(store)] == ["Signal: BTC", "T"]


def test_foreign_text_can_neither_ping_nor_forge(store: Store) -> None:
    evil = "@everyone **bold** [x](https://evil.example)\n# Heading\n---"
    hand_in(store, {"kind": "signal", "title": evil, "text": evil, "fields": {"a": evil}})
    send_events(store, settings(), NOW)
    (message,) = sent(store)
    assert len(message.fields) == 1
    assert {run.kind for run in message.title} == {"text"}


@pytest.mark.parametrize(("until", "state"), [(NOW, "expired"), (NOW + timedelta(minutes=1), "sent")])
def test_after_its_time_an_event_is_not_sent(store: Store, until: datetime, state: str) -> None:
    hand_in(store, {"kind": "signal", "until": until.isoformat()}, now=NOW - timedelta(hours=1))
    send_events(store, settings(), NOW)
    assert states(store) == [state]


def test_an_event_of_the_future_waits(store: Store) -> None:
    hand_in(store, {"kind": "signal", "at": (NOW + timedelta(hours=1)).isoformat()})
    assert send_events(store, settings(), NOW) == 0
    assert send_events(store, settings(), NOW + timedelta(hours=1)) == 1


def test_a_clock_that_is_a_little_ahead_holds_nothing_back(store: Store) -> None:
    hand_in(store, {"kind": "signal", "at": (NOW + timedelta(minutes=1)).isoformat()})
    assert send_events(store, settings(), NOW) == 1


def test_a_filter_says_why_an_event_was_left_out(store: Store) -> None:
    rule = KindRule(("reports",), least={"confidence": 0.6}, only={"asset": ("bitcoin",)})
    for confidence, asset in [(0.5, "bitcoin"), (0.7, "dogecoin"), ("high", "bitcoin"), (0.6, "Bitcoin")]:
        hand_in(store, {"kind": "signal", "fields": {"confidence": confidence, "asset": asset}})
    send_events(store, settings(signal=rule), NOW)
    assert states(store) == ["off", "off", "off", "sent"]
    with store.read() as connection:
        whys = [event.why for event in reversed(events.newest(connection, 9))]
    assert whys == ["confidence is below 0.6", "asset is none of bitcoin", "confidence is not a number", None]


def test_what_comes_too_fast_is_sent_together(store: Store) -> None:
    limits = settings(signal=KindRule(("reports",), pace=Pace(2, timedelta(minutes=1))))
    hand_in(store, *({"kind": "signal", "title": f"No. {number}"} for number in range(30)))
    send_events(store, limits, NOW)
    assert send_bundles(store, limits, NOW + timedelta(seconds=30)) == 0
    assert send_bundles(store, limits, NOW + timedelta(minutes=1)) == 1
    titles = [plain(message.title) for message in sent(store)]
    assert titles == ["📣 No. 0", "📣 No. 1", "28 more signal events"]
    assert send_bundles(store, limits, NOW + timedelta(minutes=5)) == 0


@pytest.mark.parametrize("back", [timedelta(hours=6), timedelta(days=18_000)])
def test_a_clock_that_is_set_back_makes_no_pace_slower(store: Store, back: timedelta) -> None:
    limits = settings(signal=KindRule(("reports",), pace=Pace(2, timedelta(minutes=1))))
    hand_in(store, *({"kind": "signal", "title": f"No. {number}"} for number in range(3)))
    send_events(store, limits, NOW)
    assert send_bundles(store, limits, NOW - back) == 1
    hand_in(store, {"kind": "signal", "title": "later"}, now=NOW - back)
    assert send_events(store, limits, NOW - back) == 1


def test_a_critical_event_has_no_pace(store: Store) -> None:
    limits = settings(risk_alert=KindRule(("reports",), pace=Pace(1, timedelta(minutes=1))))
    hand_in(store, *({"kind": "risk_alert", "severity": "critical"} for _ in range(3)))
    send_events(store, limits, NOW)
    assert states(store) == ["sent"] * 3


def test_a_slot_replaces_what_still_waits(store: Store) -> None:
    for total in (1, 2):
        hand_in(store, {"kind": "portfolio_update", "slot": "portfolio", "fields": {"total": total}})
        send_events(store, settings(), NOW)
    with store.read() as connection:
        assert [row.state for row in connection.execute(tables.outbox.select())] == ["superseded", "waiting"]


def test_a_jump_of_the_counter_is_told(store: Store) -> None:
    hand_in(store, *({"kind": "signal", "seq": seq} for seq in (40, 41, 44)))
    send_events(store, settings(), NOW)
    with store.read() as connection:
        (gap,) = events.newest(connection, 5, kind="system")
    assert gap.text == "bot counts its signal events: 2 between 41 and 44 are missing."


@pytest.mark.parametrize(("counted", "missing"), [
    ((40, 41, *range(1, 4), 6), ["2 between 3 and 6 are missing"]),  # a bot that began again counts from 1
    ((41, 43, 42, 44), ["1 between 41 and 43 is missing"]),  # what overtakes another is no new beginning
    ((41, 42, 42, 43), []),
    ((1, 2, 1, 2, 4), ["1 between 2 and 4 is missing"]),
    ((500, *range(1, 80), 90), ["10 between 79 and 90 are missing"]),
])  # fmt: skip
def test_a_counter_that_begins_again_is_still_watched(
    store: Store, counted: tuple[int, ...], missing: list[str]
) -> None:
    hand_in(store, *({"kind": "signal", "seq": seq} for seq in counted))
    with store.read() as connection:
        found = events.newest(connection, 5, kind="system")
    assert [gap.text for gap in found] == [f"bot counts its signal events: {one}." for one in missing]


def test_a_source_that_is_silent_for_longer_than_it_should_is_told_once_a_silence(store: Store) -> None:
    expected = {"signal": timedelta(minutes=15)}

    def silent(minutes: int) -> list[str]:
        now = NOW + timedelta(minutes=minutes)
        with store.begin() as connection:
            report_silence(connection, expected, now, listening=DAY)
        with store.read() as connection:
            return [event.text for event in events.newest(connection, 9, kind="system") if event.received_at == now]

    hand_in(store, {"kind": "signal"}, {"kind": "trade"})
    hand_in(store, {"kind": "signal"}, source="other", now=NOW + timedelta(minutes=10))
    assert silent(15) == []
    assert silent(16) == ["bot sends signal at least every 15m, and has sent none for 16m."]
    assert silent(17) == []
    hand_in(store, {"kind": "signal"}, now=NOW + timedelta(minutes=20))
    assert sorted(silent(36)) == [
        "bot sends signal at least every 15m, and has sent none for 16m.",
        "other sends signal at least every 15m, and has sent none for 26m.",
    ]


def test_a_source_is_not_silent_while_nobody_listens(store: Store) -> None:
    hand_in(store, {"kind": "signal"})
    told = []
    for listening in (0, 15, 16):
        with store.begin() as connection:
            told.append(
                report_silence(connection, {"signal": timedelta(minutes=15)}, NOW + DAY, timedelta(minutes=listening))
            )
    assert told == [0, 0, 1]


def test_cloud_events_are_understood(store: Store) -> None:
    given = {"specversion": "1.0", "type": "signal", "source": "/mts", "id": "1", "data": {"pair": "BTC"}}
    event = read_event(given)
    assert event == Event(kind="signal", source="/mts", id="1", fields={"pair": "BTC"})


def test_events_are_forgotten_once_they_are_old_and_settled(store: Store) -> None:
    hand_in(store, {"kind": "signal", "id": "old"})
    send_events(store, settings(), NOW)
    hand_in(store, {"kind": "signal", "id": "old but waiting"})
    hand_in(store, {"kind": "signal", "id": "new"}, now=NOW + timedelta(days=2))
    with store.begin() as connection:
        events.reject(connection, "hook", "why", "body", NOW)
        assert events.prune(connection, NOW + timedelta(days=1)) == 2
        assert [event.id for event in events.newest(connection, 9)] == ["new", "old but waiting"]
        assert events.rejected(connection, 9) == []


def signal(asset: str, **fields: object) -> dict[str, object]:
    return {"kind": "signal_generated", "fields": {"asset": asset, "signal": "LONG", **fields}}


@pytest.mark.parametrize(
    ("least", "strength", "state"),
    [("moderate", "WEAK", "off"), ("moderate", "Strong", "sent"), ("moderate", "fine", "off"), (0.5, 0.82, "sent")],
)
def test_a_signal_below_a_strength_is_left_out(store: Store, least: float | str, strength: object, state: str) -> None:
    hand_in(store, signal("bitcoin", strength=strength))
    send_events(store, settings(signal_generated=KindRule(("reports",), least={"strength": least})), NOW)
    assert states(store) == [state]


def test_each_asset_has_a_pace_of_its_own_which_says_how_many_it_held_back(store: Store) -> None:
    rule = KindRule(("reports",), pace=Pace(1, timedelta(seconds=60)), per="asset")
    hand_in(store, *(signal(asset, price=price) for price in (1, 2, 3) for asset in ("Bitcoin", "ethereum", "bitcoin")))
    send_events(store, settings(signal_generated=rule), NOW)
    assert states(store).count("sent") == 2
    assert send_bundles(store, settings(signal_generated=rule), NOW + timedelta(seconds=61)) == 2
    assert [plain(message.title) for message in sent(store)[2:]] == [
        "5 more signal generated events: bitcoin", "2 more signal generated events: ethereum"]  # fmt: skip
    assert set(states(store)) == {"sent", "sent together"}


def test_the_parts_of_a_signal_are_switched_off_by_a_word(store: Store) -> None:
    rule = KindRule(("reports",), hide=("risk", "volatility"))
    parts = {"stop_loss": 1, "take_profit": 2, "max_risk": 0.02, "volatility": 0.1, "volatility_ratio": 6, "price": 9}
    hand_in(store, signal("bitcoin", **parts))
    send_events(store, settings(signal_generated=rule), NOW)
    assert [plain(field.name) for field in sent(store)[0].fields] == ["💰 Price"]
