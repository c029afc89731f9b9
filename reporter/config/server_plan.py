"""The plan of a Discord server (config/server.yaml): categories, and in each the channels with their topics."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from reporter.config import yaml_document as documents
from reporter.config.yaml_document import Document
from reporter.errors import ConfigError, Problem

# As Discord writes the names of text channels, which are ours as well.
_CHANNEL = re.compile(r"[a-z0-9_-]{1,64}")
_CATEGORY, _TOPIC = 100, 1024


@dataclass(frozen=True, slots=True)
class Planned:
    """A channel that is to be there, in which category, and what it is for."""

    name: str
    category: str | None = None
    topic: str = ""


def read_plan(path: Path) -> list[Planned]:
    """The channels of a plan in its order. Raises ConfigError with all problems."""
    try:
        document = documents.read(str(path), path.read_bytes())
    except OSError as error:
        raise ConfigError([Problem(str(path), f"the plan cannot be read: {error.strerror}")]) from None
    if problems := [*document.problems, *_problems(document)]:
        raise ConfigError(problems)
    data = document.data if isinstance(document.data, dict) else {}
    return [
        Planned(name, category, str(topic or ""))
        for category, channels in data.items()
        for name, topic in (channels.items() if isinstance(channels, dict) else ())
    ]


def _problems(document: Document) -> list[Problem]:
    if not isinstance(document.data, dict):
        return [Problem(document.file, "must hold categories, with channels below each: `name: what it is for`")]
    found: list[Problem] = []
    seen: set[str] = set()
    for category, channels in document.data.items():
        if not isinstance(channels, dict) or not 1 <= len(category.strip()) <= _CATEGORY:
            hint = "below it write the channels, such as `pnl-daily: Daily summaries`"
            found.append(document.problem((category,), f"must be a category of 1 to {_CATEGORY} characters", hint))
            continue
        found += [problem for name, topic in channels.items() if (problem := _wrong(document, category, name, topic))]
        found += [document.problem((category, name), "stands in the plan twice") for name in channels if name in seen]
        seen |= channels.keys()
    return found


def _wrong(document: Document, category: str, name: str, topic: object) -> Problem | None:
    at = (category, name)
    if not _CHANNEL.fullmatch(name):
        return document.problem(at, "a channel's name is made of small letters, digits, `-` and `_`", at="key")
    if not isinstance(topic, str | None) or len(topic or "") > _TOPIC:
        return document.problem(at, f"what a channel is for must be text of up to {_TOPIC} characters")
    return None
