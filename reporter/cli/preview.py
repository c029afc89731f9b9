"""The command preview: what a job would report, and which alerts it would open; nothing is sent or saved."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from reporter.app.app import App
from reporter.cli.terminal import DONE, progress, raise_unless_shown
from reporter.messages.message import Message, visible
from reporter.notify.routing import Observer
from reporter.scheduler.runner import Findings

# A phone shows a page as wide as itself only when it is asked to.
PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>reporter preview</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { margin: min(24px, 3vw); background: #313338; color: #b5bac1; font: 13px/1.35 sans-serif; }
p { margin: 4px 0; overflow-wrap: anywhere; }
article { margin-bottom: 16px; }
</style></head>
<body>"""


@dataclass(frozen=True, slots=True)
class Preview:
    """The messages of a run, each with its channels, and lines about what is no message."""

    messages: Sequence[tuple[tuple[str, ...], Message]]
    lines: Sequence[str]
    has_reports: bool
    pictures: Path | None = None


def run_preview(app: App, options: argparse.Namespace) -> int:
    """`reporter preview NAME [--at DATE] [--format text|json|html] [--pictures DIR]`."""
    bound = app.job(options.name)
    folder = Path(options.pictures) if options.pictures else None
    with progress(f"{options.name}: running"):
        findings = app.ask(bound, options.at)
    reports = [(written.channels, written.message) for written in findings.written]
    opened, withheld = app.alerts.preview(app.runtime.notify, findings.observations, Observer(bound.channels))
    alerts = [((channel,), message) for channel, message in opened]
    shown = Preview(
        [*reports, *alerts], [*_observations(findings), *withheld], has_reports=bool(reports), pictures=folder
    )
    _FORMATS[options.format](app, shown)
    return DONE


def _observations(findings: Findings) -> Iterator[str]:
    """What a job yields besides reports: readings, which are judged; or nothing at all."""
    for seen in findings.observations:
        yield f"{seen.level:<8} {visible(f'{seen.subject}: {seen.detail}')}"
    for event in findings.events:
        yield f"event    {visible(f'{event.source}: {event.body}')}"
    if not (findings.written or findings.observations or findings.events):
        yield "nothing to send"


def _as_text(app: App, shown: Preview) -> None:
    from reporter.delivery.outlets.console import ConsoleOutlet

    screen = ConsoleOutlet(sys.stdout, zone=app.runtime.zone, pictures=shown.pictures)
    for channels, message in shown.messages:
        print(f"→ {', '.join(channels)}", flush=True)
        raise_unless_shown(screen.post(message))
    for line in shown.lines:
        print(line)


def _as_json(app: App, shown: Preview) -> None:
    """The bodies as they would be sent: one object, or a list where it takes several messages."""
    bodies = []
    for channels, message in shown.messages:
        for name in channels:
            outlet = app.runtime.channels[name].outlet
            bodies += [outlet.payload(part) for part in outlet.fit(message)]
    print(json.dumps(bodies[0] if len(bodies) == 1 else bodies, indent=2, ensure_ascii=False))


def _as_html(app: App, shown: Preview) -> None:
    from reporter.delivery.outlets.html_preview import to_html

    print(PAGE)
    for _, message in shown.messages:
        print(to_html(message, app.runtime.zone))
    for line in () if shown.has_reports else shown.lines:  # a board already shows the readings
        print(f"<p>{escape(line)}</p>")
    print("</body></html>")


_FORMATS: dict[str, Callable[[App, Preview], None]] = {"text": _as_text, "json": _as_json, "html": _as_html}
