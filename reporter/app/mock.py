"""A home for a look around: every channel is the terminal, and nothing leaves this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TextIO

from reporter.app.build import HomeContents
from reporter.app.home import FolderHome
from reporter.config.channels import ConsoleChannel
from reporter.config.models import Config
from reporter.config.plans import PlansConfig
from reporter.periods.clock import Clock
from reporter.secret import Secret

LOCAL_PROBES = {"file", "process", "sqlite", "trades", "unit"}
"""The kinds of probes that need no network."""


class MockHome(FolderHome):
    """A home whose channels are shown in the terminal under their names.

    Its store is a new one in the folder `scratch`, so the real one keeps its past and its periods. Of the secrets only
    those of ledgers are needed. There is no heartbeat, no bot in a chat and no action; probes of other machines and
    markets elsewhere are left out.
    """

    def __init__(self, folder: Path, *, clock: Clock, scratch: Path, stream: TextIO | None = None) -> None:
        super().__init__(folder, clock=clock, stream=stream, uses=("ledgers",))
        self._scratch = scratch
        self.services.labelled = True

    def read(self) -> HomeContents:
        contents = super().read()
        config = contents.loaded.config
        store = Secret(str(self._scratch / "mock.sqlite"))
        return replace(contents, loaded=replace(contents.loaded, config=_kept_here(config), store=store))


def _kept_here(config: Config) -> Config:
    """The config without what calls others or acts on them."""
    channels = {
        name: ConsoleChannel(
            kind="console", noise=entry.noise, quiet_hours=entry.quiet_hours, digest_at=entry.digest_at
        )
        for name, entry in config.channels.items()
    }
    local = {
        "channels": channels,
        "probes": {name: entry for name, entry in config.probes.items() if entry.kind in LOCAL_PROBES},
        "markets": {name: entry for name, entry in config.markets.items() if entry.ledger is not None},
        "plans": config.plans and _with_address(config.plans),
    }
    return config.model_copy(update=local | {"heartbeat": None, "chat": None, "actions": {}})


def _with_address(plans: PlansConfig) -> PlansConfig:
    """The address of plans; without the secret that guards it, it is open to this machine alone."""
    if not plans.listen or plans.token is None or not plans.token.missing:
        return plans
    here = f"127.0.0.1:{plans.listen.rpartition(':')[2]}"
    return plans.model_copy(update={"token": None, "listen": here})
