"""The round: everything due runs at once, ends by the deadline, and a hanging probe blocks nothing."""

import asyncio
import errno
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from reporter.alerts.model import Level
from reporter.probes.probe import Probe, ProbeResult, Terms
from tests.probes.conftest import Rounds, StandingClock
from tests.probes.databases import configured
from tests.probes.servers import answers, hangs, serving

OK = ProbeResult(Level.OK, "fine")


def web(name: str, port: int, *, timeout: str = "4s") -> Probe:
    return configured(name, url=f"http://127.0.0.1:{port}/", timeout=timeout)


@dataclass
class Scripted:
    """A probe whose look is what the test says."""

    act: Callable[[], Awaitable[ProbeResult]]
    name: str = "scripted"
    every: float | None = None
    timeout: float = 0.2
    kind: str = "scripted"
    host: str | None = "scripted.example"
    looks: int = 0

    @property
    def terms(self) -> Terms:
        return Terms(self.name, self.every, self.timeout)

    def prepare(self) -> None: ...

    async def look(self) -> ProbeResult:
        self.looks += 1
        return await self.act()


async def fine() -> ProbeResult:
    return OK


async def forever() -> ProbeResult:
    await asyncio.Event().wait()
    return OK


async def refused() -> ProbeResult:
    raise ConnectionRefusedError(errno.ECONNREFUSED, "x")


async def deaf() -> ProbeResult:
    """Does not let itself be cancelled for a while."""
    for _ in range(2):
        try:
            await asyncio.sleep(1.0)
        except asyncio.CancelledError:
            continue
    return OK


def test_no_probes_make_an_empty_round_without_a_thread(rounds: Rounds) -> None:
    before = threading.active_count()
    assert rounds([]).probe_all() == []
    assert threading.active_count() == before


def test_fifty_probes_of_which_ten_hang_are_done_in_the_time_of_one(rounds: Rounds) -> None:
    with serving(answers(200)) as good, serving(hangs) as bad:
        probes: list[Probe] = [web(f"good{n}", good, timeout="15s") for n in range(20)]
        probes += [configured(f"open{n}", address=f"127.0.0.1:{good}", timeout="15s") for n in range(20)]
        probes += [web(f"bad{n}", bad, timeout="2s") for n in range(10)]
        began = time.perf_counter()
        readings = rounds(probes, deadline=18).probe_all()
        took = time.perf_counter() - began
    assert [reading.name for reading in readings] == [probe.terms.name for probe in probes]
    assert {reading.name for reading in readings if reading.observation.level is not Level.OK} == {
        f"bad{n}" for n in range(10)
    }
    assert took < 18  # one after the other they would take 20


def test_the_round_returns_by_its_deadline_although_a_look_goes_on(rounds: Rounds) -> None:
    slow, quick = Scripted(forever, name="slow", timeout=30), Scripted(fine, name="quick")
    began = time.perf_counter()
    waiting, done = rounds([slow, quick], deadline=2).probe_all()
    assert time.perf_counter() - began < 20
    assert (waiting.observation.level, waiting.fresh) == (Level.UNKNOWN, False)
    assert waiting.observation.detail == "the first look is not finished yet"
    assert done.observation.level is Level.OK


def test_a_look_that_goes_on_is_not_started_again_and_keeps_its_last_reading(
    rounds: Rounds, clock: StandingClock
) -> None:
    acts = iter([fine, forever])

    async def in_turn() -> ProbeResult:
        return await next(acts)()

    probe = Scripted(in_turn, timeout=60)
    probes = rounds([probe], deadline=1)
    readings = []
    for _ in range(3):
        readings += probes.probe_all()
        clock.pass_by(20)
    assert probe.looks == 2
    assert [reading.fresh for reading in readings] == [True, False, False]
    assert len({reading.at for reading in readings}) == 1


def test_a_look_that_finishes_between_rounds_is_told_as_fresh_in_the_next(rounds: Rounds, clock: StandingClock) -> None:
    async def late() -> ProbeResult:
        await asyncio.sleep(0.3)
        return OK

    probes = rounds([Scripted(late, timeout=5, every=300)], deadline=0.1)
    began = clock.wall()
    assert probes.probe_all()[0].observation.level is Level.UNKNOWN
    time.sleep(1.5)
    clock.pass_by(30)
    (reading,) = probes.probe_all()
    assert (reading.observation.level, reading.fresh, reading.at) == (Level.OK, True, began)


def test_our_own_hang_is_unknown_and_not_the_targets_fault(rounds: Rounds, clock: StandingClock) -> None:
    probes = rounds([Scripted(deaf)], deadline=0.1)
    probes.probe_all()
    clock.pass_by(30)
    (reading,) = probes.probe_all()
    assert reading.observation.level is Level.UNKNOWN
    assert reading.observation.detail == "the reporter's own look is stuck"
    assert reading.fresh


def test_a_loop_that_is_blocked_gives_unknown_by_the_deadline(rounds: Rounds) -> None:
    async def blocking() -> ProbeResult:
        time.sleep(2.0)
        return OK

    (reading,) = rounds([Scripted(blocking)], deadline=0.1).probe_all()
    assert reading.observation.detail == "the reporter's own probing is stuck"


def test_each_probe_has_a_pace_of_its_own(rounds: Rounds, clock: StandingClock) -> None:
    each, slow = Scripted(fine, name="each"), Scripted(fine, name="slow", every=90)
    probes = rounds([each, slow])
    fresh = []
    for _ in range(7):
        fresh.append(probes.probe_all()[1].fresh)
        clock.pass_by(29.9)  # rounds are never exact
    assert (each.looks, slow.looks) == (7, 3)
    assert fresh == [True, False, False, True, False, False, True]


def test_what_has_just_failed_is_asked_again_soon_and_then_at_its_own_pace(
    rounds: Rounds, clock: StandingClock
) -> None:
    probe = Scripted(refused, every=600)
    probes, looks = rounds([probe]), []
    for _ in range(8):
        probes.probe_all()
        looks.append(probe.looks)
        clock.pass_by(10)
    clock.pass_by(600)
    probes.probe_all()
    assert looks == [1, 2, 3, 4, 5, 6, 6, 6]
    assert probe.looks == 7


def test_a_round_that_comes_early_for_a_suspect_asks_nobody_else(rounds: Rounds, clock: StandingClock) -> None:
    acts = iter([fine, fine, refused, fine, fine, fine])

    async def in_turn() -> ProbeResult:
        return await next(acts)()

    well, suspect = Scripted(fine, name="well"), Scripted(in_turn, name="suspect")
    probes, fresh = rounds([well, suspect]), []
    for passed in (0, 30, 30, 10, 20, 30):
        clock.pass_by(passed)
        fresh.append([one.name for one in probes.probe_all() if one.fresh])
    assert fresh == [["well", "suspect"]] * 3 + [["suspect"]] + [["well", "suspect"]] * 2


def test_a_kept_reading_says_when_it_was_taken(rounds: Rounds, clock: StandingClock) -> None:
    probes = rounds([Scripted(fine, every=300)])
    first = probes.probe_all()[0].at
    clock.pass_by(60)
    assert probes.probe_all()[0].at == first == clock.wall().replace(minute=2)


def test_a_probe_that_raises_is_unknown_and_tells_no_secret(rounds: Rounds) -> None:
    async def broken() -> ProbeResult:
        raise RuntimeError("https://user:hunter2@example.com")

    (reading,) = rounds([Scripted(broken)]).probe_all()
    assert reading.observation.level is Level.UNKNOWN
    assert reading.observation.detail == "the probe failed: RuntimeError"


def test_rounds_asked_for_at_once_look_only_once(rounds: Rounds) -> None:
    async def brief() -> ProbeResult:
        await asyncio.sleep(0.2)
        return OK

    probe = Scripted(brief, every=300, timeout=2)
    probes = rounds([probe])
    threads = [threading.Thread(target=probes.probe_all) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert probe.looks == 1


@pytest.fixture
def silent_names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A name server that keeps silent for two seconds; tells which names it was asked for."""
    asked: list[str] = []

    def slow(host: str, *rest: int) -> object:
        asked.append(host)
        time.sleep(2.0)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    return asked


def test_a_silent_name_server_is_unknown_and_asked_once_a_name(rounds: Rounds, silent_names: list[str]) -> None:
    probes = rounds(
        [
            configured("tcp", address="silent.example:80", timeout="300ms"),
            configured("same", address="silent.example:80", timeout="300ms"),
            configured("http", url="http://silent.example/", timeout="300ms"),
        ]
    )
    first, second = probes.probe_all(), probes.probe_all()
    for reading in first + second:
        assert reading.observation.level is Level.UNKNOWN, reading
        assert reading.observation.detail == "names cannot be looked up: the name server does not answer"
    assert len(silent_names) <= 2  # one question for each kind of probe, however often it is put


def test_a_look_at_the_last_readings_leaves_them_to_be_told(rounds: Rounds) -> None:
    probe = Scripted(fine)
    probes = rounds([probe, Scripted(forever, "other", kind="other")])
    shown = [probes.readings(["scripted"]) for _ in range(3)]
    assert [(one.name, one.observation.level, one.fresh) for [one] in shown] == [("scripted", Level.OK, False)] * 3
    assert probe.looks == 1
    assert probes.readings(["nothing"]) == []
    probe.every = 60
    assert (probes.probe_all()[0].fresh, probe.looks) == (True, 1)


def test_what_nobody_looked_at_for_long_is_looked_at_to_be_shown(rounds: Rounds, clock: StandingClock) -> None:
    probe = Scripted(fine)
    probes = rounds([probe])
    probes.probe_all()
    for seconds, looks in ((119, 1), (2, 2), (60, 2)):
        clock.pass_by(seconds)
        probes.readings(["scripted"])
        assert probe.looks == looks


def test_nothing_that_hangs_keeps_the_process_from_ending() -> None:
    program = """
import socket, threading, time
socket.getaddrinfo = lambda *question: time.sleep(60)
from reporter.config.models import Config
from reporter.periods.clock import SystemClock
from reporter.probes.factory import probes_of
config = Config.model_validate({"probes": {"x": {"address": "silent.example:80", "timeout": "200ms"}}})
probes = probes_of(config, SystemClock(), deadline=1)
print(probes.probe_all()[0].observation.level)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert (ended.stdout, ended.stderr) == ("unknown\n", "")
