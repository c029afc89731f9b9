"""Pictures of plans are kept without what else they carry, within hard bounds."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from reporter.inbox.plan_pictures import LARGEST_PICTURE, safe_chart
from reporter.plans.notebook import PlanRefusedError


def picture(form: str = "PNG", size: tuple[int, int] = (8, 6), **options: object) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, (10, 20, 30)).save(written, form, **options)
    return written.getvalue()


def empty_png(width: int, height: int) -> bytes:
    """A PNG that says how large it is and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("form", "kind", "name"),
    [("PNG", "image/png", "my.png"), ("JPEG", "image/jpeg", "my.jpg"), ("WEBP", "image/webp", "my.webp")],
)
def test_the_kind_is_that_of_the_bytes(form: str, kind: str, name: str) -> None:
    chart = safe_chart("../my.gif", picture(form))
    assert (chart.kind, chart.name) == (kind, name)
    with Image.open(io.BytesIO(chart.content)) as kept:
        assert kept.size == (8, 6)


def test_a_place_in_a_photograph_is_not_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "my home: 52.52, 13.40"
    given = picture("JPEG", exif=exif, comment=b"my home")
    assert b"my home" in given
    assert b"my home" not in safe_chart("a.jpg", given).content


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.png is no PNG, JPEG or WebP picture"),
        (b"GIF89a" + b"\0" * 30, "a.png is no PNG, JPEG or WebP picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 30, r"a.png cannot be kept: it cannot be read as PNG"),
        (picture()[:45], r"a.png cannot be kept: it cannot be read as PNG"),
        (empty_png(30_000, 30_000), "a.png cannot be kept: it"),
        (b"\xff\xd8\xff" + b"\0" * LARGEST_PICTURE, "a.png is larger than 10 MB"),
    ],
    ids=["svg", "gif", "broken", "cut off", "bomb", "large"],
)
def test_what_is_no_safe_picture_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(PlanRefusedError, match=why.replace(".png", r"\.png")):
        safe_chart("a.png", content)
