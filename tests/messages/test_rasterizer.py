"""Pictures: what a template draws, and that a failing one stops no report."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reporter.errors import ChartError, TemplateError
from reporter.messages import rasterizer
from reporter.messages.formats import Formats
from reporter.messages.message import Message, Run
from reporter.messages.rasterizer import LARGEST_SIDE, Rasterizer
from reporter.messages.report_pictures import MOST, with_pictures
from reporter.messages.templates.renderer import Renderer
from reporter.trading.trades import Money
from tests.support.paths import DOCS

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30" font-family="sans-serif">'
CHARTS = Rasterizer()
DOCS = DOCS / "templates.md"

Write = Callable[[str], Renderer]

PLAIN = Message(title=(Run("text", "x"),))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the picture `x` and gives a renderer."""

    def put(source: str) -> Renderer:
        (tmp_path / "x.svg.j2").write_text(source)
        return Renderer([tmp_path], Formats(thousands=".", point=","))

    return put


@dataclass(frozen=True)
class Size:
    """What a PNG says of itself (PNG specification, 11.2.2)."""

    width: int
    height: int


def size_of(png: bytes) -> Size:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return Size(int.from_bytes(png[16:20]), int.from_bytes(png[20:24]))


def test_a_picture_has_two_pixels_for_each_unit_and_is_always_the_same() -> None:
    svg = f'{HEAD}<rect width="40" height="30" fill="red"/><text y="20">+5.30</text></svg>'
    first, again = CHARTS.png(svg), Rasterizer().png(svg)
    assert size_of(first) == Size(80, 60)
    assert first == again


@pytest.mark.parametrize(
    ("svg", "why"),
    [
        ('<svg xmlns="http://www.w3.org/2000/svg"/>', "viewBox"),
        (HEAD.replace("40", str(LARGEST_SIDE + 1)) + "</svg>", "no side may be longer"),
        (HEAD.replace("40", "0") + "</svg>", "no side may be longer"),
        (HEAD + "<rect></svg>", "no SVG that can be drawn"),
        ("no picture at all", "no SVG that can be drawn"),
    ],
)
def test_what_is_no_picture_says_why(svg: str, why: str) -> None:
    with pytest.raises(ChartError, match=why):
        CHARTS.png(svg)


def test_a_picture_may_have_as_many_bytes_as_a_channel_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    svg = f"{HEAD}</svg>"
    size = len(CHARTS.png(svg))
    monkeypatch.setattr(rasterizer, "LARGEST_PNG", size)
    assert len(CHARTS.png(svg)) == size
    monkeypatch.setattr(rasterizer, "LARGEST_PNG", size - 1)
    with pytest.raises(ChartError, match=f"the picture has {size} bytes: draw it smaller"):
        CHARTS.png(svg)


def test_without_any_font_nothing_is_drawn_and_what_to_do_is_said() -> None:
    blind = Rasterizer(fonts=(), system=False)
    assert "install fontpkg-noto-sans" in blind.trouble
    with pytest.raises(ChartError, match="no font"):
        blind.png(f"{HEAD}</svg>")


def test_without_its_package_the_machines_fonts_are_taken() -> None:
    assert not Rasterizer(fonts=()).trouble


def test_without_the_library_what_to_do_is_said() -> None:
    code = (
        "import sys; sys.modules['resvg_py'] = None\n"
        "from reporter.messages.rasterizer import Rasterizer\nprint(Rasterizer().trouble)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install resvg_py" in said


def test_writing_that_the_font_lacks_comes_from_the_machine() -> None:
    """Of two unknown signs the packaged font alone would make the same empty box."""
    made = [CHARTS.png(f'{HEAD}<text y="20">{sign}</text></svg>') for sign in "▲◆"]
    assert made[0] != made[1]


def test_without_the_machines_fonts_what_ours_lacks_is_an_empty_box() -> None:
    alone = Rasterizer(system=False)
    made = {alone.png(f'{HEAD}<text y="20">{sign}</text></svg>') for sign in "▲◆"}
    assert len(made) == 1


class PanicException(BaseException):
    """A fault of the library in Rust."""


@pytest.mark.parametrize("fault", [ValueError("odd"), PanicException("odd")])
def test_a_fault_of_the_library_is_one_of_the_picture(fault: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_given: object) -> bytes:
        raise fault

    charts = Rasterizer()
    assert not charts.trouble
    monkeypatch.setattr("resvg_py.svg_to_bytes", fail)
    with pytest.raises(ChartError, match="the picture is no SVG that can be drawn: odd"):
        charts.png(f"{HEAD}</svg>")


def test_each_svg_is_a_picture_and_an_empty_template_none(write: Write) -> None:
    svgs = write(f"text {{% for n in range(2) %}}{HEAD}<svg/><svg><g/></svg></svg> {{% endfor %}}").draw("x", {})
    assert [svg.count("<svg") for svg in svgs] == [3, 3]
    assert write("").draw("x", {}) == []
    assert not write("").has_picture("x")


def test_a_number_is_written_as_svg_reads_it_and_money_as_people_do(write: Write) -> None:
    renderer = write(f"{HEAD}{{{{ 1234.5 }}}} {{{{ 1234.5 | number }}}} {{{{ gone }}}} {{{{ 7 ~ '<' }}}}</svg>")
    assert renderer.draw("x", {"gone": None})[0].removeprefix(HEAD) == "1234.5 1.234,5 N/A 7&lt;</svg>"


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    """A picture that writes a name as text by way of a macro, and in an attribute."""
    folder = tmp_path_factory.mktemp("templates")
    macro = "{% macro said(text) %}<text>{{ text }}</text>{% endmacro %}"
    (folder / "x.svg.j2").write_text(f'{macro}{HEAD}{{{{ said(name) }}}}<text id="{{{{ name }}}}"/></svg>')
    return Renderer([folder])


@given(st.text())
@example("</text><script/>\" onload='x'&#0;]]>\0\x1b\ufffe\ud800")
def test_no_name_leaves_its_place(names: Renderer, name: str) -> None:
    root = ElementTree.fromstring(names.draw("x", {"name": name})[0])
    said, named = root
    assert said.tag.endswith("text")
    assert (said.text or "", list(said)) == (named.get("id"), [])


def test_a_name_that_is_cut_is_cut_before_it_is_escaped(write: Write) -> None:
    svg = write(f"{HEAD}{{{{ '<<<<<<<<<<' | clip(40, 10) }}}}</svg>").draw("x", {})[0]
    assert ElementTree.fromstring(svg).text == "<<<…<<"


@pytest.mark.parametrize(
    "source", ["{% import 'nothing.svg.j2' as x %}", "{{ nothing }}", "{{ 5 | safe }}", "{% if %}"]
)
def test_a_mistake_is_told_with_its_file(write: Write, source: str) -> None:
    with pytest.raises(TemplateError, match=r"x\.svg\.j2:1: "):
        write(HEAD + source + "</svg>").draw("x", {})


def test_a_picture_that_cannot_be_drawn_is_a_line_in_the_log(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "reporter")
    assert with_pictures(PLAIN, write("<svg>{{ nothing }}</svg>"), CHARTS, "x", {}) == PLAIN
    assert with_pictures(PLAIN, write("<svg></svg>"), CHARTS, "x", {}) == PLAIN
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("x goes out without its picture: ")
    assert "unknown name 'nothing'" in first
    assert "viewBox" in second


def test_where_nothing_can_be_drawn_the_log_says_so_once(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "reporter")
    blind, renderer = Rasterizer(fonts=(), system=False), write(f"{HEAD}</svg>")
    assert all(with_pictures(PLAIN, renderer, blind, name, {}) == PLAIN for name in ("x", "x", "without"))
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "reports go out without their pictures"
    ]


def test_pictures_are_named_after_their_report_and_not_too_many(write: Write) -> None:
    nine = write(f"{{% for n in range(9) %}}{HEAD}</svg>{{% endfor %}}")
    message = with_pictures(PLAIN, nine, CHARTS, "x", {})
    assert [file.name for file in message.attachments] == ["x.png", "x-2.png", "x-3.png", "x-4.png"]
    assert len(message.attachments) == MOST
    assert all(file.shown for file in message.attachments)
    assert "".join(run.text for run in message.footer) == "4 of 9 pictures"


def test_the_picture_in_the_document_can_be_drawn(tmp_path: Path) -> None:
    examples = re.findall("^```jinja\n(.*?)^```", DOCS.read_text(), re.DOTALL | re.MULTILINE)
    [example] = [text for text in examples if "<svg" in text]
    (tmp_path / "x.svg.j2").write_text(example)
    lines = [{"pnl": Money(Decimal(amount), "USDT"), "label": "A"} for amount in ("12.5", "-3")]
    [svg] = Renderer([tmp_path]).draw("x", {"books": [{"title": "USDT", "pnl": lines[0]["pnl"], "lines": lines}]})
    assert svg.count("<path") == 2
    assert size_of(CHARTS.png(svg)) == Size(800, 600)


def test_every_word_of_pictures_is_documented() -> None:
    told = DOCS.read_text()
    assert [word for word in Renderer([]).picture_words if f"`{word}" not in told] == []
