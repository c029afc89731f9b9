"""What a template or an SVG may take: neither time nor memory nor files of the machine that it reports on."""

from __future__ import annotations

import mmap
import os
import resource
import signal
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from reporter.errors import ChartError, JobError, TemplateError
from reporter.messages import limited_process as bounds
from reporter.messages.limited_process import BoundsError, Budget, RefusedError, run_limited
from reporter.messages.message import Message
from reporter.messages.rasterizer import LARGEST_SIDE, Rasterizer
from reporter.messages.report_pictures import with_pictures
from reporter.messages.templates.renderer import Renderer

LITTLE = Budget(seconds=0.2, megabytes=64)
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 40 30">'
CHARTS = Rasterizer()

Write = Callable[..., Renderer]


@pytest.fixture(autouse=True)
def a_busy_machine_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets count the processor's time; only a machine under load takes minutes for it."""
    monkeypatch.setattr(bounds, "HANGS_AFTER", 200.0)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a template and gives a renderer with a small budget."""

    def put(source: str, name: str = "x.md.j2", *, stock: bool = False) -> Renderer:
        folder = tmp_path / "templates"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(source)
        return Renderer([folder], stock=folder if stock else None, budget=LITTLE)

    return put


FOR_EVER = [
    "{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}",
    "{{ 3 ** (3 ** 17) }}",
    "{% for a in range(9999) %}{% set x = ('a' * 999999).count('aaab') %}{% endfor %}",
    "{% for a in range(9999) %}{% for b in things | sort %}{{ b }}{% endfor %}{% endfor %}",
]
ALL_MEMORY = [
    "{{ 'x' * 10**9 }}",
    "{{ 'x'.ljust(10**9) }}",
    "{{ 'x'.center(10**9) }}",
    "{{ 'x'.zfill(10**9) }}",
    "{{ 'x' | center(10**9) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ ('a' * 99999).replace('a', 'b' * 99999) }}",
    "{{ '\\t'.expandtabs(10**9) }}",
    "{{ ([0] * 10**9) | length }}",
    "{{ ((1, 2) * 10**9) | length }}",
    "{{ ('a,' * 10**8).split(',') | length }}",
    "{{ things | batch(10**9, 0) | list | length }}",
    "{{ 1.5 | number(10**9) }}",
    "{% set ns = namespace(s='x') %}{% for a in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
]


@pytest.mark.parametrize("source", [*FOR_EVER, *ALL_MEMORY])
def test_a_template_that_asks_for_too_much_is_ended_and_its_line_named(write: Write, source: str) -> None:
    with pytest.raises(TemplateError) as caught:
        write(f"# a title\n{source}\n").render("x", {"things": list(range(5000))})
    first, *_ = str(caught.value).splitlines()
    assert first.startswith("templates/x.md.j2:2: "), first
    assert "takes" in first or "too large" in first or "InvalidOperation" in first, first


def test_the_line_of_an_included_part_is_named(write: Write) -> None:
    write("a\n\n{{ 3 ** (3 ** 17) }}", "_part.md.j2")
    with pytest.raises(TemplateError, match=r"^templates/_part\.md\.j2:3: it takes more than 0.2 s"):
        write("# a\n{% include '_part.md.j2' %}").render("x", {})


def test_a_template_that_writes_too_much_says_so(write: Write) -> None:
    with pytest.raises(TemplateError, match=r"x\.md\.j2: writes 1,0\d\d,\d\d\d characters"):
        write("{% for a in range(1000) %}{{ 'x' * 500 }}{% endfor %}").render("x", {})


def test_nothing_is_computed_while_a_template_is_compiled(write: Write) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for source in ("# {{ 'x' * 10**9 }}", "{% if 'x' * 10**9 %}# a{% endif %}", "# {{ 'x' | center(10**9) }}"):
        write(source).check("x")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_template_too_large_to_be_compiled_here_is_refused(write: Write) -> None:
    with pytest.raises(TemplateError, match="has more than 100,000 bytes"):
        write("{{ x }}\n" * 20_000).render("x", {"x": 1})


def test_the_message_of_a_user_template_is_that_of_a_stock_one(write: Write) -> None:
    source = (
        "# {{ name }}\n\n| a | b |\n|---|--:|\n| `x` | {{ 5 }} |\n\n## Field\n[x](https://a.org/{{ name }})\n\n---\nend"
    )
    facts = {"name": "a <b> \ud800 *c*"}
    assert write(source).render("x", facts) == write(source, stock=True).render("x", facts)


def test_a_stock_template_with_a_part_of_the_users_runs_apart(tmp_path: Path, write: Write) -> None:
    stock = tmp_path / "stock"
    stock.mkdir()
    (stock / "x.md.j2").write_text("# {{ pid() }}\n{% include '_part.md.j2' %}")
    (stock / "_part.md.j2").write_text("stock")
    renderer = Renderer([tmp_path / "templates", stock], stock=stock)
    ours = f"{os.getpid()}"
    assert ours in str(renderer.render("x", {"pid": os.getpid}))
    write("home", "_part.md.j2")
    assert ours not in str(renderer.render("x", {"pid": os.getpid}))


def test_a_child_holds_nothing_of_the_parents_and_leaves_nothing() -> None:
    files = Path("/proc/self/fd")
    before, children = len(list(files.iterdir())), psutil.Process().children()
    assert int(run_limited(lambda: b"%d" % len(list(files.iterdir())), LITTLE)) <= 6
    assert len(list(files.iterdir())) == before
    assert psutil.Process().children() == children


def test_what_the_work_raises_is_told_and_no_file_can_be_written(tmp_path: Path) -> None:
    def refuse() -> bytes:
        raise JobError("it is like this")

    with pytest.raises(RefusedError, match="it is like this"):
        run_limited(refuse, LITTLE)
    with pytest.raises(RefusedError, match="File too large"):
        run_limited(lambda: bytes((tmp_path / "x").write_bytes(b"y" * 9)), LITTLE)


def test_what_is_in_the_pipe_is_never_too_late() -> None:
    """A process that waits long for its turn finds its moment gone, and the answer there."""
    reads, writes = os.pipe()
    os.write(writes, b"done")
    os.close(writes)
    assert bounds._received(reads, time.monotonic() - 60) == b"done"
    os.close(reads)


def test_a_child_that_breaks_ends_alone() -> None:
    def break_down() -> bytes:
        os.kill(os.getpid(), signal.SIGSEGV)
        return b""

    with pytest.raises(BoundsError, match="breaks the library") as caught:
        run_limited(break_down, LITTLE)
    assert any(file == __file__ for file, _ in caught.value.frames)


def test_a_child_that_waits_for_a_lock_is_made_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may hold a lock when the child is made, and is not in it to let go of it."""
    monkeypatch.setattr(bounds, "HANGS_AFTER", 2.0)  # a machine under load makes the second child in time
    made = mmap.mmap(-1, 1)  # shared by parent and children

    def work() -> bytes:
        made[0] += 1
        if made[0] == 1:
            threading.Event().wait()
        return b"done"

    assert run_limited(work, LITTLE) == b"done"
    assert made[0] == 2


def test_a_child_that_does_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "HANGS_AFTER", 0.1)

    def wait() -> bytes:
        time.sleep(60)
        return b""

    with pytest.raises(BoundsError, match="does nothing"):
        run_limited(wait, LITTLE)


def test_children_of_many_threads_do_not_wait_for_each_other() -> None:
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(run_limited(lambda: b"%d" % n, LITTLE))) for n in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=int) == [b"%d" % n for n in range(16)]


def test_the_library_that_draws_is_never_loaded_here() -> None:
    assert run_limited(lambda: str("resvg_py" in __import__("sys").modules).encode(), LITTLE) == b"False"
    assert CHARTS.png(f"{HEAD}</svg>")
    assert run_limited(lambda: str("resvg_py" in __import__("sys").modules).encode(), LITTLE) == b"False"


def picture_file(folder: Path) -> Path:
    path = folder / "secret.png"
    path.write_bytes(CHARTS.png(f'{HEAD}<rect width="40" height="30" fill="red"/></svg>'))
    return path


@pytest.mark.parametrize(
    "element",
    [
        '<image href="{path}" width="40" height="30"/>',
        '<image xlink:href="{path}" width="40" height="30"/>',
        '<image href="file://{path}" width="40" height="30"/>',
        '<image href="secret.png" width="40" height="30"/>',
        '<image href="&#x2f;etc/passwd" width="40" height="30"/>',
        '<image href="http://127.0.0.1/x.png" width="40" height="30"/>',
        '<filter id="f"><feImage href="{path}"/></filter><rect width="40" height="30" filter="url(#f)"/>',
        '<use href="{path}#x"/>',
        '<image href="data:image/svg+xml;base64,{nested}" width="40" height="30"/>',
    ],
)
def test_a_picture_reads_no_file_and_no_address(tmp_path: Path, element: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = picture_file(tmp_path)
    nested = b64encode(f'{HEAD}<image href="{path}" width="40" height="30"/></svg>'.encode()).decode()
    with pytest.raises(ChartError, match=r"refers to .* write a picture into the SVG"):
        CHARTS.png(HEAD + element.format(path=path, nested=nested) + "</svg>")


def test_a_picture_within_the_svg_is_drawn(tmp_path: Path) -> None:
    held = b64encode(picture_file(tmp_path).read_bytes()).decode()
    drawn = CHARTS.png(f'{HEAD}<image href="data:image/png;base64,{held}" width="40" height="30"/></svg>')
    assert drawn != CHARTS.png(f"{HEAD}</svg>")


def test_an_entity_reads_no_file() -> None:
    doctype = '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    with pytest.raises(ChartError, match="has a DOCTYPE"):
        CHARTS.png(f"{doctype}{HEAD}<text>&x;</text></svg>")


@pytest.mark.parametrize(
    ("size", "why"),
    [
        ('width="6000"', "no side may be longer"),
        ('height="6000px"', "no side may be longer"),
        ('width="60in"', "write a plain number"),
        ('width="5e4"', "write a plain number"),
        ('width="600%"', "write a plain number"),
        ('font-size="900" width="50em"', "write a plain number"),
        (f'width="0{LARGEST_SIDE}.5"', "no side may be longer"),
    ],
)
def test_width_and_height_have_the_limit_of_the_view_box(size: str, why: str) -> None:
    with pytest.raises(ChartError, match=why):
        CHARTS.png(HEAD.replace("<svg", f"<svg {size}") + "</svg>")


@pytest.mark.parametrize("size", ['width="400" height="300px"', 'width="100%"', 'style="width: 6000px"'])
def test_a_sane_size_is_drawn(size: str) -> None:
    png = CHARTS.png(HEAD.replace("<svg", f"<svg {size}") + "</svg>")
    assert int.from_bytes(png[16:20]) <= 800


def large(count: int) -> str:
    blur = (
        '<filter id="b"><feGaussianBlur stdDeviation="300"/><feTurbulence baseFrequency="0.9" numOctaves="9"/></filter>'
    )
    rects = '<rect width="2000" height="2000" filter="url(#b)"/>' * count
    return HEAD.replace("0 0 40 30", "0 0 2000 2000") + blur + rects + "</svg>"


def test_a_picture_that_takes_too_much_is_ended_and_the_report_goes_out_without(
    write: Write, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("reporter.messages.rasterizer.BUDGET", LITTLE)
    caplog.set_level("INFO", "reporter")
    assert with_pictures(Message(), write(large(50), "x.svg.j2"), CHARTS, "x", {}) == Message()
    [record] = caplog.records
    assert "x goes out without its picture: it takes more than" in record.getMessage()


def test_a_picture_nested_so_deep_that_the_library_breaks_is_an_error() -> None:
    with pytest.raises(ChartError):
        CHARTS.png(HEAD + "<g>" * 200_000 + "</g>" * 200_000 + "</svg>")


def test_other_threads_go_on_while_a_picture_is_drawn() -> None:
    """The library holds the interpreter's lock as long as it draws: in here, nobody else would get a turn."""
    turns, over = 0, threading.Event()

    def turn() -> None:
        nonlocal turns
        while not over.wait(0.005):
            turns += 1

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        CHARTS.png(large(1))
    except ChartError:
        pass  # on a slow machine it takes too long
    finally:
        over.set()
        thread.join()
    assert turns > 5
