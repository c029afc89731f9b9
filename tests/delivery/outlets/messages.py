"""Messages to try outlets with: a plain one, and any."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from reporter.messages.message import (
    Attachment,
    Block,
    Code,
    Field,
    Line,
    Message,
    Run,
    RunKind,
    Severity,
    Table,
    Text,
    Tone,
)

HOSTILE = "x\n# @everyone **pump** ||x|| <@&1> [a](http://b.c) `code` :smile: https://evil.example"


def line(text: str, kind: RunKind = "text", url: str = "") -> Line:
    return (Run(kind, text, url),)


def prose(*lines: str) -> Text:
    return Text(tuple(line(text) for text in lines))


def field(name: str, value: str, *, inline: bool = False) -> Field:
    return Field(line(name), (prose(value),), inline)


def summary(**changes: object) -> Message:
    """A small message with something of everything but files."""
    whole: dict[str, object] = {
        "title": line("Daily performance"),
        "body": (prose("Win rate 55.3 % (26W/21L)"), Table(("agent", "P&L"), (("Momentum_BTC_v1", "+28.40"),), "<>")),
        "fields": (field("Trades", "47", inline=True), field("Fees", "$18.80", inline=True)),
        "footer": line("yesterday, UTC"),
        "tone": Tone.GOOD,
        "at": datetime(2026, 11, 20, tzinfo=UTC),
    }
    return Message(**(whole | changes))  # type: ignore[arg-type]


# Few letters, so that what is special comes often and beside each other.
nasty = st.text(st.sampled_from("aB1 .-+#>*_~`|\\[]()<@:/&!?\nhtps=\u200bé👩🏽🇩日\u202e"), max_size=40)
texts = nasty | st.text(max_size=30) | st.builds(lambda text, count: text * count, nasty, st.integers(1, 60))

kinds: st.SearchStrategy[RunKind] = st.sampled_from(("text", "bold", "italic", "bold italic", "strike", "code"))
times = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
runs = (
    st.builds(Run, kinds, texts)
    | st.builds(Run, st.just("link"), texts, texts | st.just("https://example.com/a(b)"))
    | st.builds(Run, st.just("time"), st.just("5 min ago"), times)
)
lines = st.lists(runs, max_size=4).map(tuple)
cells = st.lists(texts, min_size=2, max_size=2).map(tuple)
blocks: st.SearchStrategy[Block] = (
    st.builds(Text, st.lists(lines, min_size=1, max_size=6).map(tuple), st.booleans())
    | st.builds(Code, texts, st.sampled_from(("", "python", "not a language")))
    | st.builds(Table, cells, st.lists(cells, max_size=12).map(tuple), st.sampled_from(("", "<>", "^^")))
)
fields = st.builds(Field, lines, st.lists(blocks, max_size=3).map(tuple), st.booleans())
files = st.builds(Attachment, texts | st.just("chart.png"), st.binary(max_size=20), st.booleans())
messages = st.builds(
    Message,
    title=lines,
    body=st.lists(blocks, max_size=5).map(tuple),
    fields=st.lists(fields, max_size=4).map(tuple)
    | st.lists(fields, min_size=2, max_size=3).map(lambda f: tuple(f * 13)),
    footer=lines,
    tone=st.sampled_from(Tone),
    severity=st.sampled_from(Severity),
    at=st.none() | st.datetimes(timezones=st.just(UTC)),
    attachments=st.lists(files, max_size=3).map(tuple),
)
