"""Does a name lead where it should?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, ClassVar

from reporter.alerts.model import Level
from reporter.probes.failures import explain
from reporter.probes.loop import aside
from reporter.probes.probe import ProbeResult, Terms, Way

if TYPE_CHECKING:
    import dns.asyncresolver
    import dns.resolver

# A board's line has room for so many answers.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class DnsProbe:
    """A question to a name server: ours, unless `nameserver` and `port` name another.

    With `expect` each answer must be one of these: a name with several addresses gives them in any number and order.
    """

    kind: ClassVar[str] = "dns"
    terms: Terms
    name: str
    record: str = "A"
    expect: tuple[str, ...] = ()
    nameserver: str | None = None
    port: int = 53

    @property
    def host(self) -> str:
        return self.nameserver or self.name

    def prepare(self) -> None:
        """Load dnspython."""
        import dns.asyncresolver  # noqa: PLC0415

        dns.asyncresolver.Resolver(configure=False)

    async def look(self) -> ProbeResult:
        """Our own name server may be on this machine, and answer of what it has kept: that proves no network."""
        sight = await self._seen()
        return replace(sight, way=Way.UNTRIED) if self.nameserver is None and not sight.way.silent else sight

    async def _seen(self) -> ProbeResult:
        import dns.exception  # noqa: PLC0415
        import dns.resolver  # noqa: PLC0415

        resolver = await self._resolver()
        try:
            answer = await resolver.resolve(self.name, self.record, search=False)
        except dns.resolver.NXDOMAIN:
            return ProbeResult(Level.CRITICAL, "the name does not exist")
        except dns.resolver.NoAnswer:
            return ProbeResult(Level.CRITICAL, f"the name has no {self.record} record")
        except dns.resolver.NoNameservers as error:
            return _unanswered(error)
        except dns.exception.DNSException as error:
            return ProbeResult(Level.CRITICAL, f"the question cannot be put: {type(error).__name__}")
        return self._judged([_plain(str(one)) for one in answer])

    def _judged(self, answers: list[str]) -> ProbeResult:
        told = ", ".join(sorted(answers)[:_SHOWN]) + (" …" if len(answers) > _SHOWN else "")
        wrong = sorted(set(answers) - {_plain(one) for one in self.expect})
        if self.expect and wrong:
            return ProbeResult(Level.CRITICAL, f"leads to {wrong[0]}, which is not expected", value=told)
        return ProbeResult(Level.OK, "online", figures=(("answer", told),))

    async def _resolver(self) -> dns.asyncresolver.Resolver:
        import dns.asyncresolver  # noqa: PLC0415

        if self.nameserver is None:
            found = await aside("resolv.conf", dns.asyncresolver.Resolver)
        else:
            found = dns.asyncresolver.Resolver(configure=False)
            found.nameservers, found.port = [str(ip_address(self.nameserver))], self.port
        found.lifetime = self.terms.timeout + 1.0  # the look itself ends first, and says so
        return found


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
