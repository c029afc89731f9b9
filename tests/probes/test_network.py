"""Our own network: targets that are silent because of it are not reported down."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.alerts.model import Level
from reporter.alerts.readings import Reading
from reporter.probes import own_network
from reporter.probes.contact import reached
from reporter.probes.own_network import ENOUGH_TO_ASK, NetworkView, Referee, doubt, is_elsewhere, is_near, party
from reporter.probes.probe import Probe, ProbeResult, Terms, Way
from tests.probes.conftest import Rounds, StandingClock
from tests.probes.servers import full_queue, hangs, nobody_listening, serving

Act = Callable[[], Awaitable[ProbeResult]]


@dataclass
class Far:
    """A probe of a machine elsewhere that does what the test says."""

    name: str
    act: Act
    every: float | None = None
    kind: str = "far"

    @property
    def terms(self) -> Terms:
        return Terms(self.name, self.every, timeout=0.2)

    @property
    def host(self) -> str:
        return f"{self.name}.example"

    def prepare(self) -> None: ...

    async def look(self) -> ProbeResult:
        return await self.act()


async def answers() -> ProbeResult:
    return ProbeResult(Level.OK, "online")


async def silent() -> ProbeResult:
    await asyncio.Event().wait()
    return ProbeResult(Level.OK, "online")


async def refuses() -> ProbeResult:
    raise ConnectionRefusedError(errno.ECONNREFUSED, "x")


async def no_route() -> ProbeResult:
    raise OSError(errno.ENETUNREACH, "x")


async def no_names() -> ProbeResult:
    raise socket.gaierror(socket.EAI_AGAIN, "x")


async def accepts_and_hangs() -> ProbeResult:
    reached()
    return await silent()


def far(*acts: Act) -> list[Probe]:
    return [Far(f"t{number}", act) for number, act in enumerate(acts)]


def by_turns(acts: dict[int, Act], number: int) -> Act:
    """Does what stands under its number when it is asked."""

    async def act() -> ProbeResult:
        return await acts[number]()

    return act


def levels(readings: Sequence[Reading]) -> list[str]:
    return [str(reading.observation.level) for reading in readings]


def test_silence_of_most_targets_is_one_trouble_of_our_own(rounds: Rounds) -> None:
    *targets, own = rounds(far(silent, silent, silent, silent)).probe_all()
    assert (own.observation.subject, own.kind, own.name) == ("network/own", "network", "own network")
    assert own.observation.level is Level.CRITICAL
    assert own.observation.detail == "none of 4 targets answers, all at once: this machine's own network"
    assert levels(targets) == ["unknown"] * 4
    assert {target.observation.detail for target in targets} == {own_network.WHY}


@pytest.mark.parametrize("act", [silent, no_route, no_names])
def test_one_answer_shows_that_the_network_works_however_many_are_silent(act: Act, rounds: Rounds) -> None:
    failed = "critical" if act is silent else "unknown"
    for others in ([answers], [refuses], [accepts_and_hangs], [answers, refuses]):
        *targets, own = rounds(far(*[act] * 4, *others)).probe_all()
        assert own.observation.level is Level.OK
        assert levels(targets)[:4] == [failed] * 4


def test_two_that_are_silent_are_too_few_to_blame_the_network(rounds: Rounds) -> None:
    assert levels(rounds(far(silent, silent)).probe_all()) == ["critical", "critical", "ok"]


def test_a_server_that_accepts_and_hangs_proves_that_the_network_works(rounds: Rounds) -> None:
    assert levels(rounds(far(*[accepts_and_hangs] * 6)).probe_all()) == ["critical"] * 6 + ["ok"]


def test_a_refusal_proves_that_the_network_works(rounds: Rounds) -> None:
    assert levels(rounds(far(*[refuses] * 6)).probe_all()) == ["critical"] * 6 + ["ok"]


@pytest.mark.parametrize("act", [no_route, no_names])
def test_what_does_not_leave_this_machine_needs_no_referee(act: Act, rounds: Rounds) -> None:
    with serving(hangs) as port:
        probes = rounds(far(act, act), referees=[Referee("127.0.0.1", port)])
        *targets, own = probes.probe_all()
    assert levels(targets) == ["unknown", "unknown"]
    assert own.observation.detail == "none of 2 targets can be reached from here: no route, or no name server"


def test_a_referee_that_is_heard_clears_our_network(rounds: Rounds) -> None:
    with serving(hangs) as port:
        heard = rounds(far(*[silent] * 4), referees=[Referee("127.0.0.1", port)]).probe_all()
    with nobody_listening() as port:
        refused = rounds(far(*[silent] * 4), referees=[Referee("127.0.0.1", port)]).probe_all()
    assert levels(heard) == levels(refused) == ["critical"] * 4 + ["ok"]


def test_a_referee_that_is_silent_too_confirms_it(rounds: Rounds) -> None:
    with full_queue() as port:
        readings = rounds(far(*[silent] * 4), referees=[Referee("127.0.0.1", port)]).probe_all()
    assert levels(readings) == ["unknown"] * 4 + ["critical"]


def test_two_that_are_silent_suffice_where_somebody_can_be_asked(rounds: Rounds) -> None:
    with full_queue() as port:
        gone = rounds(far(silent, silent), referees=[Referee("127.0.0.1", port)]).probe_all()
    with serving(hangs) as port:
        well = rounds(far(silent, silent), referees=[Referee("127.0.0.1", port)]).probe_all()
    assert levels(gone) == ["unknown", "unknown", "critical"]
    assert levels(well) == ["critical", "critical", "ok"]


async def has_no_files_left() -> ProbeResult:
    raise OSError(errno.EMFILE, "x")


async def name_is_not_known() -> ProbeResult:
    raise socket.gaierror(socket.EAI_NONAME, "x")


@pytest.mark.parametrize("act", [has_no_files_left, name_is_not_known])
def test_what_was_not_tried_is_no_answer(act: Act, rounds: Rounds) -> None:
    *targets, own = rounds(far(silent, silent, silent, act)).probe_all()
    assert levels(targets)[:3] == ["unknown"] * 3
    assert own.observation.level is Level.CRITICAL


def test_an_answer_of_this_machine_proves_nothing(rounds: Rounds) -> None:
    async def by_its_own_address() -> ProbeResult:
        with serving(hangs) as port, socket.create_connection(("127.0.0.1", port)) as line:
            reached(line)
            return ProbeResult(Level.OK, "online")

    *targets, own = rounds(far(silent, silent, silent, by_its_own_address)).probe_all()
    assert levels(targets) == ["unknown"] * 3 + ["ok"]
    assert own.observation.level is Level.CRITICAL


def test_when_the_network_is_back_targets_are_what_they_are(rounds: Rounds, clock: StandingClock) -> None:
    acts: dict[int, Act] = dict.fromkeys(range(4), silent)
    probes = rounds(far(*[by_turns(acts, number) for number in range(4)]))
    during = probes.probe_all()
    acts.update({0: answers, 1: answers, 2: answers, 3: refuses})
    clock.pass_by(30)
    after = probes.probe_all()
    assert levels(during) == ["unknown"] * 4 + ["critical"]
    assert levels(after) == ["ok", "ok", "ok", "critical", "ok"]


def test_an_answer_from_before_the_silence_proves_nothing(rounds: Rounds, clock: StandingClock) -> None:
    acts: dict[int, Act] = dict.fromkeys(range(8), answers)
    slow = [Far(f"slow{number}", by_turns(acts, number), every=300) for number in range(4)]
    quick = far(*[by_turns(acts, number) for number in range(4, 8)])
    probes = rounds([*slow, *quick])
    assert levels(probes.probe_all()) == ["ok"] * 9
    acts.update(dict.fromkeys(range(8), silent))
    clock.pass_by(30)
    assert levels(probes.probe_all()) == ["ok"] * 4 + ["unknown"] * 4 + ["critical"]


def test_those_that_have_been_down_for_long_are_not_the_networks_fault(rounds: Rounds, clock: StandingClock) -> None:
    slow = [Far(f"slow{number}", answers, every=300) for number in range(4)]
    probes = rounds([*far(silent, silent, silent), *slow])
    for _ in range(12):
        assert levels(probes.probe_all()) == ["critical"] * 3 + ["ok"] * 5
        clock.pass_by(30)


def test_targets_on_this_machine_say_nothing_about_the_network(rounds: Rounds) -> None:
    class Near(Far):
        host = "127.0.0.1"

    assert levels(rounds([Near(f"n{number}", silent) for number in range(5)]).probe_all()) == ["critical"] * 5


def test_a_guard_that_is_not_wanted_keeps_quiet(rounds: Rounds) -> None:
    assert levels(rounds(far(*[silent] * 4), guard=False).probe_all()) == ["critical"] * 4


LOOKS = st.lists(
    st.builds(
        NetworkView,
        host=st.sampled_from("abcdefgh"),
        at=st.floats(50, 100),
        since=st.floats(0, 50),
        way=st.sampled_from(Way),
        near=st.booleans(),
    )
)


@given(LOOKS)
def test_no_host_counts_twice_and_nobody_is_suspected_who_was_not_silent(looks: list[NetworkView]) -> None:
    found = doubt(looks, 100.0)
    if found:
        assert 2 + (not found.certain) <= found.silent <= len({look.host for look in looks if look.silent})
        assert all(look.silent for look in found.suspects)


@given(LOOKS)
def test_one_more_answer_of_this_moment_never_makes_a_doubt(looks: list[NetworkView]) -> None:
    if doubt(looks, 100.0) is None:
        assert doubt([*looks, NetworkView("new.example", 100.0, 100.0, Way.OPEN)], 100.0) is None


@given(LOOKS)
def test_after_an_answer_from_afar_by_name_nothing_is_blamed_on_the_network(looks: list[NetworkView]) -> None:
    assert doubt([*looks, NetworkView("new.example", 100.0, 100.0, Way.OPEN)], 100.0) is None


def seen(*cases: str) -> list[NetworkView]:
    """Looks such as `far LOST` or `near OPEN`, each of another party; one of long ago began `before`."""
    found = []
    for number, case in enumerate(cases):
        place, way, *before = case.split()
        host = {"far": f"t{number}.example", "near": f"10.0.0.{number}", "address": f"9.9.9.{number}"}[place]
        found.append(NetworkView(host, 100.0, 10.0 if before else 100.0, Way[way], is_near(host)))
    return found


CASES = [
    (["far LOST", "far LOST", "far LOST"], "ours, if no referee answers"),
    (["far LOST", "far LOST"], "ours, if there are referees and none answers"),
    (["far LOST", "far LOST", "far LOST", "far OPEN"], "theirs"),
    (["far LOST", "far LOST", "far LOST", "near OPEN"], "ours, if no referee answers"),
    (["near LOST", "near LOST", "near LOST", "far OPEN"], "theirs"),
    (["near LOST", "near LOST", "near LOST", "near OPEN"], "theirs"),
    (["far NO_ROUTE", "far NO_ROUTE"], "ours"),
    (["far NO_NAMES", "far NO_NAMES", "far OPEN"], "theirs"),
    (["far NO_NAMES", "far NO_NAMES", "address OPEN"], "ours"),
    (["far LOST before", "far LOST", "far LOST"], "ours, if no referee answers"),
    (["far LOST", "far LOST", "far LOST", "far UNTRIED"], "ours, if no referee answers"),
]


@pytest.mark.parametrize(("cases", "whose"), CASES)
def test_whose_trouble_it_is(cases: list[str], whose: str) -> None:
    alone, asked = doubt(seen(*cases), 100.0), doubt(seen(*cases), 100.0, ENOUGH_TO_ASK)
    found = "theirs"
    if alone and alone.certain:
        found = "ours"
    elif alone:
        found = "ours, if no referee answers"
    elif asked:
        found = "ours, if there are referees and none answers"
    assert found == whose


def test_the_machines_of_one_exchange_are_one_target(rounds: Rounds) -> None:
    class Exchange(Far):
        @property
        def host(self) -> str:
            return f"{self.name}.exchange.example"

    down = [Exchange(f"api{number}", silent) for number in range(5)]
    assert levels(rounds([*down, *far(answers, answers)]).probe_all()) == ["critical"] * 5 + ["ok"] * 3


@pytest.mark.parametrize(
    ("host", "whose"),
    [("api1.binance.com", "binance.com"), ("A.Example.co.uk", "example.co.uk"), ("10.0.0.1", "10.0.0.1"),
     ("2001:DB8:0::1", "2001:db8::1"), ("gateway", "gateway"), ("gw", "gw"), ("x.y.example.org.", "example.org")],
)  # fmt: skip
def test_whose_a_host_is(host: str, whose: str) -> None:
    assert party(host) == whose


@pytest.mark.parametrize(
    ("host", "elsewhere"),
    [("localhost", False), ("db.localhost", False), ("127.0.0.9", False), ("::1", False), (None, False), ("", False),
     ("10.0.0.1", True), ("example.org", True), ("fe80::1", True)],
)  # fmt: skip
def test_which_hosts_need_a_network(host: str | None, elsewhere: bool) -> None:
    assert is_elsewhere(host) is elsewhere


@pytest.mark.parametrize(
    ("host", "near"),
    [("10.1.2.3", True), ("192.168.0.9", True), ("fd00::1", True), ("db", True), ("nas.lan", True), ("9.9.9.9", False),
     ("api.example.org", False), ("2606:4700::1111", False)],
)  # fmt: skip
def test_which_hosts_are_in_a_network_of_our_own(host: str, near: bool) -> None:
    assert is_near(host) is near
