"""From what the config says of a probe to one that looks."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from reporter.config.models import Config
from reporter.config.probes import host as machine
from reporter.config.probes import kinds as models
from reporter.config.probes import network
from reporter.periods.clock import Clock
from reporter.probes.certificates import Trust
from reporter.probes.factory_databases import Ledgers, database_probe
from reporter.probes.kinds.dns import DnsProbe
from reporter.probes.kinds.file import FileProbe
from reporter.probes.kinds.http import HttpProbe
from reporter.probes.kinds.icmp import IcmpProbe
from reporter.probes.kinds.process import ProcessProbe, Which
from reporter.probes.kinds.tcp import TcpProbe
from reporter.probes.kinds.tls import TlsProbe
from reporter.probes.kinds.unit import UnitProbe
from reporter.probes.own_network import Referee, is_elsewhere
from reporter.probes.probe import NEVER, Probe, Terms
from reporter.probes.response_checks import Expected, JsonCheck
from reporter.probes.round import ROUND, Probes


def probes_of(
    settings: Config, clock: Clock, names: Collection[str] | None = None, *, deadline: float = ROUND
) -> Probes:
    """What a config wants looked at: all of it, or these probes. A round may take `deadline` seconds."""
    ledgers = Ledgers(settings)
    wanted = {name: entry for name, entry in settings.probes.items() if names is None or name in names}
    found = [probe(name, entry, clock, ledgers) for name, entry in wanted.items()]
    guard = settings.own_network.guard
    return Probes(found, clock, deadline=deadline, guard=guard, referees=_referees(settings))


def _referees(settings: Config) -> list[Referee]:
    """Those that are named, else the Discord that messages go to: without it nobody would hear of anything."""
    if settings.own_network.referees is not None:
        named = [urlsplit(f"//{address}") for address in settings.own_network.referees]
    else:
        speaks = any(channel.kind == "discord" for channel in settings.channels.values())
        named = [urlsplit(settings.discord.base_url)] if speaks else []
    ports = {"http": 80, "https": 443}
    known = [Referee(parts.hostname or "", parts.port or ports.get(parts.scheme, 443)) for parts in named]
    return [referee for referee in known if is_elsewhere(referee.host)]


def probe(name: str, entry: models.Probe, clock: Clock, ledgers: Ledgers) -> Probe:
    terms = _terms(name, entry)
    match entry:
        case network.HttpProbeConfig():
            return _http(terms, entry, clock)
        case network.TcpProbeConfig() | network.TlsProbeConfig() | network.DnsProbeConfig() | network.IcmpProbeConfig():
            return _network(terms, entry, clock)
        case machine.FileProbeConfig() | machine.ProcessProbeConfig() | machine.UnitProbeConfig():
            return _machine(terms, entry, clock)
        case _:
            return database_probe(terms, entry, clock, ledgers)


def _network(
    terms: Terms,
    entry: network.TcpProbeConfig | network.TlsProbeConfig | network.DnsProbeConfig | network.IcmpProbeConfig,
    clock: Clock,
) -> Probe:
    match entry:
        case network.TcpProbeConfig(send=send, expect_text=expect):
            said = send.reveal().encode() if send else b""
            return TcpProbe(terms, entry.host, entry.port, said, (expect or "").encode())
        case network.TlsProbeConfig(certificate_days=days, server_name=server_name):
            trust = Trust(entry.ca_file)
            return TlsProbe(terms, clock, entry.host, entry.port, days.threshold(), trust, server_name)
        case network.DnsProbeConfig(name=asked, record=record, expect=expect, nameserver=server):
            return DnsProbe(terms, asked, record, expect, server, entry.nameserver_port)
        case network.IcmpProbeConfig(host=host, packets=packets, packet_loss=loss):
            return IcmpProbe(terms, host, packets, loss.threshold())


def _machine(
    terms: Terms,
    entry: machine.FileProbeConfig | machine.ProcessProbeConfig | machine.UnitProbeConfig,
    clock: Clock,
) -> Probe:
    match entry:
        case machine.FileProbeConfig():
            return _file(terms, entry, clock)
        case machine.ProcessProbeConfig():
            return _process(terms, entry, clock)
        case machine.UnitProbeConfig(unit=unit, expect_state=states, restarts=restarts, memory=memory):
            return UnitProbe(terms, clock, unit, states, restarts.threshold(), memory.threshold(), entry.user_unit)


def _terms(name: str, entry: models.Probe) -> Terms:
    every = entry.every.total_seconds() if entry.every else None
    return Terms(name, every, entry.timeout.total_seconds(), entry.latency())


def _http(terms: Terms, entry: network.HttpProbeConfig, clock: Clock) -> HttpProbe:
    checks = tuple(_json(check) for check in entry.expect_json)
    return HttpProbe(
        terms,
        clock,
        entry.url,
        Expected(entry.expect_status, entry.expect_text, entry.expect_pattern, checks),
        headers=entry.headers,
        method=entry.method,
        body=entry.body,
        follow=entry.follow_redirects,
        trust=Trust(entry.ca_file, entry.verify),
        certificate=entry.certificate_days.threshold(),
    )


def _json(check: network.JsonConfig) -> JsonCheck:
    limits = check.above or check.below
    return JsonCheck(check.path, check.equals, limits.threshold() if limits else NEVER, check.name or "")


def _file(terms: Terms, entry: machine.FileProbeConfig, clock: Clock) -> FileProbe:
    sizes = entry.size.threshold(), entry.min_size.threshold()
    return FileProbe(terms, clock, entry.path, entry.age.threshold(), *sizes, absent=entry.absent)


def _process(terms: Terms, entry: machine.ProcessProbeConfig, clock: Clock) -> ProcessProbe:
    return ProcessProbe(
        terms,
        clock,
        Which(entry.program, entry.command, entry.owner, entry.pidfile),
        at_least=entry.at_least,
        at_most=entry.at_most,
        memory=entry.memory.threshold(),
        cpu=entry.cpu.threshold(),
        age=entry.running_for.threshold(),
    )
