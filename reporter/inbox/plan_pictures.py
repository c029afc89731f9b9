"""Pictures of plans, made safe: decoded and encoded anew, without metadata, in a child process with hard limits."""

from __future__ import annotations

import io
from pathlib import PurePath

from reporter.errors import ReporterError
from reporter.messages.limited_process import BoundsError, Budget, RefusedError, run_limited
from reporter.plans.model import PlanChart
from reporter.plans.notebook import PlanRefusedError
from reporter.secret import without_surrogates

LARGEST_PICTURE = 10_000_000
"""Bytes of a picture as it comes in; Discord takes 10 MB without a boosted server."""
MOST_PIXELS = 40_000_000
_BUDGET = Budget(seconds=10, megabytes=600)
_KINDS = {"PNG": ("image/png", ".png"), "JPEG": ("image/jpeg", ".jpg"), "WEBP": ("image/webp", ".webp")}
_MAGIC = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}


def safe_chart(name: str, content: bytes) -> PlanChart:
    """A picture as it is kept: PNG, JPEG or WebP by its first bytes, never by its name. Raises PlanRefusedError."""
    shown = without_surrogates(PurePath(name).name)[:100] or "picture"
    if len(content) > LARGEST_PICTURE:
        raise PlanRefusedError(f"{shown} is larger than {LARGEST_PICTURE // 1_000_000} MB")
    form = _form(content)
    if form is None:
        raise PlanRefusedError(f"{shown} is no PNG, JPEG or WebP picture")
    try:
        encoded = run_limited(lambda: _encoded(content, form), _BUDGET)
    except (BoundsError, RefusedError) as error:
        raise PlanRefusedError(f"{shown} cannot be kept: {error}") from None
    kind, suffix = _KINDS[form]
    return PlanChart(PurePath(shown).stem[:90] + suffix, kind, encoded)


def _form(content: bytes) -> str | None:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    return next((form for magic, form in _MAGIC.items() if content.startswith(magic)), None)


def _encoded(content: bytes, form: str) -> bytes:
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415 - loaded only for a picture
    except ImportError:
        raise ReporterError("pictures need Pillow: pip install 'reporter[plans]'") from None
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        with Image.open(io.BytesIO(content), formats=(form,)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise ReporterError(f"it has more than {MOST_PIXELS // 1_000_000} megapixels")
            turned = ImageOps.exif_transpose(picture)
            plain = turned.convert("RGB" if form == "JPEG" else "RGBA" if "A" in turned.getbands() else "RGB")
    except (Image.DecompressionBombError, UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ReporterError(f"it cannot be read as {form} ({error})") from None
    bare = Image.new(plain.mode, plain.size)
    bare.paste(plain)
    written = io.BytesIO()
    bare.save(written, form, quality=90)
    return written.getvalue()
