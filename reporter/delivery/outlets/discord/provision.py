"""Sets up a Discord server: creates missing categories and channels, and a webhook in each channel.

The set-up keeps everything that exists, so that it can be repeated at any time and after any interruption. It looks for
each object before it creates the object, and saves an address as soon as the address is known.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from reporter.config.server_plan import Planned
from reporter.config.yaml_document import Document
from reporter.delivery.outlets.discord import server
from reporter.delivery.outlets.discord.outlet import DiscordOutlet
from reporter.delivery.outlets.discord.server import (
    AnswerLostError,
    Bot,
    BotRefusedError,
    ChannelWebhook,
    ServerCard,
    ServerChannel,
)
from reporter.delivery.outlets.discord.webhook import DISCORD
from reporter.delivery.outlets.outlet import Delivered, Never
from reporter.errors import ReporterError
from reporter.paths import expanded
from reporter.secret import Secret
from reporter.whole_file import write_whole

T = TypeVar("T")

TRIES = 3
_FORBIDDEN_IN_NAMES = re.compile(r"discord|clyde", re.IGNORECASE)
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class PlannedChannel:
    """A channel of ours that is to be there, and the file that is to hold its webhook's address.

    `reference` is how the config names that file; `named` says that the config does so already. `note` is what else has
    to be done by hand.
    """

    planned: Planned
    file: Path
    reference: str
    named: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class ProvisionedChannel:
    """What became of a wish: what was made of `channel` and `webhook`, or the trouble; `note` is what to know."""

    wish: PlannedChannel
    made: tuple[str, ...] = ()
    note: str = ""
    trouble: str = ""


@dataclass(slots=True)
class Provisioner:
    """Makes what is missing on a server. With `dry` it only says what it would make."""

    bot: Bot
    card: ServerCard
    hook_name: str
    base_url: str = DISCORD
    dry: bool = False
    _application: str = ""
    _places: list[ServerChannel] = field(default_factory=list)
    _hooks: list[ChannelWebhook] = field(default_factory=list)

    def furnish(self, wishes: Sequence[PlannedChannel]) -> Iterator[ProvisionedChannel]:
        """Fulfil one wish after another. One that cannot be fulfilled stops no other.

        Raises ReporterError where Discord takes nothing more.
        """
        self._application = self.bot.application()
        self._look()
        for wish in wishes:
            try:
                yield self._furnished(wish)
            except BotRefusedError as error:
                if error.final:
                    raise
                yield ProvisionedChannel(wish, trouble=str(error))
            except AnswerLostError as error:
                yield ProvisionedChannel(wish, trouble=f"{error}: run the same command again")

    def _look(self) -> None:
        self._places, self._hooks = self.bot.places(self.card.id), self.bot.hooks(self.card.id)

    def _furnished(self, wish: PlannedChannel) -> ProvisionedChannel:
        kept = read_secrets(wish.file)
        if kept and (note := self._still_works(kept, wish.planned)) is not None:
            return ProvisionedChannel(wish, note=note)
        made: list[str] = []
        place, note = self._channel(wish.planned, made)
        hook = self._hook(place, made)
        if hook and not self.dry:
            write_secret(wish.file, hook.address)
        return ProvisionedChannel(wish, tuple(made), note)

    def _still_works(self, address: Secret, planned: Planned) -> str | None:
        """What to know of an address that is kept and works; None if it does not, or if it is none."""
        id_ = server.hook_id(address, self.base_url)
        hook = next((hook for hook in self._hooks if hook.id == id_), None)
        if hook is None:
            return None if self._dead(address) else "its address leads to a webhook elsewhere that works, and stays"
        names = {place.id: place.name for place in self._places}
        name = names.get(hook.channel, "?")
        return "" if name == as_discord_writes(planned.name) else f"its webhook posts into #{name}"

    def _channel(self, planned: Planned, made: list[str]) -> tuple[ServerChannel, str]:
        """The channel, found or made, and what to know of it."""
        found = self._found_channel(planned)
        if found:
            return found, ""
        category, note = self._category(planned.category, made) if planned.category else (None, "")
        made.append("channel")
        place = self._opened(planned.name, server.TEXT, lambda: self._found_channel(planned), category, planned.topic)
        return place, note

    def _opened(
        self,
        name: str,
        kind: int,
        find: Callable[[], ServerChannel | None],
        category: str | None = None,
        topic: str = "",
    ) -> ServerChannel:
        """Make a channel or a category, or in a dry run one that is only imagined."""
        if self.dry:
            place = ServerChannel(f"imagined-{len(self._places)}", name, kind, category)
        else:
            place = self._sure(
                find, lambda: self.bot.open_place(self.card.id, name, kind, category=category, topic=topic)
            )
        if place not in self._places:
            self._places.append(place)
        return place

    def _found_channel(self, planned: Planned) -> ServerChannel | None:
        """A channel of that name: the one in its category, else the oldest."""
        name = as_discord_writes(planned.name)
        alike = [
            place
            for place in self._places
            if place.kind in {server.TEXT, server.ANNOUNCEMENT} and place.name.lower() == name
        ]
        homes = {
            place.id for place in self._places if place.kind == server.CATEGORY and _same(place.name, planned.category)
        }
        return next((one for one in alike if one.category in homes), alike[0] if alike else None)

    def _category(self, title: str, made: list[str]) -> tuple[str | None, str]:
        """The id of a category, found or made; None if it has no room."""

        def find() -> ServerChannel | None:
            return next(
                (place for place in self._places if place.kind == server.CATEGORY and _same(place.name, title)), None
            )

        found = find()
        if found is None:
            made.append("category")
            found = self._opened(title, server.CATEGORY, find)
        if sum(place.category == found.id for place in self._places) >= server.IN_CATEGORY:
            return None, f"{title} has {server.IN_CATEGORY} channels, the most that Discord allows: it stands outside"
        return found.id, ""

    def _hook(self, place: ServerChannel, made: list[str]) -> ChannelWebhook | None:
        found = self._found_hook(place)
        if found:
            return found
        if sum(hook.channel == place.id for hook in self._hooks) >= server.IN_CHANNEL:
            raise BotRefusedError(
                f"the channel has {server.IN_CHANNEL} webhooks, none of them ours, and Discord allows no more: delete "
                "one in its settings, Integrations"
            )
        made.append("webhook")
        if self.dry:
            return None
        hook = self._sure(lambda: self._found_hook(place), lambda: self.bot.open_hook(place.id, self.hook_name))
        if hook not in self._hooks:
            self._hooks.append(hook)
        return hook

    def _found_hook(self, place: ServerChannel) -> ChannelWebhook | None:
        """A webhook of that channel that our bot has made, else one that bears our name."""
        usable = [hook for hook in self._hooks if hook.channel == place.id and hook.address.reveal()]
        ours = [hook for hook in usable if hook.application == self._application]
        by_hand = [hook for hook in usable if hook.application is None and hook.name == self.hook_name]
        return next(iter((*ours, *by_hand)), None)

    def _sure(self, find: Callable[[], T | None], make: Callable[[], T]) -> T:
        """Make something once: where the answer is lost, it is looked for before it is made again."""
        for _ in range(TRIES):
            try:
                return make()
            except AnswerLostError as error:
                lost = error
                self._look()
            if (found := find()) is not None:
                return found
        raise lost

    def _dead(self, address: Secret) -> bool:
        """Whether a webhook that this server does not know of does not exist any more. Raises RefusedError when that
        cannot be told."""
        try:
            outlet = DiscordOutlet(address, base_url=self.base_url)
        except ReporterError:
            return True
        found = outlet.look()
        outlet.close()
        if isinstance(found, Delivered) or (isinstance(found, Never) and found.gone):
            return not isinstance(found, Delivered)
        raise BotRefusedError(f"whether its webhook still works cannot be told: {found.why}")


def allowed_name(name: str) -> str:
    """The name for webhooks, without what Discord takes in none: "discord" and "clyde", whatever their case."""
    allowed = " ".join(_FORBIDDEN_IN_NAMES.sub(" ", name).split()).strip(" -_")[:_LONGEST_NAME].strip()
    return allowed if allowed and allowed.lower() not in {"everyone", "here"} else "reporter"


def as_discord_writes(name: str) -> str:
    """The name of a text channel as Discord keeps it."""
    return re.sub(r"\s+", "-", name.strip()).lower()


def planned_channels(
    document: Document, plan: Sequence[Planned], *, home: Path, folder: Path, environ: Mapping[str, str], prefix: str
) -> tuple[list[PlannedChannel], list[str]]:
    """What is to be there for some channels of the config, and the names of those that have a webhook already.

    `folder` is where addresses are kept; with a `prefix` the config names them as systemd's credentials.
    """
    found: list[PlannedChannel] = []
    have: list[str] = []
    for planned in plan:
        file = folder / planned.name
        ours = f"credential:{prefix}{planned.name}" if prefix else _file_reference(file, home)
        reference = _webhook(document, planned.name)
        kind, _, target = reference.partition(":")
        if reference in {"", ours}:
            note = "" if reference or not _entry(document, planned.name) else f"give it in the config `webhook: {ours}`"
            found.append(PlannedChannel(planned, file, ours, bool(reference or note), note))
        elif kind == "file":
            found.append(PlannedChannel(planned, home / expanded(target), reference, named=True))
        elif _leads_nowhere(kind, target, environ):
            note = f"in the config write `webhook: {ours}` instead of `{reference}`, which leads nowhere"
            found.append(PlannedChannel(planned, file, ours, named=True, note=note))
        else:
            have.append(planned.name)
    return found, have


def discord_channels(document: Document) -> list[str]:
    """The channels of a config that are Discord's, by their names."""
    channels = document.get(("channels",))
    entries = channels if isinstance(channels, dict) else {}
    return [name for name, entry in entries.items() if isinstance(entry, dict) and _is_discord(entry.get("kind"))]


def _is_discord(kind: object) -> bool:
    return kind is None or kind == "discord"


def _entry(document: Document, name: str) -> bool:
    return document.holds(("channels", name))


def _webhook(document: Document, name: str) -> str:
    reference = document.get(("channels", name, "webhook"))
    return reference.strip() if isinstance(reference, str) else ""


def _leads_nowhere(kind: str, target: str, environ: Mapping[str, str]) -> bool:
    """Whether a reference to the environment or to a credential finds nothing here. What stands in the config itself
    leads somewhere."""
    if kind == "env":
        return not environ.get(target, "").strip()
    folder = environ.get("CREDENTIALS_DIRECTORY")
    return kind == "credential" and not (folder and Path(folder, target).is_file())


def _file_reference(file: Path, home: Path) -> str:
    inside = file.is_relative_to(home)
    return f"file:{file.relative_to(home) if inside else file}"


def read_secrets(file: Path) -> Secret | None:
    """The address that a file holds. Raises ReporterError when it cannot be read."""
    try:
        text = file.read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ReporterError(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    return Secret(text, f"file:{file}") if text else None


def write_secret(file: Path, address: Secret) -> None:
    """Save an address whole or not at all, in a file that only its owner can read. Raises ReporterError."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(file, f"{address.reveal()}\n", 0o600)
    except OSError as error:
        raise BotRefusedError(f"{file} cannot be written: {error.strerror}", final=True) from None


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Keep a second set-up out, which would make everything twice. Raises ReporterError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ReporterError(f"{folder} cannot be used for the webhooks' addresses: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ReporterError("another set-up is at it just now: wait for its end") from None
    finally:
        os.close(lock)


def _same(name: str, title: str | None) -> bool:
    return title is not None and name.strip().casefold() == title.strip().casefold()
