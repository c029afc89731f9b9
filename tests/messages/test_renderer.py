"""Templates: what they can do, what is refused, and that an error gives the remedy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.errors import TemplateError
from reporter.messages.formats import CurrencyFormat, Formats
from reporter.messages.message import Run, Severity, Text, Tone, plain, plain_blocks, visible
from reporter.messages.templates.errors import instead
from reporter.messages.templates.renderer import Renderer
from reporter.periods.civil import Period
from reporter.secret import Secret
from reporter.trading.trades import Money
from tests.support.paths import DOCS

NOW = datetime(2026, 10, 31, 0, 1, tzinfo=UTC)
PERIOD = Period(NOW - timedelta(days=1), NOW, "2026-10-30", "Europe/Berlin")
DOCS = DOCS / "templates.md"


@dataclass(frozen=True, slots=True)
class Best:
    agent: str
    pnl: Money


@dataclass(frozen=True, slots=True)
class Shelf:
    """A book, as far as these templates read one."""

    title: str
    pnl: Money
    trades: int
    win_rate: Decimal | None
    best: Best | None = None


SHELF = Shelf("USD · live", Money(Decimal("45.6"), "USD"), 3, None)

Write = Callable[[str, str], Renderer]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a template of a home and gives the home's renderer."""
    folder = tmp_path / "templates"
    folder.mkdir()
    renderer = Renderer([folder])

    def put(name: str, source: str) -> Renderer:
        (folder / f"{name}.md.j2").write_text(source)
        return renderer

    return put


def text_of(renderer: Renderer, name: str = "x", **facts: Any) -> str:
    """The body of the message, a line a line."""
    message = renderer.render(name, {"period": PERIOD, "books": [SHELF], **facts}, at=NOW)
    return "\n".join(plain_blocks(message.body))


def refusal(renderer: Renderer, name: str = "x", **facts: Any) -> str:
    with pytest.raises(TemplateError) as caught:
        text_of(renderer, name, **facts)
    return str(caught.value)


def test_a_template_reads_like_the_message_it_makes(write: Write) -> None:
    renderer = write(
        "pnl_pulse",
        """{# The day so far. #}
# 💹 P&L so far — {{ period.label }}
{% for book in books %}
### {{ book.title }}
{{ book.pnl | signed }} on {{ book.trades | plural("trade") }}{% if book.trades > 2 %} (busy){% endif %}

Win rate {{ book.win_rate | pct }}, best {{ book.best.pnl | signed }}
{% else %}
Nothing was traded.
{% endfor %}
---
{{ now | time }}
""",
    )
    message = renderer.render("pnl_pulse", {"period": PERIOD, "books": [SHELF]}, tone=Tone.GOOD, at=NOW)
    (field,) = message.fields
    assert plain(message.title) == "💹 P&L so far — 2026-10-30"
    assert (plain(field.name), field.inline) == ("USD · live", True)
    assert list(plain_blocks(field.blocks)) == ["+$45.60 on 3 trades (busy)", "Win rate N/A, best N/A"]
    assert plain(message.footer) == "2026-10-31 01:01:00 CET"
    assert (message.tone, message.severity, message.at) == (Tone.GOOD, Severity.INFO, NOW)


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("none", "N/A"),
        ("none | money", "N/A"),
        ("none | upper", "N/A"),
        ("none | round(2)", "N/A"),
        ("none | int", "N/A"),
        ("books[0].best.pnl.amount", "N/A"),
        ("'a' ~ books[0].win_rate", "aN/A"),
        ("[1, none] | join(', ')", "1, N/A"),
        ("[books[0].pnl, none] | map('signed') | join(' and ')", "+$45.60 and N/A"),
        ("none | default('none yet')", "none yet"),
        ("nobody | default('none yet')", "none yet"),
        ("books[0].pnl", "$45.60"),
        ("books[0].pnl - books[0].pnl", "$0.00"),
        ("books[0].pnl | pct(of=books[0].pnl)", "100.0%"),
        ("'won' ~ (0.5 | signed_pct | aside)", "won (+50.00%)"),
        ("'won' ~ (none | signed_pct | aside)", "won"),
        ("now | clock ~ ' ' ~ now | date", "01:01:00 2026-10-31"),
        ("period.start | ago", "1 day ago"),
        ("(now - period.start)", "1 day"),
        ("'a_b' | replace('_', ' ') | title", "A B"),
        ("key", "***"),
    ],
)
def test_expressions_read_as_people_would_write_them(write: Write, expression: str, shown: str) -> None:
    renderer = write("x", f"{{{{ {expression} }}}}")
    assert text_of(renderer, key=Secret("hunter2")) == shown


@pytest.mark.parametrize(
    ("shown", "text", "style"),
    [
        ("now | when", "01:01 CET", ""),
        ("now | ago", "just now", ""),
        ("now | time", "2026-10-31 01:01:00 CET", " time"),
        ("now | clock", "01:01:00", " clock"),
        ("now", "2026-10-31 00:01:00 UTC", " time"),
    ],
)
def test_a_moment_is_shown_by_the_outlet_where_it_can(write: Write, shown: str, text: str, style: str) -> None:
    written = (
        f"# {{{{ {shown} }}}}\n{{{{ {shown} }}}}\n### {{{{ {shown} }}}}\n`{{{{ {shown} }}}}`\n---\n{{{{ {shown} }}}}"
    )
    message = write("x", written).render("x", {"period": PERIOD}, at=NOW)
    assert message.body == (Text(((Run("time", text, f"2026-10-31T00:01:00+00:00{style}"),),)),)
    assert message.title == message.footer == message.fields[0].name == (Run("text", text),)
    assert message.fields[0].blocks == (Text(((Run("code", text),),)),)


def test_the_floor_has_its_own_formats(tmp_path: Path) -> None:
    (tmp_path / "x.md.j2").write_text("{{ 5 | money('USDT') }} {{ now | time }}")
    renderer = Renderer([tmp_path], Formats({"USDT": CurrencyFormat("₮", 0)}, zone="Asia/Tokyo"))
    assert list(plain_blocks(renderer.render("x", {}, at=NOW).body)) == ["₮5 2026-10-31 09:01:00 JST"]


def test_only_lines_of_nothing_but_tags_vanish(write: Write) -> None:
    renderer = write("x", "a{% if true %} b{% endif %}  \n  {% if true %} \nc\n {% endif %}\nd {# why #}\n{{ 1 }}\n")
    assert text_of(renderer) == "a b\nc\nd\n1"


HOSTILE = st.text(st.characters(codec=None, exclude_categories=())) | st.text(st.sampled_from("#*_`|-\n{}%<>@ \ue000"))
PLACES = """# {{ v }} a
**{{ v }} a** {{ 'a ' ~ v }} {{ [v, 'a'] | join(' ') }}
{% include 'row.md.j2' %}
## a {{ v }}
---
{{ v }} a
"""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    folder = tmp_path_factory.mktemp("templates")
    (folder / "x.md.j2").write_text(PLACES)
    (folder / "row.md.j2").write_text("{% set w = v %}\n- {{ w }} a")
    return Renderer([folder])


@given(HOSTILE)
def test_whatever_a_value_says_the_message_keeps_its_shape(places: Renderer, value: str) -> None:
    message, v = places.render("x", {"v": value}), visible(value)
    assert message.title == (Run("text", f"{v} a"),)
    assert list(plain_blocks(message.body)) == [f"{v} a a {v} {v} a", f"• {v} a"]
    assert [plain(field.name) for field in message.fields] == [f"a {v}"]
    assert message.footer == (Run("text", f"{v} a"),)


@pytest.mark.parametrize(
    ("statement", "tag"),
    [
        ("{% macro m() %}x{% endmacro %}", "macro"),
        ("{% call m() %}x{% endcall %}", "call"),
        ("{% filter upper %}x{% endfilter %}", "filter"),
        ("{% set y %}x{% endset %}", "set … endset"),
        ("{% block b %}x{% endblock %}", "block"),
        ("{% extends 'y.md.j2' %}", "extends"),
        ("{% import 'y.md.j2' as y %}", "import"),
        ("{% from 'y.md.j2' import y %}", "from"),
        ("{% autoescape true %}x{% endautoescape %}", "autoescape"),
        ("{% for y in [] recursive %}x{% endfor %}", "for … recursive"),
        ("{% if false %}{% macro m() %}x{% endmacro %}{% endif %}", "macro"),
    ],
)
def test_what_captures_text_is_refused_when_it_is_compiled(write: Write, statement: str, tag: str) -> None:
    renderer = write("x", f"# a\n{statement}")
    with pytest.raises(TemplateError) as caught:
        renderer.check("x")
    assert str(caught.value) == (
        f"templates/x.md.j2:2: {{% {tag} %}} cannot be used in a message\n    {statement}\n"
        '    put the lines in templates/_row.md.j2 and write {% include "_row.md.j2" %}'
    )


@pytest.mark.parametrize(
    "escape",
    [
        "''.__class__.__mro__",
        "cycler.__init__.__globals__.os.popen('id').read()",
        "lipsum.__globals__",
        "self._TemplateReference__context",
        "range.__self__",
        "'{0.__class__}'.format(1)",
        "books.clear()",
        "books | attr('__class__')",
        "books | map(attribute='__class__') | first",
        "render.__globals__",
        "key.reveal()",
        "key.value",
        "range(10 ** 9) | length",
    ],
)
def test_nothing_leads_out_of_the_sandbox(write: Write, escape: str) -> None:
    renderer = write("x", f"a\n{{{{ {escape} }}}}")
    said = refusal(renderer, key=Secret("hunter2", "env:KEY"), render=text_of)
    assert said.startswith("templates/x.md.j2:2: ")
    assert "hunter2" not in said


FOR = "{% for book in books %}\n"


@pytest.mark.parametrize(
    ("source", "line", "message", "hint"),
    [
        ("# a\n\n{{ perod.label }}", 3, "unknown name 'perod'", "did you mean 'period'?"),
        (FOR + "{{ book.pln | money }}\n{% endfor %}", 2, "Shelf has no 'pln'", "did you mean 'pnl'?"),
        ("{{ books[0].zzz }}", 1, "Shelf has no 'zzz'", "there is best, pnl, title, trades, win_rate"),
        ("# a\n{{ zzz }}", 2, "unknown name 'zzz'", "there is books, namespace, now, period, range"),
        ("# a\n{{ 1 | mony }}", 2, "No filter named 'mony'.", "did you mean 'money'?"),
        ("# a\n{% for book on books %}\n", 2, "expected token 'in', got 'on'", ""),
        (
            "# a\n{{ books[0].trades / books[0].win_rate }}",
            2,
            "unsupported operand type(s) for /: 'int' and 'NoneType'",
            "a figure that is not known is None: ask `{% if … is not none %}` first",
        ),
        ("a\n{{ books[0].trades / 0 }}", 2, "ZeroDivisionError: division by zero", ""),
        ("{{ books[0].title | money }}", 1, "TypeError: this takes an amount or a number, not str", ""),
        ("# a\n{% if books %}\n# b\n{% endif %}", 3, "a message has one title (line 2 of the rendered Markdown)", ""),
        ("a\n{% include 'roww.md.j2' %}", 2, "there is no template roww.md.j2", "did you mean 'row'?"),
        ("a\n\ue000", 2, "U+E000 and U+E001 cannot stand in a template", ""),
    ],
)
def test_an_error_says_where_what_and_what_to_write(
    write: Write, source: str, line: int, message: str, hint: str
) -> None:
    write("row", "b")
    said = [f"templates/x.md.j2:{line}: {message}", source.split("\n")[line - 1], hint]
    assert refusal(write("x", source)) == "\n    ".join(filter(None, said))


@pytest.mark.parametrize(("number", "more"), [(20, ""), (21, " …")])
def test_of_many_names_twenty_are_shown(number: int, more: str) -> None:
    names = [f"n{index:02}" for index in range(number)]
    assert instead("qqqqqqq", reversed(names)) == f"there is {', '.join(names[:20])}{more}"
    assert instead("n00x", names).startswith("did you mean 'n00'?")


def test_an_error_in_an_included_part_is_shown_there(write: Write) -> None:
    write("row", "b\n{{ z }}")
    assert refusal(write("x", "a\n{% include 'row.md.j2' %}")).startswith("templates/row.md.j2:2: unknown name 'z'\n")


def test_a_message_with_nothing_in_it_is_an_error(write: Write) -> None:
    assert refusal(write("x", "{% if not books %}a{% endif %}")) == "templates/x.md.j2: the message is empty"


def test_a_template_that_is_not_there_is_named_with_its_neighbour(write: Write) -> None:
    renderer = write("daily_summary", "# a")
    assert refusal(renderer, "daily_sumary") == (
        "templates/daily_sumary.md.j2: there is no template daily_sumary.md.j2\n    did you mean 'daily_summary'?"
    )


def test_no_name_leads_out_of_the_folder(write: Write, tmp_path: Path) -> None:
    (tmp_path / "secret.md.j2").write_text("hunter2")
    renderer = write("x", "{% include '../secret.md.j2' %}")
    assert "there is no template ../secret.md.j2" in refusal(renderer)
    assert "there is no template" in refusal(renderer, str(tmp_path / "secret"))


def test_a_file_that_is_not_text_says_so(write: Write, tmp_path: Path) -> None:
    renderer = write("x", "")
    (tmp_path / "templates" / "x.md.j2").write_bytes(b"# a\n\xff")
    assert refusal(renderer).startswith("templates/x.md.j2:2: this is not UTF-8")


def test_the_first_folder_hides_the_second_even_later(tmp_path: Path) -> None:
    home, stock = tmp_path / "home", tmp_path / "stock"
    home.mkdir()
    stock.mkdir()
    (stock / "x.md.j2").write_text("stock")
    renderer = Renderer([home, stock])
    assert text_of(renderer) == "stock"
    (home / "x.md.j2").write_text("home")
    assert text_of(renderer) == "home"
    (home / "x.md.j2").unlink()
    assert text_of(renderer) == "stock"


def test_an_edit_is_taken_at_once_even_if_size_and_time_stay(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "templates" / "x.md.j2"
    renderer = write("x", "one")
    assert text_of(renderer) == "one"
    stat = path.stat()
    fresh = path.with_suffix(".new")
    fresh.write_text("two")
    os.utime(fresh, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    fresh.replace(path)
    assert text_of(renderer) == "two"


def test_an_included_part_is_read_again_too(write: Write) -> None:
    renderer = write("x", "{% include '_row.md.j2' %}")
    write("_row", "one")
    assert text_of(renderer) == "one"
    write("_row", "twofold")
    assert text_of(renderer) == "twofold"


@pytest.mark.parametrize("row", ["- {{ n }}", "- {{ n }}\n", "- {{ n }}\n\n", "- {{ n }}{% if n > 9 %}!{% endif %}"])
def test_an_included_part_ends_its_line(write: Write, row: str) -> None:
    write("_row", row)
    renderer = write(
        "x",
        "all:\n{% for n in [1, 2] %}\n{% include '_row.md.j2' %}\n{% endfor %}\n- see {% include '_row.md.j2' %}\n- 4",
    )
    assert text_of(renderer, n=3) == "all:\n• 1\n• 2\n• see - 3\n• 4"


def test_check_names_what_nobody_provides(write: Write) -> None:
    renderer = write("x", "{{ period.label }} {% for b in books %}{{ b.pnl }}{{ range(3) }}{% endfor %} {{ typo }}")
    assert renderer.check("x", known={"period", "books"}) == ["typo"]


def test_check_follows_parts_that_include_themselves_once(write: Write) -> None:
    write("row", "{% if books %}{% include 'row.md.j2' %}{% endif %}b")
    renderer = write("x", "a\n{% include 'row.md.j2' %}\n{% include books[0].part %}")
    assert renderer.check("x", {"books"}) == []


def test_check_compiles_what_is_included(write: Write) -> None:
    write("_inner", "{% if %}")
    write("_row", "{% include '_inner.md.j2' %}")
    with pytest.raises(TemplateError, match=r"templates/_inner\.md\.j2:1: "):
        write("x", "{% include '_row.md.j2' %}").check("x")


def test_every_filter_is_documented(write: Write) -> None:
    of_messages = DOCS.read_text().partition("## Pictures")[0]
    documented = set(re.findall(r"^\| `(\w+)", of_messages, re.MULTILINE))
    listed = set(re.findall(r"`(\w+)`", DOCS.read_text().partition("From Jinja")[2].partition("\n\n")[0]))
    assert set(write("x", "").filters) == documented | listed
