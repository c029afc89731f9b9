"""Names and pings, from a name server of our own and from this very machine."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.alerts.model import Level
from reporter.alerts.readings import Reading
from reporter.probes.grading import graded
from reporter.probes.kinds.icmp import IcmpProbe, checksum
from reporter.probes.probe import Probe
from tests.probes.conftest import Rounds
from tests.probes.databases import configured

Answering = Callable[[dns.message.Message], dns.message.Message | None]


def look(rounds: Rounds, probe: Probe) -> Reading:
    (reading,) = rounds([probe]).probe_all()
    return reading


def leads_to(*addresses: str, record: str = "A") -> Answering:
    def answer(question: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(question)
        if dns.rdatatype.to_text(question.question[0].rdtype) == record:
            reply.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", record, *addresses))
        return reply

    return answer


def refuses(code: dns.rcode.Rcode) -> Answering:
    def answer(question: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(question)
        reply.set_rcode(code)
        return reply

    return answer


def lies(question: dns.message.Message) -> dns.message.Message | None:
    """Answers another question than the one that was put."""
    return leads_to("192.0.2.66")(dns.message.make_query("other.example", "A", id=question.id))


def keeps_silent(question: dns.message.Message) -> None:
    return None


@contextmanager
def name_server(answering: Answering) -> Iterator[int]:
    """A name server on a free port of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        port = opened.getsockname()[1]

        def serve() -> None:
            while True:
                data, sender = opened.recvfrom(4096)
                if not data:
                    return
                if reply := answering(dns.message.from_wire(data)):
                    opened.sendto(reply.to_wire(), sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield port
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", port))
        thread.join()


def name(port: int, *expect: str, record: str = "A", timeout: str = "2s") -> Probe:
    said: dict[str, Any] = {"name": "api.example", "record": record, "timeout": timeout}
    if expect:
        said["expect"] = list(expect)
    return configured("name", kind="dns", nameserver="127.0.0.1", nameserver_port=port, **said)


@pytest.mark.parametrize(
    ("answering", "expect", "detail"),
    [
        (leads_to("192.0.2.1"), (), "online"),
        (leads_to("192.0.2.2", "192.0.2.1"), ("192.0.2.1", "192.0.2.2", "192.0.2.3"), "online"),
        (leads_to("192.0.2.1", "192.0.2.9"), ("192.0.2.1",), "leads to 192.0.2.9, which is not expected"),
        (refuses(dns.rcode.NXDOMAIN), (), "the name does not exist"),
        (refuses(dns.rcode.SERVFAIL), (), "the name server cannot answer, or will not"),
        (refuses(dns.rcode.REFUSED), (), "the name server cannot answer, or will not"),
        (leads_to("2001:db8::1", record="AAAA"), (), "the name has no A record"),
    ],
)
def test_a_name_leads_where_it_should(
    answering: Answering, expect: tuple[str, ...], detail: str, rounds: Rounds
) -> None:
    with name_server(answering) as port:
        reading = look(rounds, name(port, *expect))
    assert reading.observation.detail == detail
    assert (reading.observation.level is Level.OK) == (detail == "online")
    assert (reading.latency is None) == (detail != "online")


def test_addresses_and_names_are_the_same_however_they_are_written(rounds: Rounds) -> None:
    with name_server(leads_to("2001:db8:0:0:0:0:0:1", record="AAAA")) as port:
        address = look(rounds, name(port, "2001:0DB8::1", record="AAAA"))
    with name_server(leads_to("10 Mail.Example.", record="MX")) as port:
        mail = look(rounds, name(port, "10 mail.example", record="MX"))
    assert (address.observation.detail, mail.observation.detail) == ("online", "online")
    assert address.figures == (("answer", "2001:db8::1"),)


@pytest.mark.parametrize("answering", [keeps_silent, lies])
def test_a_name_server_that_does_not_answer_the_question_is_silent(answering: Answering, rounds: Rounds) -> None:
    with name_server(answering) as port:
        seen = look(rounds, name(port, timeout="400ms")).observation
    assert (seen.level, seen.detail) == (Level.CRITICAL, "no answer within 400ms")


def test_no_name_server_at_all_is_critical(rounds: Rounds) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    seen = look(rounds, name(port, timeout="400ms")).observation
    assert seen.level is Level.CRITICAL


@pytest.mark.parametrize(
    ("called", "record", "detail", "answer"),
    [
        ("localhost", "A", "online", "127.0.0.1"),
        ("Bot.LOCALHOST.", "AAAA", "online", "::1"),
        ("localhost", "MX", "the name has no MX record", None),
    ],
)
def test_what_is_called_localhost_is_this_machine(
    called: str, record: str, detail: str, answer: str | None, rounds: Rounds
) -> None:
    reading = look(rounds, configured("x", kind="dns", name=called, record=record))
    assert (reading.observation.detail, dict(reading.figures).get("answer")) == (detail, answer)


def test_a_name_server_that_is_named_is_asked_for_localhost_too(rounds: Rounds) -> None:
    with name_server(refuses(dns.rcode.NXDOMAIN)) as port:
        probe = configured("x", kind="dns", name="localhost", nameserver="127.0.0.1", nameserver_port=port)
        assert look(rounds, probe).observation.detail == "the name does not exist"


def may_ping() -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except PermissionError:
            continue
        return True
    return False


def test_this_machine_answers_its_own_pings_where_pings_are_allowed(rounds: Rounds) -> None:
    reading = look(rounds, configured("self", kind="icmp", host="127.0.0.1", packets=2, timeout="2s"))
    if may_ping():
        assert (reading.observation.level, reading.observation.detail) == (Level.OK, "online")
        assert dict(reading.figures)["packet loss"] == "0%"
        assert reading.latency is not None
    else:
        assert reading.observation.level is Level.UNKNOWN
        assert reading.observation.detail.startswith("this machine does not let us ping: give the reporter CAP_NET_RAW")


@pytest.mark.parametrize(
    ("came_back", "level", "detail"),
    [
        (3, Level.OK, "online"),
        (2, Level.WARNING, "online, but packet loss above 30%"),
        (0, Level.CRITICAL, "no answer to 3 pings"),
    ],
)
def test_lost_packets_are_told_by_their_share(came_back: int, level: Level, detail: str) -> None:
    probe = configured("far", kind="icmp", host="192.0.2.1")
    assert isinstance(probe, IcmpProbe)
    sight, _ = graded(probe.judged([0.02] * came_back), {})
    assert (sight.level, sight.detail, sight.way.silent) == (level, detail, came_back == 0)


@given(st.binary(min_size=2, max_size=64).filter(lambda data: len(data) % 2 == 0))
def test_a_packet_that_holds_its_checksum_sums_up_to_nothing(data: bytes) -> None:
    """As RFC 1071 has it: over data and checksum the sum is all ones."""
    assert checksum(data + struct.pack("!H", checksum(data))) == 0
