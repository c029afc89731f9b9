"""Renders SVG to PNG with resvg, each picture in a process of its own. The library is never loaded in this one."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from xml.parsers import expat

from reporter.errors import ChartError
from reporter.messages.limited_process import BoundsError, Budget, RefusedError, run_limited

log = logging.getLogger(__name__)

FONT_PACKAGE = "fontpkg_noto_sans"
FONT_FAMILY = "Noto Sans"
# What machines have, most often, when that package is missing.
_SYSTEM_FAMILIES = ("Noto Sans", "DejaVu Sans", "Liberation Sans", "Open Sans", "Roboto", "Arial", "Helvetica")
ZOOM = 2
"""Pixels for each unit of an SVG's viewBox: a picture 400 wide is sharp on screens of double density."""
LARGEST_SIDE = 2000
"""In units of the viewBox. A screen shows less, and the memory for more would be the machine's."""
LARGEST_PNG = 2 * 2**20
"""In bytes; our pictures have some tens of thousands."""

BUDGET = Budget(seconds=5.0, megabytes=256)
"""For one picture. Ours take a tenth of a second; a picture of the largest size has 64 MB of pixels."""
LARGEST_SVG = 2_000_000
"""In characters."""

LIBRARY = "resvg_py"
_NUMBER = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)(?:px)?\s*")
# What an SVG may refer to: a part of itself, or a picture that it holds. A file or an address is never read.
_MAY_REFER_TO = re.compile(r"\s*(#|data:image/(png|jpeg|gif|webp)[;,])")
# The writing that Noto Sans has: Latin, Greek, Cyrillic, and the punctuation, currencies and arrows beside them.
_ITS_WRITING = re.compile("[\\s!-\u052f\u1d00-\u1fff\u2000-\u206f\u20a0-\u20c0\u2100-\u218f\u2212]*")
_NO_FONT = "there is no font to write with: install fontpkg-noto-sans, or fonts-dejavu-core"
_SAMPLE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" font-family="sans-serif" font-size="8">{}</svg>'


class Rasterizer:
    """Makes pictures of SVG texts, always the same of the same.

    `fonts` are the files to write with, instead of those of the package that comes with the program; `system` says
    whether the machine's own may help out, with writing that ours do not have or where there are no others.
    `sans-serif` in an SVG is the font found. Safe to share among threads.
    """

    def __init__(self, fonts: Sequence[Path] | None = None, *, system: bool = True) -> None:
        self._given = fonts
        self._system = system

    @cached_property
    def trouble(self) -> str:
        """Why no picture can be drawn here and what to do; empty where they can be. The log hears of it once."""
        try:
            missing = find_spec(LIBRARY) is None
            why = f"the library that draws them is missing: pip install {LIBRARY}" if missing else ""
            why = why or ("" if self._family else _NO_FONT)
        except ChartError as error:
            why = f"the library that draws them fails: {error}"
        if why:
            log.warning("reports go out without their pictures: %s", why)
        return why

    def png(self, svg: str) -> bytes:
        """The picture as PNG, `ZOOM` pixels a unit of its viewBox.

        Raises ChartError for an SVG that cannot be read, refers to what it does not hold, is too large, or would take
        too much time, memory or bytes.
        """
        if self.trouble:
            raise ChartError(f"pictures cannot be drawn: {self.trouble}")
        if len(svg) > LARGEST_SVG:
            raise ChartError(f"the picture has {len(svg):,} characters of SVG, and may have {LARGEST_SVG:,}")
        family = self._family

        def drawn() -> bytes:
            _insist_on_safety(svg)
            return self._drawn(svg, family)

        content = _bounded(drawn)
        if len(content) > LARGEST_PNG:
            raise ChartError(f"the picture has {len(content):,} bytes: draw it smaller, or with fewer points")
        return content

    def _drawn(self, svg: str, family: str) -> bytes:
        import resvg_py

        ours = [str(path) for path in self._fonts]
        alone = bool(ours) and _ITS_WRITING.fullmatch(svg) is not None
        try:
            return bytes(
                resvg_py.svg_to_bytes(
                    svg_string=svg,
                    zoom=ZOOM,
                    font_files=ours,
                    skip_system_fonts=alone or not self._system,
                    font_family=family,
                    sans_serif_family=family,
                )
            )
        except BaseException as error:
            # A panic of the library is no Exception, and would end more than this picture.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise ChartError(f"the picture is no SVG that can be drawn: {error}") from None

    @cached_property
    def _fonts(self) -> list[Path]:
        if self._given is not None:
            return list(self._given)
        spec = find_spec(FONT_PACKAGE)
        folders = (spec.submodule_search_locations or ()) if spec else ()
        return [path for folder in folders for path in sorted(Path(folder).rglob("*.ttf")) if "Italic" not in path.name]

    @cached_property
    def _family(self) -> str:
        """The font that text appears in; empty where none does, which resvg passes over in silence."""
        families = (FONT_FAMILY,) if self._fonts else _SYSTEM_FAMILIES if self._system else ()

        def found() -> bytes:
            bare = self._drawn(_SAMPLE.format(""), "")
            written = _SAMPLE.format('<text y="8">M</text>')
            return next((family for family in families if self._drawn(written, family) != bare), "").encode()

        return _bounded(found).decode()


def _bounded(work: Callable[[], bytes]) -> bytes:
    """What comes of drawing in a process of its own. Raises ChartError."""
    try:
        return run_limited(work, BUDGET)
    except RefusedError as error:
        raise ChartError(str(error)) from None
    except BoundsError as error:
        raise ChartError(f"{error}: draw it smaller, or with fewer points") from None


def _insist_on_safety(svg: str) -> None:
    """Read the SVG as XML. Raises ChartError unless it has a size, a sane one, and refers to nothing outside itself."""
    root: dict[str, str] | None = None

    def begins(tag: str, attributes: dict[str, str]) -> None:
        nonlocal root
        if root is None:
            root = attributes if tag.rpartition(":")[2] == "svg" else {}
        for name, value in attributes.items():
            if name.rpartition(":")[2] == "href" and not _MAY_REFER_TO.match(value):
                raise ChartError(
                    f"<{tag[:40]}> refers to {value[:80]!r}: write a picture into the SVG as data:image/png;base64,…"
                )

    def has_doctype(*_: object) -> None:
        raise ChartError("the picture has a DOCTYPE: leave it out")

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.StartDoctypeDeclHandler = begins, has_doctype
    try:
        parser.Parse(svg.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise ChartError(f"the picture is no SVG that can be drawn: {error}") from None
    _insist_on_size(root or {})


def _insist_on_size(root: dict[str, str]) -> None:
    """An SVG without a size is drawn in one that nobody meant; one too large takes memory that the machine needs."""
    box = re.split(r"[\s,]+", root.get("viewBox", "").strip()[:100])
    if len(box) != 4:
        raise ChartError('the picture has no size: write <svg … viewBox="0 0 400 300">')
    for name, size in (
        ("viewBox", box[2]),
        ("viewBox", box[3]),
        ("width", root.get("width")),
        ("height", root.get("height")),
    ):
        if size is None or size.strip() == "100%":
            continue
        number = _NUMBER.fullmatch(size)
        if number is None:
            raise ChartError(f"the picture's {name} is {size[:40]!r}: write a plain number, such as 400")
        if not 0 < float(number[1]) <= LARGEST_SIDE:
            raise ChartError(
                f"the picture's {name} has a side of {size.strip()}: no side may be longer than {LARGEST_SIDE}"
            )
