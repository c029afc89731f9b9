"""Draws the pictures of docs/ anew: `python -m tests.pictures`. It needs Chromium and an emoji font."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from PIL import Image, ImageChops

from reporter.app import demo
from reporter.cli.preview import PAGE
from reporter.delivery.outlets.html_preview import to_html
from reporter.messages.message import Attachment, Message
from reporter.messages.rasterizer import Rasterizer
from tests import chat_pictures
from tests.jobs.floor import floor, reports
from tests.jobs.test_health_probe import TROUBLED
from tests.support.paths import DOCS

NOW = "2026-11-16 00:05:00"
REPORTS = ("daily_summary", "weekly_report", "weekly_leaderboard", "monthly_report")
# CSS pixels: an embed in Discord is about as wide. Each is drawn by two pixels.
WIDTH, TALLEST, DENSITY, MARGIN = 500, 3600, 2, 16
COLOURS = 128


def messages() -> Iterator[tuple[str, Message]]:
    """Each picture's name and message."""
    with tempfile.TemporaryDirectory(prefix="reporter-pictures-") as folder:
        path = Path(folder) / "floor.sqlite"
        demo.make(path, datetime.fromisoformat(NOW).replace(tzinfo=UTC))
        ledger = floor(path, starting=demo.STARTING_BALANCES)
        for name in REPORTS:
            drawn: list[list[str]] = []
            [(_, message)] = reports(name, ledger, NOW, drawn=drawn)
            picture = Attachment(f"{name}.png", Rasterizer().png(drawn[0][0]), shown=True)
            yield name, replace(message, attachments=(picture,))
    yield "health-board", TROUBLED.message()


def photograph(page: str, path: Path, width: int = WIDTH) -> None:
    """A page of HTML, so many CSS pixels wide, without what is empty below it."""
    with tempfile.TemporaryDirectory(prefix="reporter-pictures-") as folder:
        file, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        file.write_text(f"{page}</body></html>", "utf-8")
        browser = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", f"--screenshot={shot}"]
        size = [f"--window-size={width},{TALLEST}", f"--force-device-scale-factor={DENSITY}"]
        subprocess.run([*browser, *size, file.as_uri()], check=True, capture_output=True)
        with Image.open(shot) as opened:
            whole = opened.convert("RGB")
    empty = Image.new("RGB", whole.size, whole.getpixel((1, whole.height - 1)))
    _, _, _, bottom = ImageChops.difference(whole, empty).getbbox() or (0, 0, 0, whole.height)
    cut = whole.crop((0, 0, whole.width, min(whole.height, bottom + MARGIN * DENSITY)))
    cut.quantize(COLOURS).save(path, optimize=True)


def main() -> None:
    """With `chat` only the pictures of chat."""
    random.seed(1)
    made = ((name, WIDTH, f"{PAGE}{to_html(message, ZoneInfo('UTC'))}") for name, message in messages())
    for name, width, page in (*(() if sys.argv[1:] == ["chat"] else made), *chat_pictures.pages(PAGE)):
        path = DOCS / f"{name}.png"
        photograph(page, path, width)
        print(f"{path.name}: {path.stat().st_size // 1024} KiB", file=sys.stderr)


if __name__ == "__main__":
    main()
