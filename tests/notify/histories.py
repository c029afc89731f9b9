"""The histories in `docs/alerts.md`, minute by minute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from reporter.cli.alerts import run_ack
from tests.notify.alert_home import Floor, options


@dataclass(frozen=True)
class History:
    """What happens, in words for the document and in deeds; `probes` and `alerts` are the floor's config."""

    name: str
    words: str
    play: Callable[[Floor], None]
    probes: dict[str, str]
    alerts: str = ""
    long: bool = False


def clean_outage(floor: Floor) -> None:
    floor.passes(minutes=1)
    floor.down("db")
    floor.passes(minutes=6)
    floor.up("db")
    floor.passes(minutes=6)


def one_lost_packet(floor: Floor) -> None:
    floor.passes(minutes=1)
    floor.down("db")
    floor.passes(minutes=1 / 6)
    floor.up("db")
    floor.passes(minutes=3)


def flapping(floor: Floor) -> None:
    floor.passes(minutes=1)
    for _ in range(4):
        floor.down("db")
        floor.passes(minutes=3)
        floor.up("db")
        floor.passes(minutes=6)
    floor.passes(minutes=10)


def slow_degradation(floor: Floor) -> None:
    for loss, level in ((60, "ok"), (82, "warning"), (91, "warning"), (104, "critical"), (97, "warning"), (70, "ok")):
        words = f"{loss}% of the day's loss limit are used"
        floor.reads("limit/daily_loss", level, words, f"-${loss}.00", "-$100.00")
        floor.passes(minutes=6)


def own_network_gone(floor: Floor) -> None:
    floor.reads("network/own", "ok", "online")
    floor.passes(minutes=1)
    names = [f"probe/{name}" for name in ("exchange", "node", "news", "prices")]
    floor.reads("network/own", "critical", "4 of 4 targets did not answer in one round: this machine's own network")
    for name in names:
        floor.reads(name, "unknown", "not known: this machine's own network is in trouble")
    floor.passes(minutes=8)
    floor.reads("network/own", "ok", "online")
    for name in names:
        floor.reads(name, "ok", "online")
    floor.passes(minutes=6)


def dependency_down(floor: Floor) -> None:
    floor.passes(minutes=1)
    floor.down("db", "bot", "api")
    floor.passes(minutes=4)
    floor.up("db", "bot")
    floor.passes(minutes=9)
    floor.up("api")
    floor.passes(minutes=6)


def restart_in_the_midst(floor: Floor) -> None:
    floor.passes(minutes=1)
    floor.down("db")
    floor.passes(minutes=2)
    floor.stage.restart()
    floor.passes(minutes=2)
    floor.sleeps(minutes=10)
    floor.up("db")
    floor.passes(minutes=6)


def maintenance(floor: Floor) -> None:
    floor.passes(minutes=6)
    floor.down("db", "bot")
    floor.passes(minutes=6)
    floor.up("db")
    floor.passes(minutes=10)
    floor.up("bot")
    floor.passes(minutes=6)


def acknowledgement(floor: Floor) -> None:
    floor.passes(minutes=1)
    floor.down("db")
    floor.passes(minutes=12)
    run_ack(floor.stage.app, options(subject="db", by="anna", note="on it"))
    floor.passes(minutes=12)
    floor.up("db")
    floor.passes(minutes=6)


def escalation(floor: Floor) -> None:
    floor.passes(minutes=1)
    floor.down("db")
    floor.passes(minutes=18)
    floor.up("db")
    floor.passes(minutes=6)


def recovery_that_is_lost(floor: Floor) -> None:
    floor.passes(minutes=1)
    floor.down("db", "bot")
    floor.passes(minutes=1)
    with floor.discord.down():
        floor.passes(minutes=1)
        floor.up("db", "bot")
        floor.passes(minutes=2)
        floor.down("api")
        floor.passes(minutes=1)
        floor.up("api")
        floor.passes(minutes=3)
    floor.passes(minutes=1)


def clock_step(floor: Floor) -> None:
    floor.passes(minutes=1)
    floor.down("db")
    floor.passes(minutes=2)
    floor.clock.now -= timedelta(hours=1)
    floor.passes(minutes=3)
    floor.clock.now += timedelta(hours=1)
    floor.passes(minutes=1)
    floor.up("db")
    floor.passes(minutes=6)


def all_at_once(floor: Floor) -> None:
    floor.passes(minutes=1)
    floor.down("api", "bot", "db")
    floor.passes(minutes=2)
    floor.up("db")
    floor.passes(minutes=6)
    floor.up("api", "bot")
    floor.passes(minutes=6)


def silence(floor: Floor) -> None:
    floor.passes(minutes=1)
    floor.silences("db*", minutes=20)
    floor.passes(minutes=4)
    floor.down("db")
    floor.passes(minutes=20)
    floor.up("db")
    floor.passes(minutes=6)


HISTORIES = (
    History("Clean outage", "`db` refuses for 6 minutes.", clean_outage, {"db": ""}),
    History("One lost packet", "`db` refuses once, and answers when it is asked again.", one_lost_packet, {"db": ""}),
    History("Flapping", "`db` refuses for 3 minutes and is well for 6, four times.", flapping, {"db": ""}, long=True),
    History(
        "Slow degradation",
        "A loss nears its limit of $100 and passes it: 60, 82, 91, 104, 97, 70, six minutes each.",
        slow_degradation,
        {},
        long=True,
    ),
    History(
        "Own network gone",
        "For 8 minutes nothing can be reached, and the guard says that it is our own network.",
        own_network_gone,
        {},
        long=True,
    ),
    History(
        "Dependency down",
        "`db`, and `bot` and `api` which depend on it, refuse; `api` goes on for 9 minutes after `db` is well.",
        dependency_down,
        {"db": "", "bot": "depends_on: db", "api": "depends_on: db"},
    ),
    History(
        "Restart in the midst",
        "While `db` refuses the daemon is restarted, and once more it is away for 10 minutes.",
        restart_in_the_midst,
        {"db": ""},
        long=True,
    ),
    History(
        "Maintenance",
        "From 12:05 to 12:15 there is maintenance. `db` refuses from 12:06 to 12:12, `bot` to 12:22.",
        maintenance,
        {"db": "", "bot": ""},
        '  maintenance: [{schedule: "daily at 12:05", duration: 10m, reason: new disk}]',
        long=True,
    ),
    History(
        "Acknowledgement",
        "With reminders after 10 and 20 minutes: `db` refuses for 24 minutes, anna takes it on after 12.",
        acknowledgement,
        {"db": "alert: {reminders: [10m, 20m]}"},
        long=True,
    ),
    History(
        "Escalation",
        "With an escalation to `on-call` after 15 minutes: `db` refuses for 18, and nobody takes it on.",
        escalation,
        {"db": ""},
        "  escalation: [{after: 15m, channel: on-call, mention: everyone}]",
        long=True,
    ),
    History(
        "Recovery that is lost",
        "With a clean time of one minute: Discord takes nothing from 12:02 to 12:09. `db` and `bot`, which refused "
        "before, recover at 12:03; `api` refuses from 12:05 to 12:06.",
        recovery_that_is_lost,
        {"db": "", "bot": "", "api": ""},
        '  policies: [{subjects: "*", clean: 1m}]',
    ),
    History(
        "Clock step",
        "While `db` refuses the clock is set back by an hour, and forward again 3 minutes later.",
        clock_step,
        {"db": ""},
        long=True,
    ),
    History(
        "All at once",
        "`api`, `bot` and `db` refuse; `db` recovers 6 minutes before the others.",
        all_at_once,
        {"api": "", "bot": "", "db": ""},
    ),
    History(
        "Silence",
        "anna silences `db*` for 20 minutes; `db` refuses from the 5th minute to the 25th.",
        silence,
        {"db": ""},
        long=True,
    ),
)
