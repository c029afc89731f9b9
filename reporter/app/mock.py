"""A home for a look around: every channel is the terminal, and nothing leaves this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TextIO

from reporter.app.build import HomeContents
from reporter.app.home import FolderHome
from reporter.config.models import ConsoleChannel
from reporter.periods.clock import Clock
from reporter.secret import Secret

LOCAL_PROBES = {"file", "process", "sqlite", "trades", "unit"}
"""The kinds of probes that need no network."""


class MockHome(FolderHome):
    """A home whose channels are shown in the terminal under their names.

    Its store is a new one in the folder `scratch`, so the real one keeps its past and its periods. Secrets of channels
    are not needed. There is no heartbeat, and probes of other machines are left out.
    """

    def __init__(self, folder: Path, *, clock: Clock, scratch: Path, stream: TextIO | None = None) -> None:
        super().__init__(folder, clock=clock, stream=stream, uses=("ledgers",))
        self._scratch = scratch
        self.services.labelled = True

    def read(self) -> HomeContents:
        contents = super().read()
        config = contents.loaded.config
        channels = {
            name: ConsoleChannel(
                kind="console", noise=entry.noise, quiet_hours=entry.quiet_hours, digest_at=entry.digest_at
            )
            for name, entry in config.channels.items()
        }
        probes = {name: entry for name, entry in config.probes.items() if entry.kind in LOCAL_PROBES}
        mocked = config.model_copy(update={"channels": channels, "probes": probes, "heartbeat": None})
        store = Secret(str(self._scratch / "mock.sqlite"))
        return replace(contents, loaded=replace(contents.loaded, config=mocked, store=store))
