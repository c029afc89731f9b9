"""Renders SVG to PNG with resvg. The first picture loads the library, not before."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from reporter.errors import ChartError

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

_ROOT = re.compile(r"<svg\b[^>]*>")
_BOX = re.compile(r"""viewBox\s*=\s*["']\s*\S+\s+\S+\s+(\d+(?:\.\d+)?)\s+(\d+(?:\.\d+)?)\s*["']""")
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
            why = "" if self._family else _NO_FONT
        except ImportError:
            why = "the library that draws them is missing: pip install resvg_py"
        if why:
            log.warning("reports go out without their pictures: %s", why)
        return why

    def png(self, svg: str) -> bytes:
        """The picture as PNG, `ZOOM` pixels a unit of its viewBox.

        Raises ChartError for an SVG that cannot be read, is too large or would take too many bytes.
        """
        if self.trouble:
            raise ChartError(f"pictures cannot be drawn: {self.trouble}")
        _insist_on_size(svg)
        content = self._drawn(svg, self._family)
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
        bare = self._drawn(_SAMPLE.format(""), "")
        written = _SAMPLE.format('<text y="8">M</text>')
        return next((family for family in families if self._drawn(written, family) != bare), "")


def _insist_on_size(svg: str) -> None:
    """An SVG without a size is drawn in one that nobody meant; one too large takes memory that the machine needs."""
    root = _ROOT.search(svg)
    box = _BOX.search(root[0]) if root else None
    if box is None:
        raise ChartError('the picture has no size: write <svg … viewBox="0 0 400 300">')
    if not all(0 < float(side) <= LARGEST_SIDE for side in box.groups()):
        raise ChartError(f"the picture is {box[1]} by {box[2]}: no side may be longer than {LARGEST_SIDE}")
