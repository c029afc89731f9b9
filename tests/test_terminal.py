"""Names and errors that others have written, in our log and on our terminal."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from reporter import logs
from reporter.alert_commands import run_explain, run_silence
from reporter.commands import complain
from tests.alerts.floor import floor, options

EVIL = "bot\n2026-10-30 14:00:00,000 INFO    [-] all is well\x1b[2J\u202e\x9b1A"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root, ours = logging.getLogger(), logging.getLogger("reporter")
    before = root.handlers[:], root.level, ours.level
    written = io.StringIO()
    logs.start(stream=written)
    yield written
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


def harmless(text: str) -> bool:
    return not set(text) & set("\x1b\x9b\u202e\r")


def test_no_name_passes_for_a_line_of_the_log_or_steers_who_reads_it(log: io.StringIO) -> None:
    logging.getLogger("reporter.some").error("%s: refused", EVIL)
    first, second = log.getvalue().splitlines()
    assert second.startswith("    2026-10-30 14:00:00,000 INFO")
    assert harmless(first + second)


def test_an_error_that_is_logged_with_its_way_hides_secrets_and_is_set_in(log: io.StringIO) -> None:
    logs.hide(["hunter2hunter2"])
    try:
        int(f"hunter2hunter2 {EVIL}")
    except ValueError:
        logging.getLogger("reporter.some").exception("it failed")
    assert "hunter2" not in log.getvalue()
    assert harmless(log.getvalue())
    assert all(line.startswith("    ") for line in log.getvalue().splitlines()[1:])


def test_no_error_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    complain(EVIL)
    assert harmless(capsys.readouterr().err)


def test_no_reason_of_a_silence_steers_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with floor(tmp_path, {"db": ""}) as stage:
        stage.passes(minutes=1)
        given = options(pattern="probe/db", span="1h", reason=EVIL, by=EVIL, end=False)
        run_silence(stage.stage.app, given)
        stage.down("db")
        stage.passes(minutes=4)
        run_explain(stage.stage.app, options(subject="db", at=None))
        run_explain(stage.stage.app, options(subject=None, at=None))
    said = capsys.readouterr().out
    assert "bot⏎2026" in said
    assert harmless(said)
