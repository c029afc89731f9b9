"""The `dns` probe: does a name resolve to the expected records?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from reporter.alerts.model import Level
from reporter.config.types import Names, mistake
from reporter.probes.failures import explain
from reporter.probes.loop import aside
from reporter.probes.probe import ProbeResult, Terms, Way
from reporter.probes.settings import AskedProbeConfig, ProbeInputs

if TYPE_CHECKING:
    import dns.asyncresolver
    import dns.resolver

# A board's line has room for so many answers.
_SHOWN = 3


def _nameserver(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise mistake("must be an IP address", "write such as `1.1.1.1`") from None


class DnsProbeConfig(AskedProbeConfig):
    """Asks a name server."""

    kind: Literal["dns"]
    """`dns`."""
    name: str = Field(min_length=1, max_length=255, examples=["example.org"])
    """The name to ask for."""
    record: Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] = "A"
    """The kind of record."""
    expect: Names = ()
    """What the answers may be, one or a list; any answer is good if left out."""
    nameserver: Annotated[str, AfterValidator(_nameserver)] | None = None
    """The name server's IP address; this machine's own if left out."""
    nameserver_port: int = Field(53, ge=1, le=65535)
    """Its port."""

    def probe(self, given: ProbeInputs) -> DnsProbe:
        return DnsProbe(given.terms, self)


@dataclass(frozen=True, slots=True)
class DnsProbe:
    """A question to a name server: to our own, unless the config names another.

    Each answer must be one of those expected, if there are any: a name with several addresses gives them in any number
    and order.
    """

    kind: ClassVar[str] = "dns"
    terms: Terms
    settings: DnsProbeConfig

    @property
    def host(self) -> str:
        return self.settings.nameserver or self.settings.name

    def prepare(self) -> None:
        """Load dnspython."""
        import dns.asyncresolver  # noqa: PLC0415

        dns.asyncresolver.Resolver(configure=False)

    async def look(self) -> ProbeResult:
        """Our own name server may be on this machine, and answer of what it has kept: that proves no network."""
        sight = await self._seen()
        return replace(sight, way=Way.UNTRIED) if self.settings.nameserver is None and not sight.way.silent else sight

    async def _seen(self) -> ProbeResult:
        import dns.exception  # noqa: PLC0415
        import dns.resolver  # noqa: PLC0415

        if self.settings.nameserver is None and _is_this_machine(self.settings.name):
            return self._of_this_machine()
        resolver = await self._resolver()
        try:
            answer = await resolver.resolve(self.settings.name, self.settings.record, search=False)
        except dns.resolver.NXDOMAIN:
            return ProbeResult(Level.CRITICAL, "the name does not exist")
        except dns.resolver.NoAnswer:
            return ProbeResult(Level.CRITICAL, f"the name has no {self.settings.record} record")
        except dns.resolver.NoNameservers as error:
            return _unanswered(error)
        except dns.exception.DNSException as error:
            return ProbeResult(Level.CRITICAL, f"the question cannot be put: {type(error).__name__}")
        return self._judged([_plain(str(one)) for one in answer])

    def _of_this_machine(self) -> ProbeResult:
        """What `localhost` leads to. A machine answers that itself, and asks no name server (RFC 6761, 6.3)."""
        found = {"A": "127.0.0.1", "AAAA": "::1"}.get(self.settings.record)
        if found is None:
            return ProbeResult(Level.CRITICAL, f"the name has no {self.settings.record} record")
        return self._judged([found])

    def _judged(self, answers: list[str]) -> ProbeResult:
        told = ", ".join(sorted(answers)[:_SHOWN]) + (" …" if len(answers) > _SHOWN else "")
        wrong = sorted(set(answers) - {_plain(one) for one in self.settings.expect})
        if self.settings.expect and wrong:
            return ProbeResult(Level.CRITICAL, f"leads to {wrong[0]}, which is not expected", value=told)
        return ProbeResult(Level.OK, "online", figures=(("answer", told),))

    async def _resolver(self) -> dns.asyncresolver.Resolver:
        import dns.asyncresolver  # noqa: PLC0415

        server = self.settings.nameserver
        if server is None:
            found = await aside("resolv.conf", dns.asyncresolver.Resolver)
        else:
            found = dns.asyncresolver.Resolver(configure=False)
            found.nameservers, found.port = [server], self.settings.nameserver_port
        found.lifetime = self.terms.timeout + 1.0  # the look itself ends first, and says so
        return found


def _is_this_machine(name: str) -> bool:
    return f".{name.lower().removesuffix('.')}".endswith(".localhost")


def _unanswered(error: dns.resolver.NoNameservers) -> ProbeResult:
    """Every server that was asked failed: by an error of the network, or by an answer that is none."""
    errors = [cause for _, _, _, cause, _ in error.kwargs.get("errors", ())]
    if errors and isinstance(errors[-1], OSError):
        return explain(errors[-1])
    return ProbeResult(Level.CRITICAL, "the name server cannot answer, or will not")


def _plain(answer: str) -> str:
    """An answer as people write it: without the dot at the end of a name, and of addresses the short form."""
    text = answer.strip().strip('"').removesuffix(".").lower()
    try:
        return str(ip_address(text))
    except ValueError:
        return text
