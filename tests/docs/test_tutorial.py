"""The tutorial is done as it is written: its files saved, its commands given, what it promises seen."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks_of
from tests.support.discord.local import LocalDiscord
from tests.support.paths import DOCS

PROGRAMS = Path(sys.executable).parent


def is_promised(line: str, output: str) -> bool:
    """Whether an output has a line that the tutorial shows; `…` stands for anything."""
    return bool(re.search(".*".join(map(re.escape, line.split("…"))), output))


class Reader:
    """Somebody who does what the tutorial says, in a folder of their own."""

    def __init__(self, folder: Path, discord: LocalDiscord) -> None:
        self.folder, self.discord = folder, discord
        self.output = ""
        self.environ = {
            "HOME": str(folder),
            "PATH": f"{PROGRAMS}:{os.defpath}",
            "WEBHOOK": discord.webhook("reports"),
            "PYTHONPATH": str(DOCS.parent),
        }
        self.daemon: subprocess.Popen[bytes] | None = None

    def does(self, block: Block) -> None:
        if block.language == "text":
            missing = [line for line in block.text.splitlines() if not is_promised(line, self.output)]
            assert not missing, f"{block}: not in {self.output}"
        elif block.file:
            self._saves(block)
        elif block.language == "sh":
            self._gives(block)

    def _saves(self, block: Block) -> None:
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        more = f'discord: {{base_url: "{self.discord.base_url}"}}\n' if path.suffix == ".yaml" else ""
        path.write_text(block.text + more)

    def _gives(self, block: Block) -> None:
        if block.text.strip().endswith(" run"):
            self.daemon = subprocess.Popen(["sh", "-c", f"exec {block.text}"], cwd=self.folder, env=self.environ)
            return
        done = subprocess.run(
            ["sh", "-e"],
            input=block.text,
            cwd=self.folder,
            env=self.environ,
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )
        self.output = done.stdout + done.stderr
        assert done.returncode == 0, f"{block}: {self.output}"


@contextmanager
def reader(folder: Path, discord: LocalDiscord) -> Iterator[Reader]:
    made = Reader(folder, discord)
    try:
        yield made
    finally:
        if made.daemon:
            made.daemon.send_signal(signal.SIGTERM)
            made.daemon.wait(30)


@pytest.mark.full
def test_the_tutorial_works_as_it_is_written(tmp_path: Path, discord: LocalDiscord) -> None:
    _install, *steps = [block for block in blocks_of(DOCS / "tutorial.md") if block.language != "toctree"]
    with reader(tmp_path, discord) as person:
        for block in steps:
            person.does(block)
        shown = [message.title for message in discord.messages("reports")]
    assert any("Daily" in text for text in shown), shown
    assert (tmp_path / "trades.csv").read_text().count("\n") > 24
