"""The command preview: what a job would report, with nothing sent or saved."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

from reporter.app.app import App
from reporter.cli.terminal import DONE, progress
from reporter.messages.message import visible
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


def run_preview(app: App, options: argparse.Namespace) -> int:
    """`reporter preview NAME [--at DATE] [--format text|json|html]`."""
    bound = app.job(options.name)
    with progress(f"{options.name}: running"):
        findings = app.ask(bound, options.at)
    _FORMATS[options.format](app, findings)
    return DONE


def _as_text(app: App, findings: Findings) -> None:
    from reporter.delivery.outlets.console import ConsoleOutlet

    drawn = any(written.message.attachments for written in findings.written)
    folder = Path(tempfile.mkdtemp(prefix="reporter-preview-")) if drawn else None
    screen = ConsoleOutlet(sys.stdout, zone=app.runtime.zone, pictures=folder)
    for written in findings.written:
        print(f"→ {', '.join(written.channels)}", flush=True)
        screen.post(written.message)
    for line in _observations(findings):
        print(line)


def _observations(findings: Findings) -> Iterator[str]:
    """What a job yields besides reports: readings, which are judged and not sent as they are; or nothing at all."""
    for seen in findings.observations:
        yield f"{seen.level:<8} {visible(f'{seen.subject}: {seen.detail}')}"
    if not findings.written and not findings.observations:
        yield "nothing to send"


def _as_json(app: App, findings: Findings) -> None:
    """The bodies as they would be sent: one object, or a list where it takes several messages."""
    bodies = []
    for written in findings.written:
        for name in written.channels:
            outlet = app.runtime.channels[name].outlet
            bodies += [outlet.payload(part) for part in outlet.fit(written.message)]
    print(json.dumps(bodies[0] if len(bodies) == 1 else bodies, indent=2, ensure_ascii=False))


def _as_html(app: App, findings: Findings) -> None:
    from reporter.delivery.outlets.html import to_html

    print(PAGE)
    for written in findings.written:
        print(to_html(written.message, app.runtime.zone))
    for line in _observations(findings) if not findings.written else ():  # a board already shows the readings
        print(f"<p>{escape(line)}</p>")
    print("</body></html>")


_FORMATS: dict[str, Callable[[App, Findings], None]] = {"text": _as_text, "json": _as_json, "html": _as_html}
