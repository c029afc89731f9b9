"""Everything that `reporter check` looks at: config, jobs, templates, databases and channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reporter.delivery.outlets.outlet import Delivered
from reporter.errors import TemplateError
from reporter.scheduler.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `check` found. `trouble` is empty when all is well, else config, job, template, ledger, channel,
    or advice, which keeps nothing from running."""

    trouble: str
    text: str


def check_templates(runtime: Runtime) -> Iterator[Finding]:
    with_charts = [name for name, bound in runtime.jobs.items() if bound.charts]
    drawn = [f"{name}.svg.j2" for name in with_charts if runtime.renderer.has_picture(name)]
    for name in (*runtime.jobs, "alert", *drawn):
        try:
            runtime.renderer.check(name)
        except TemplateError as error:
            yield Finding("template", str(error))
        else:
            yield Finding("", f"template {name} can be read")
    if drawn and any(channel.pictures for channel in runtime.channels.values()):
        yield _pictures_finding(runtime.charts.trouble)


def _pictures_finding(why: str) -> Finding:
    if why:
        return Finding("advice", f"reports go out without their pictures: {why}")
    return Finding("", "pictures can be drawn")


def check_ledgers(runtime: Runtime) -> Iterator[Finding]:
    for health in runtime.ledger.health():
        if health.reachable:
            at = health.newest_trade_at
            newest = f"newest trade {at.astimezone(runtime.zone):%Y-%m-%d %H:%M %Z}" if at else "no trades yet"
            yield Finding("", f"ledger {health.ledger} answers, {newest}")
        else:
            yield Finding("ledger", f"ledger {health.ledger}: {health.error}")
    for warning in runtime.warnings():
        yield Finding("advice", warning)


def check_channels(runtime: Runtime) -> Iterator[Finding]:
    for name, channel in runtime.channels.items():
        verdict = channel.outlet.look()
        if isinstance(verdict, Delivered):
            yield Finding("", f"channel {name} can be posted to")
        else:
            yield Finding("channel", f"channel {name}: {verdict.why}")
