"""A home of one's own for tests: real files, a real store, a clock turned by hand, and the program as it is."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from reporter.app.app import App, ManualRun
from reporter.app.home import FolderHome
from reporter.scheduler.runner import Outcome
from reporter.store import outbox
from tests.support.clocks import HandClock
from tests.support.discord.local import LocalDiscord

CONSOLE = """\
version: 1
timezone: {zone}
store: env:STORE
channels:
  screen: {{kind: console}}
jobs:
{jobs}
"""

DAILY = '''\
"""A report about the day that is over."""
from collections.abc import Iterator
from reporter import Context, Report, job

@job(covers="yesterday", schedule="daily at 00:00")
def daily(ctx: Context) -> Iterator[Report]:
    """Tells the day."""
    yield Report(facts={"late": ctx.now - ctx.period.end})
'''


DISCORD = """\
version: 1
timezone: {zone}
store: env:STORE
discord: {{base_url: "{base_url}"}}
channels:
{channels}
jobs:
{jobs}
{more}
"""


class Stage:
    """A home in a folder, and the app on it. `screen` is what a console channel shows."""

    def __init__(self, folder: Path, clock: HandClock | None = None) -> None:
        self.folder = folder
        self.clock = clock or HandClock()
        self.screen = io.StringIO()
        self.environ: dict[str, str] = {"HOME": str(folder), "STORE": str(folder / "state/reporter.sqlite")}
        self._app: App | None = None

    def write(self, path: str, text: str) -> Path:
        """Put a file into the home."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def on_screen(self, jobs: str, zone: str = "UTC") -> Stage:
        """A config with one console channel."""
        self.write("config/reporter.yaml", CONSOLE.format(zone=zone, jobs=jobs))
        return self

    def on_discord(
        self,
        discord: LocalDiscord,
        jobs: str,
        *,
        channels: Sequence[str] = ("daily",),
        zone: str = "UTC",
        more: str = "",
    ) -> Stage:
        """A config whose channels are webhooks of a local Discord, named by the environment."""
        self.environ |= {_variable(name): discord.webhook(name) for name in channels}
        listed = "\n".join(f"  {name}: {{webhook: env:{_variable(name)}}}" for name in channels)
        text = DISCORD.format(zone=zone, base_url=discord.base_url, channels=listed, jobs=jobs, more=more)
        self.write("config/reporter.yaml", text)
        return self

    def report(self, name: str, code: str, letter: str = "# {{ period.label }}\n") -> Stage:
        """A job with its template."""
        self.write(f"jobs/{name}.py", code)
        self.write(f"templates/{name}.md.j2", letter)
        return self

    @property
    def app(self) -> App:
        if self._app is None:
            home = FolderHome(self.folder, clock=self.clock, stream=self.screen, environ=self.environ)
            self._app = App(home, clock=self.clock)
        return self._app

    def restart(self) -> Stage:
        """What a new process would begin with: the files and the store, and nothing else."""
        self.close()
        return self

    def reload(self) -> None:
        """Take up edited files, as the daemon does."""
        old = self.app.runtime
        self.app.runtime = self.app.home.build()
        old.close()

    def close(self) -> None:
        if self._app is not None:
            self._app.close()
            self._app = None

    def tick(self) -> list[tuple[str, str, Outcome]]:
        """One look at the calendar, and every turn that has come taken: job, period, outcome."""
        taken = []
        for turn in self.app.planner.tick(self.app.runtime):
            claim = self.app.planner.claim(turn)
            if claim is not None:
                outcome = self.app.runner.run(
                    self.app.runtime, turn.bound, turn.owed.period, trigger="schedule", claim=claim
                )
                taken.append((turn.bound.name, turn.owed.period.label, outcome))
        return taken

    def told(self) -> list[str]:
        """The periods told in this tick and those that follow at once, as `job label`."""
        labels: list[str] = []
        while taken := self.tick():
            labels += [f"{job} {label}" for job, label, outcome in taken if outcome.error is None]
            if any(outcome.error for *_, outcome in taken):
                break
        return labels

    def deliver(self) -> None:
        """Bring what waits to its channels."""
        channels, _ = self.app.delivery.ready(self.app.runtime.channels)
        for channel in channels:
            self.app.delivery.serve(self.app.runtime.channels, channel)

    def run(self, name: str, at: str | None = None, *, force: bool = False) -> ManualRun:
        """Run a job by hand and deliver what waits."""
        done = self.app.run_by_hand(self.app.job(name), at, force=force)
        self.deliver()
        return done

    def counts(self) -> Mapping[str, int]:
        """How many messages are in each state."""
        with self.app.store.read() as connection:
            return outbox.counts(connection)


def _variable(channel: str) -> str:
    return f"WEBHOOK_{channel.upper().replace('-', '_')}"
