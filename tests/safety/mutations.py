"""Mutated configs and templates: each made of one that works, by a few changes such as people and accidents make."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from tests.support.paths import ROOT

ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    1e308,
    float("nan"),
    "",
    " ",
    "x" * 20_000,
    "\u202e\U0001f4b9\x1b[2J",
    "a\0b",
    [],
    {},
    [[[[[[[[{"a": [1]}]]]]]]]],
    {"": None},
    {1: {2: 3}},
    "env:",
    "env:NOT_THERE",
    "file:",
    "file:.",
    "file:/dev/zero",
    "file:a\0b",
    "file:~nobody-like-this/x",
    "credential:../../x",
    "$HOME",
    "every 0s",
    "every 999999999999d",
    "daily at 25:61",
    "weekly on someday at 00:00",
    "cron * * * * * * * *",
    "2026-02-30",
    "0000-00-00T99:99Z",
    "1e400 USDT",
    "-0 USDT",
    "101%",
    "Europe/../../etc/passwd",
    "https://[::1",
    "http://a:b@c:99999/?token=x",
    "sqlite:///",
    "postgresql://",
    "nothing+like:///this",
    "(" * 500,
    "(a+)+$",
    "{{ x }}",
    "*" * 500,
    "../../../etc/passwd",
    "127.0.0.1:99999999",
    "SELECT 1; DROP TABLE x",
)
TEXT = (
    "\t",
    "\0",
    "\ufeff",
    "\x85",
    "&a ",
    "*a",
    "<<: *a",
    ": ",
    "- ",
    "[",
    "}",
    '"',
    "'",
    "|",
    "#",
    "!!python/object ",
    "\r",
)
JINJA = (
    "{% for a in range(10**9) %}{{ a }}{% endfor %}",
    "{{ 'x' * 10**9 }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ period.label.__init__.__globals__ }}",
    "{% include 'x.md.j2' %}",
    "{% include name %}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{{ 1 / 0 }}",
    "{{ nothing.like.this }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ ('a' * 5000) | replace('a', 'b' * 5000) }}",
    "{% set a = a %}",
    "{% if %}",
    "{{",
    "%}",
    "{#",
    "| a | b |\n",
    "```\n",
    "> " * 200,
    "[a](javascript:1)",
    "\0\u202e",
    "{{ books | tojson }}",
)


def config_seeds() -> list[dict[Any, Any]]:
    """The configs of the docs and examples."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))]
    blocks = [block for text in texts for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    files = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "config").rglob("*.yaml"))]
    return [seed for seed in map(_loaded, (*blocks, *files)) if isinstance(seed, dict)]


def template_seeds(ends: str = ".md.j2") -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted((ROOT / "templates").rglob(f"*{ends}"))]


def _loaded(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def mutated_config(seed: dict[Any, Any], chance: random.Random) -> str:
    """The config with up to three changes of its values and keys, and at times one of its text."""
    data = {"version": 1, **copy.deepcopy(seed)}
    for _ in range(chance.randint(1, 3)):
        _change(data, chance)
    text = yaml.dump(data, allow_unicode=True, sort_keys=False, default_flow_style=chance.choice((None, False)))
    return _slipped(text, TEXT, chance) if chance.random() < 0.3 else text


def mutated_template(seed: str, chance: random.Random) -> str:
    text = seed
    for _ in range(chance.randint(1, 3)):
        text = _slipped(text, JINJA, chance)
    return text


def _change(data: dict[Any, Any], chance: random.Random) -> None:
    if not (places := list(_places(data))):
        return
    holder, key = chance.choice(places)
    what = chance.random()
    if what < 0.6:
        holder[key] = copy.deepcopy(chance.choice(ODD))
    elif what < 0.7:
        del holder[key]
    elif what < 0.85 and isinstance(holder, dict):
        text = str(key)
        holder[text[: len(text) // 2] + chance.choice("xy-_ .") + text[len(text) // 2 :]] = holder.pop(key)
    else:
        other, name = chance.choice(places)
        holder[key] = copy.deepcopy(other[name])


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _slipped(text: str, pieces: tuple[str, ...], chance: random.Random) -> str:
    """One slip of the keyboard: something inserted, lost, doubled, moved or cut off."""
    at, length = chance.randint(0, len(text)), chance.randint(1, 40)
    slips: tuple[Callable[[], str], ...] = (
        lambda: text[:at] + chance.choice(pieces) + text[at:],
        lambda: text[:at] + text[at + length :],
        lambda: text[:at] + text[at : at + length] * 3 + text[at + length :],
        lambda: text[:at],
        lambda: text.replace("\n  ", "\n   ", 1),
        lambda: text[:at] + "\n" + text[at:],
    )
    return chance.choices(slips, weights=(6, 2, 2, 1, 1, 2))[0]()
