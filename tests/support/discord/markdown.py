"""Reads Discord's markdown as its client does, to see what a reader would see.

Written from the rules of the client that others have found out, leaning towards recognising too much: what this finds
no markup in, the client finds none in either. It shares nothing with the code that writes markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

BLANK = "\u200b"


@dataclass(frozen=True)
class Seen:
    """A stretch that a reader sees; `kinds` are the markups around it, the outermost first."""

    text: str
    kinds: tuple[str, ...] = ()


def shown(markdown: str) -> str:
    """The text that a reader sees."""
    return "".join(seen.text for seen in read(markdown))


def recognised(markdown: str) -> set[str]:
    """Every kind of markup that the client finds: `bold`, `mention`, `emoji`, …"""
    return {kind for seen in read(markdown) for kind in seen.kinds}


def read(markdown: str) -> list[Seen]:
    return list(_read(markdown, line_start=True, kinds=()))


def _read(source: str, *, line_start: bool, kinds: tuple[str, ...]) -> Iterator[Seen]:
    position = 0
    while position < len(source):
        # Only blanks may stand between a line's start and a heading, quote or list.
        opening = re.search(r"(?:^|\n) *$", source[:position]) is not None if position else line_start
        rest = source[position:]
        for kind, match, inner, literal in _candidates(rest, opening):
            around = (*kinds, kind) if kind else kinds
            if literal:
                yield Seen(inner(match), around)
            else:
                yield from _read(inner(match), line_start=opening, kinds=around)
            position += match.end()
            break


Inner = Callable[[re.Match[str]], str]


def _group(number: int) -> Inner:
    return lambda match: match[number]


def _word(text: str) -> Inner:
    return lambda match: text


def _rule(kind: str, pattern: str, inner: Inner, literal: bool = True) -> tuple[str, re.Pattern[str], Inner, bool]:
    return kind, re.compile(pattern), inner, literal


def _unquoted(match: re.Match[str]) -> str:
    if match[0].lstrip().startswith(">>>"):
        return re.sub(r"^ *>>> +", "", match[0])
    return re.sub(r"^ *> +", "", match[0], flags=re.MULTILINE)


_AT_LINE_START = [
    _rule("heading", r" *#{1,3}\s+((?:\\.|[^\\\n])+?)#*\s*(?:\n|$)", _group(1), literal=False),
    _rule("small print", r"-# +([^\n]+?)(?:\n|$)", _group(1), literal=False),
    _rule("quote", r"( *>>> +([\s\S]*))|^( *>(?!>>) +[^\n]*(\n *>(?!>>) +[^\n]*)*\n?)", _unquoted, literal=False),
    _rule("list", r" *(?:[*+-]|\d+\.)(?=\s)", _group(0)),
]
_ANYWHERE = [
    _rule("code block", r"```(?:([a-zA-Z0-9_+\-.#]+?)\n)?\n*([^\n][\s\S]*?)\n*```", _group(2)),
    _rule("", r"\\([^0-9A-Za-z\s])", _group(1)),
    _rule("time", r"<t:-?\d{1,17}(?::[tTdDfFR])?>", _group(0)),
    _rule("mention", r"<(?:@[!&]?|#)\d+>|</[^>]*:\d+>|<id:\w+>", _group(0)),
    _rule("emoji", r"<a?:\w+:\d+>", _group(0)),
    _rule("link", r"<([^: >]+:/[^ >]+)>", _group(1)),
    _rule("link", r"(?:https?|steam)://[^\s<]+[^<.,:;\"'\]\s]", _group(0)),
    _rule(
        "link",
        r"\[((?:\[[^\]]*\]|[^\[\]]|\](?=[^\[]*\]))*)\]\(\s*<?((?:\([^)]*\)|[^\s\\]|\\.)*?)>?\s*\)",
        _group(1),
        False,
    ),
    _rule("mention", r"@(?:everyone|here)", _group(0)),
    _rule("code", r"(`+)([\s\S]*?[^`])\1(?!`)", lambda match: match[2].strip()),
    _rule("strike", r"~~(?=\S)([\s\S]*?\S)~~(?!_)", _group(1), literal=False),
    _rule("spoiler", r"\|\|([\s\S]+?)\|\|", _group(1), literal=False),
    _rule("emoji", r":([^\s:]+?(?:::skin-tone-\d)?):", _group(0)),
]
_STYLES = [
    _rule("italic", r"\b_((?:__|\\[\s\S]|[^\\_])+?)_\b", _group(1), literal=False),
    _rule("italic", r"\*(?=\S)((?:\*\*|\\[\s\S]|\s+(?:\\[\s\S]|[^\s*\\]|\*\*)|[^\s*\\])+?)\*(?!\*)", _group(1), False),
    _rule("bold", r"\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)", _group(1), literal=False),
    _rule("underline", r"__((?:\\[\s\S]|[^\\])+?)__(?!_)", _group(1), literal=False),
]
_TEXT = _rule("", r"[\s\S]+?(?=[^0-9A-Za-z\s\u00c0-\uffff]|\n|\w+:\S|$)", _group(0))

Found = tuple[str, re.Match[str], Inner, bool]


def _candidates(rest: str, opening: bool) -> Iterator[Found]:
    """What could be read here, the most likely first; plain text is always the last."""
    for kind, pattern, inner, literal in (_AT_LINE_START if opening else []) + _ANYWHERE:
        if match := pattern.match(rest):
            yield kind, match, inner, literal
    # Of several styles the one that spans most wins, as in `***both***`.
    styles = [
        (kind, match, inner, literal) for kind, pattern, inner, literal in _STYLES if (match := pattern.match(rest))
    ]
    yield from sorted(styles, key=lambda style: -style[1].end())
    kind, pattern, inner, literal = _TEXT
    match = pattern.match(rest)
    assert match
    yield kind, match, inner, literal
