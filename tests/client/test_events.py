"""The client: never in the way of a bot, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from reporter.client import Client
from tests.client.inbox import Inbox, inbox
from tests.support.paths import DOCS


@pytest.fixture
def server() -> Iterator[Inbox]:
    with inbox() as found:
        yield found


def client(server: Inbox | str, spool: Path, **options: int) -> Client:
    url = server if isinstance(server, str) else server.url
    return Client(url, "a-token", source="bot", spool=spool, timeout=1.0, **options)


def closed_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_an_event_arrives_with_its_fields(server: Inbox, tmp_path: Path) -> None:
    handed = client(server, tmp_path).notify("signal", "BTC long", pair="BTC/USDT", confidence=0.8)
    server.waits_for(1)
    (event,) = server.events
    assert (event["kind"], event["title"], event["id"], event["source"]) == ("signal", "BTC long", handed, "bot")
    assert event["fields"] == {"pair": "BTC/USDT", "confidence": 0.8}
    assert server.tokens == {"Bearer a-token"}


def test_the_words_of_a_trading_day(server: Inbox, tmp_path: Path) -> None:
    bot = client(server, tmp_path)
    bot.notify_trade_opened({"symbol": "BTC/USDT", "side": "BUY", "entry_price": 45000})
    bot.notify_trade_closed(symbol="ETH/USDT", pnl=200)
    bot.notify_error({"type": "RiskViolation", "message": "Max drawdown exceeded", "severity": "CRITICAL"})
    bot.notify_error(ValueError("no price"))
    bot.send_daily_summary({"trades": 15})
    bot.send_portfolio_update(total=12500)
    bot.send_performance_metrics(sharpe=1.85)
    server.waits_for(7)
    assert [event["kind"] for event in server.events] == [
        "trade_opened",
        "trade_closed",
        "error",
        "error",
        "bot_daily_summary",
        "portfolio_update",
        "performance_metrics",
    ]
    assert [event["severity"] for event in server.events][2:4] == ["critical", "warning"]
    assert server.events[3]["fields"] == {"type": "ValueError", "message": "no price"}


def test_a_coroutine_may_await_a_call(server: Inbox, tmp_path: Path) -> None:
    async def trade() -> str:
        return await client(server, tmp_path).notify_trade_opened({"symbol": "BTC/USDT"})

    handed = asyncio.run(trade())
    server.waits_for(1)
    assert server.events[0]["id"] == handed


@pytest.mark.parametrize("odd", [float("nan"), object(), {1: {2, 3}}, b"\xff", [[[[[[1]]]]]], 10**400])
def test_odd_values_never_reach_the_bot_as_an_error(server: Inbox, tmp_path: Path, odd: object) -> None:
    client(server, tmp_path).notify("signal", value=odd)
    server.waits_for(1)


def test_a_list_that_holds_itself_is_cut(server: Inbox, tmp_path: Path) -> None:
    endless: list[object] = []
    endless.append(endless)
    client(server, tmp_path).notify("signal", value=endless)
    server.waits_for(1)


def test_what_the_reporter_missed_comes_later_in_order_and_once(tmp_path: Path) -> None:
    with inbox() as server:
        port = int(server.url.rpartition(":")[2])
        bot = client(server, tmp_path)
        bot.notify("signal", id="1")
        server.waits_for(1)
    for number in range(2, 40):
        bot.notify("signal", id=str(number))
    with inbox(port) as again:
        again.waits_for(38)
        assert bot.flush()
        assert [event["id"] for event in again.events] == [str(number) for number in range(2, 40)]


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_refusal_that_may_pass_keeps_the_event(server: Inbox, tmp_path: Path, status: int) -> None:
    server.answer = status
    bot = client(server, tmp_path)
    bot.notify("signal", id="kept")
    while not bot.stats()["failures"]:
        pass
    assert str(status) in str(bot.stats()["last_error"])
    server.answer = 202
    server.waits_for(1)
    assert bot.flush()


def test_an_event_that_the_reporter_will_never_take_does_not_hold_up_the_others(server: Inbox, tmp_path: Path) -> None:
    server.answer = 400
    bot = client(server, tmp_path)
    bot.notify("signal", id="bad")
    while not bot.stats()["refused"]:
        pass
    server.answer = 202
    bot.notify("signal", id="good")
    server.waits_for(1)
    assert [event["id"] for event in server.events] == ["good"]


def test_the_oldest_events_are_dropped_counted_and_told(tmp_path: Path) -> None:
    with inbox() as server:
        port = int(server.url.rpartition(":")[2])
    bot = client(f"http://127.0.0.1:{port}", tmp_path, spool_limit=20_000)
    for number in range(400):
        bot.notify("signal", "x" * 100, id=str(number))
    while not bot.stats()["dropped"]:
        pass
    with inbox(port) as again:
        assert bot.flush(10)
        ids = [event["id"] for event in again.events if event["kind"] == "signal"]
        assert ids[-1] == "399"
        assert len(ids) + int(str(bot.stats()["dropped"])) == 400
        told = [event["text"] for event in again.events if event["kind"] == "system"]
        assert told
        assert all("dropped" in text for text in told)


def script(body: str, *arguments: str) -> subprocess.Popen[str]:
    code = "from reporter.client import Client\nimport os, sys, time\n" + textwrap.dedent(body)
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)


def test_a_killed_bot_hands_over_what_was_in_its_spool_when_it_comes_back(tmp_path: Path) -> None:
    url = closed_port()
    bot = script(
        """
        bot = Client(sys.argv[1], spool=sys.argv[2])
        for number in range(50):
            bot.notify("signal", id=str(number))
        while not bot.stats()["failures"]: time.sleep(0.01)
        print("up", flush=True)
        time.sleep(60)
        """,
        url,
        str(tmp_path),
    )
    assert bot.stdout
    assert bot.stdout.readline() == "up\n"
    bot.send_signal(signal.SIGKILL)
    bot.communicate()
    with inbox(int(url.rpartition(":")[2])) as server:
        client(server, tmp_path).notify("signal", id="new")
        server.waits_for(51)
        assert {event["id"] for event in server.events} == {*map(str, range(50)), "new"}


def test_a_bot_that_ends_at_once_loses_nothing(server: Inbox, tmp_path: Path) -> None:
    bot = script("Client(sys.argv[1], spool=sys.argv[2]).notify('signal')", server.url, str(tmp_path))
    bot.communicate()
    server.waits_for(1)


def test_a_forked_child_hands_over_its_own_events_and_not_its_parents(server: Inbox, tmp_path: Path) -> None:
    bot = script(
        """
        bot = Client(sys.argv[1], spool=sys.argv[2])
        bot.notify("signal", id="before")
        child = os.fork()
        bot.notify("signal", id="child" if child == 0 else "parent")
        bot.flush()
        if child: os.waitpid(child, 0)
        """,
        server.url,
        str(tmp_path),
    )
    bot.communicate()
    server.waits_for(3)
    assert sorted(event["id"] for event in server.events) == ["before", "child", "parent"]


def test_the_trading_day_of_the_docs_runs_with_a_reporter_and_without(server: Inbox, tmp_path: Path) -> None:
    def day(url: str) -> str:
        environ = {**os.environ, "HOME": str(tmp_path), "REPORTER_URL": url, "REPORTER_TOKEN": "t", "PAUSE": "0.01"}
        command = [sys.executable, str(DOCS / "examples/trading_day.py")]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout

    assert "the reporter is away: the events wait in the spool" in day(closed_port())
    assert "the reporter has everything" in day(server.url)
    kinds = [event["kind"] for event in server.events]
    assert sorted(kinds) == sorted(2 * [
        "agent_started", "signal_generated", "trade_opened", "trade_closed", "portfolio_update", "portfolio_update",
        "error", "performance_metrics", "bot_daily_summary"])  # fmt: skip


def test_a_folder_that_cannot_be_written_is_no_hindrance(server: Inbox, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    client(server, tmp_path / "file" / "spool").notify("signal")
    server.waits_for(1)


def test_a_planted_link_is_not_followed(server: Inbox, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("{}\n")
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "events-1-1.jsonl").symlink_to(victim)
    client(server, tmp_path / "spool").notify("signal")
    server.waits_for(1)
    assert victim.read_text() == "{}\n"


def test_the_client_loads_nothing_but_the_standard_library() -> None:
    code = "import sys; before = set(sys.modules); import reporter.client; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    ours = {name for name in loaded if name.startswith("reporter")}
    assert ours == {
        "reporter",
        "reporter.version",
        "reporter.client",
        "reporter.client.events",
        "reporter.client.opener",
        "reporter.client.plans",
        "reporter.client.spool",
    }
    assert {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names) == {"reporter"}


def test_the_token_shows_in_no_repr() -> None:
    assert "geheim" not in repr(Client("http://127.0.0.1:1", "geheim"))


def test_a_spool_file_is_private(tmp_path: Path) -> None:
    os.umask(0o022)
    bot = client(closed_port(), tmp_path)
    bot.notify("signal")
    while not bot.stats()["failures"]:
        pass
    (file,) = tmp_path.glob("events-*.jsonl")
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["kind"] == "signal"


def test_what_a_full_disk_does_not_take_is_counted_and_the_rest_stays_whole(tmp_path: Path) -> None:
    bot = f"""
        import resource
        from reporter.client import Client
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        bot = Client({closed_port()!r}, "t", spool={str(tmp_path)!r}, timeout=0.2)
        for number in range(50):
            bot.notify("signal", str(number))
            bot.flush(0.02)
        stats = bot.stats()
        print(stats["handed"], stats["dropped"])
        bot.close(0)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(bot)], capture_output=True, text=True, check=True)
    handed, dropped = map(int, done.stdout.split())
    (file,) = tmp_path.iterdir()
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    assert (handed, len(kept) + dropped) == (50, 50)
    assert 0 < len(kept) < 50


def test_what_comes_after_the_end_is_counted_as_dropped(server: Inbox, tmp_path: Path) -> None:
    bot = client(server, tmp_path)
    bot.notify("signal", "1")
    bot.close(10)
    bot.notify("signal", "2")
    assert (bot.stats()["handed"], bot.stats()["accepted"], bot.stats()["dropped"]) == (2, 1, 1)
