"""Each kind of probe against servers that behave well or badly, over real sockets."""

import socket
from typing import Any

import pytest

from reporter.alerts.model import Level
from reporter.alerts.readings import Reading
from reporter.probes.probe import Probe
from tests.probes.conftest import Rounds
from tests.probes.databases import configured
from tests.probes.servers import (
    Behaviour,
    answers,
    breaks_off,
    full_queue,
    greets,
    hangs,
    nobody_listening,
    says_nothing_and_closes,
    serving,
    talks_nonsense,
)

BROKEN = "broke off its answer, or answered with something that is not HTTP"


def web(name: str, url: str, **said: Any) -> Probe:
    return configured(name, url=url, **said)


def tcp(host: str, port: int, *, timeout: str = "5s") -> Probe:
    return configured("redis", address=f"{host}:{port}", timeout=timeout)


def look(rounds: Rounds, probe: Probe) -> Reading:
    (reading,) = rounds([probe]).probe_all()
    return reading


def test_an_answer_as_expected_is_ok_and_has_a_latency(rounds: Rounds) -> None:
    with serving(answers(200)) as port:
        reading = look(rounds, web("api", f"http://127.0.0.1:{port}/"))
    assert (reading.name, reading.kind, reading.fresh) == ("api", "http", True)
    assert reading.observation.subject == "probe/api"
    assert (reading.observation.level, reading.observation.detail) == (Level.OK, "online")
    assert reading.latency is not None
    assert 0 < reading.latency < 5


@pytest.mark.parametrize(
    ("behave", "detail"),
    [
        (answers(503), "HTTP 503, expected 200"),
        (answers(301), "HTTP 301, expected 200"),
        (breaks_off, BROKEN),
        (says_nothing_and_closes, BROKEN),
        (talks_nonsense, BROKEN),
    ],
)
def test_a_wrong_answer_is_critical_and_says_why(behave: Behaviour, detail: str, rounds: Rounds) -> None:
    with serving(behave) as port:
        reading = look(rounds, web("api", f"http://127.0.0.1:{port}/"))
    assert (reading.observation.level, reading.observation.detail) == (Level.CRITICAL, detail)
    assert reading.latency is None


def test_no_answer_in_time_is_critical(rounds: Rounds) -> None:
    with serving(hangs) as port:
        seen = look(rounds, web("api", f"http://127.0.0.1:{port}/", timeout="300ms")).observation
    assert (seen.level, seen.detail) == (Level.CRITICAL, "no answer within 300ms")


def test_several_statuses_may_be_expected(rounds: Rounds) -> None:
    with serving(answers(404)) as port:
        url = f"http://127.0.0.1:{port}/"
        right = look(rounds, web("api", url, expect_status=[401, 404]))
        wrong = look(rounds, web("api", url, expect_status=[200, 204]))
    assert right.observation.level is Level.OK
    assert wrong.observation.detail == "HTTP 404, expected 200 or 204"


def test_a_slow_answer_is_a_warning_with_its_figures(rounds: Rounds) -> None:
    with serving(answers(200, after=0.3)) as port:
        seen = look(rounds, web("api", f"http://127.0.0.1:{port}/", warn_above="100ms")).observation
    assert (seen.level, seen.detail) == (Level.WARNING, "online, but slower than 100ms")
    assert seen.limit == "100ms"
    assert int((seen.value or "").removesuffix("ms")) >= 300


def test_the_secrets_of_an_address_are_sent_and_shown_nowhere(rounds: Rounds, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", logger="httpx")
    seen: list[bytes] = []
    with serving(answers(500, seen=seen)) as port:
        url = f"http://bot:hunter2@127.0.0.1:{port}/health?key=s3cret"
        probe = web("api", url, headers={"X-Token": "t0ken"})
        reading = look(rounds, probe)
    assert b"GET /health?key=s3cret" in seen[0]
    assert b"Authorization: Basic Ym90Omh1bnRlcjI=" in seen[0]
    assert b"X-Token: t0ken" in seen[0]
    for secret in ("hunter2", "s3cret", "t0ken"):
        assert secret not in f"{reading} {probe!r} {caplog.text}"


def test_an_open_port_is_ok(rounds: Rounds) -> None:
    with serving(hangs) as port:
        reading = look(rounds, tcp("127.0.0.1", port))
    assert (reading.kind, reading.observation.level) == ("tcp", Level.OK)
    assert reading.observation.detail == "online"


def test_a_closed_port_is_refused_by_either_probe(rounds: Rounds) -> None:
    with nobody_listening() as port:
        plain = look(rounds, tcp("127.0.0.1", port))
        http = look(rounds, web("api", f"http://127.0.0.1:{port}/"))
        named = look(rounds, tcp("localhost", port))
    for reading in (plain, http, named):
        assert (reading.observation.level, reading.observation.detail) == (Level.CRITICAL, "refused")


def test_a_port_that_accepts_nothing_more_gives_no_answer(rounds: Rounds) -> None:
    with full_queue() as port:
        reading = look(rounds, tcp("127.0.0.1", port, timeout="300ms"))
    assert (reading.observation.level, reading.observation.detail) == (Level.CRITICAL, "no answer within 300ms")


@pytest.fixture
def two_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host `twice.example` has two addresses on this machine; the first keeps silent at the port asked for."""

    def both(host: str, port: int, *_: int) -> list[tuple[Any, ...]]:
        where = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*where, ("127.0.0.2", port)), (*where, ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", both)


@pytest.mark.usefixtures("two_addresses")
def test_an_address_that_refuses_does_not_hide_the_one_that_answers(rounds: Rounds) -> None:
    with serving(hangs) as port:
        up = look(rounds, tcp("twice.example", port))
    with nobody_listening() as port:
        down = look(rounds, tcp("twice.example", port)).observation
    assert up.observation.level is Level.OK
    assert up.latency is not None
    assert up.latency < 0.2
    assert (down.level, down.detail) == (Level.CRITICAL, "refused")


@pytest.mark.usefixtures("two_addresses")
def test_an_address_that_is_silent_does_not_hide_the_one_that_answers(rounds: Rounds) -> None:
    with full_queue("127.0.0.2") as port, socket.create_server(("127.0.0.1", port)):
        up = look(rounds, tcp("twice.example", port, timeout="3s")).observation
    assert up.level is Level.OK


def test_text_where_tls_was_expected_is_critical(rounds: Rounds) -> None:
    with serving(greets) as port:
        seen = look(rounds, web("api", f"https://127.0.0.1:{port}/")).observation
    assert seen.level is Level.CRITICAL
    assert seen.detail.startswith("TLS failed: ")


def test_a_name_that_cannot_exist_is_critical(rounds: Rounds) -> None:
    seen = look(rounds, tcp("a" * 70, 80)).observation
    assert (seen.level, seen.detail) == (Level.CRITICAL, "the host's name is not valid")


def test_a_name_that_is_not_there_is_never_ok(rounds: Rounds) -> None:
    seen = look(rounds, web("x", "http://nothing-here.invalid/")).observation
    told = (seen.level, seen.detail)
    down = "names cannot be looked up: the name server does not answer"
    assert told in {(Level.CRITICAL, "the host's name is not known"), (Level.UNKNOWN, down)}
