"""Foreign names and errors in our log and in our terminal."""

import argparse
import io
import logging
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from select import select

import pytest

from reporter.alerts.model import Level, Observation
from reporter.cli import uptime as uptime_command
from reporter.cli.alerts import run_explain, run_silence
from reporter.cli.terminal import complain
from reporter.scheduler import logs
from reporter.secret import learn
from reporter.store import incidents, uptime
from tests.notify.alert_home import floor, options
from tests.support.paths import ROOT
from tests.support.processes import reporter
from tests.support.stage import Stage
from tests.trading.ledger.databases import native_sqlite

EVIL = "bot\n2026-10-30 14:00:00,000 INFO    [-] all is well\x1b[2J\u202e\x9b1A"


@pytest.fixture
def log() -> io.StringIO:
    written = io.StringIO()
    logs.start(stream=written)
    return written


def harmless(text: str) -> bool:
    return not set(text) & set("\x1b\x9b\u202e\r")


def test_a_line_of_the_log_says_when_with_its_offset(log: io.StringIO) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    logging.getLogger("reporter.some").info("all is well")
    moment, _, words = log.getvalue().partition(" ")
    assert before <= datetime.fromisoformat(moment) <= datetime.now(UTC)
    assert words == "INFO    [-] all is well\n"


@pytest.mark.parametrize(("named", "begins"), [(True, "<3>ERROR   [-] "), (False, "20")])
def test_the_journal_gets_levels_instead_of_times(log: io.StringIO, tmp_path: Path, named: bool, begins: str) -> None:
    with (tmp_path / "journal").open("w") as stream:
        place = os.fstat(stream.fileno())
        logs.start(stream=stream, environ={"JOURNAL_STREAM": f"{place.st_dev}:{place.st_ino + (not named)}"})
        logging.getLogger("reporter.some").error(EVIL)
    first, second = (tmp_path / "journal").read_text().splitlines()
    assert first.startswith(begins)
    assert second.startswith("<3>    2026-10-30" if named else "    2026-10-30")


def test_no_name_passes_for_a_line_of_the_log_or_steers_who_reads_it(log: io.StringIO) -> None:
    logging.getLogger("reporter.some").error("%s: refused", EVIL)
    first, second = log.getvalue().splitlines()
    assert second.startswith("    2026-10-30 14:00:00,000 INFO")
    assert harmless(first + second)


def test_an_error_that_is_logged_with_its_way_hides_secrets_and_is_set_in(log: io.StringIO) -> None:
    learn("hunter2hunter2")
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


def test_the_end_of_a_silence_steers_no_terminal(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    app = stage.on_screen("  health_probe:").app
    with app.store.begin() as connection:
        now = app.clock.wall()
        incidents.add_silence(connection, EVIL, now, now.replace(year=2027), "", "anna")
    run_silence(app, options(pattern=EVIL, end=True))
    said = capsys.readouterr().out
    assert said.startswith("the silence of bot⏎2026")
    assert harmless(said)


def test_no_subject_steers_the_terminal_that_shows_its_uptime(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    app = stage.on_screen("  health_probe:").app
    for name in ("db", EVIL):
        for _ in range(2):
            with app.store.begin() as connection:
                uptime.record(connection, [Observation(f"probe/{name}", Level.OK, value="5\x1b")], app.clock.wall())
            stage.clock.forward(minutes=1)
        uptime_command.run(app, argparse.Namespace(subject=None, month=None))
        uptime_command.run(app, argparse.Namespace(subject=f"{name[:2]}*", month=None))
    said = capsys.readouterr().out
    assert "probe/bot⏎2026" in said
    assert harmless(said)


EXPORTED = """\
version: 1
store: env:STORE
ledgers: {bot: {kind: native, url: env:BOT}}
channels: {screen: {kind: console}}
"""


@pytest.mark.parametrize("form", ["csv", "json"])
def test_exported_names_steer_no_terminal_and_are_exact_elsewhere(stage: Stage, tmp_path: Path, form: str) -> None:
    bot = native_sqlite(tmp_path)
    bot.trade(1, "2026-10-30 12:00:00", agent=EVIL)
    stage.environ["BOT"] = bot.url
    stage.write("config/reporter.yaml", EXPORTED)
    command = ["export", "trades", "--from", "2026-10-01", "--format", form]
    assert not harmless(reporter(stage, *command).stdout)
    shown = on_a_terminal(stage, *command)
    assert "bot⏎2026-10-30 14:00:00,000 INFO    [-] all is well␛[2J\ufffd1A" in shown
    assert harmless(shown.replace("\r\r\n", "\n").replace("\r\n", "\n"))


def on_a_terminal(stage: Stage, *arguments: str) -> str:
    """What a command writes where its output is a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-W", "error", "-m", "reporter", "--home", str(stage.folder), *arguments]
    environ = {"PATH": os.environ["PATH"], **stage.environ}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=theirs, stderr=subprocess.PIPE) as process:
        os.close(theirs)
        said = b""
        while (heard := read(ours)) or process.poll() is None:
            said += heard
    os.close(ours)
    return said.decode()


def read(terminal: int) -> bytes:
    """What is there; nothing when the other side is gone, which Linux tells by an error."""
    try:
        return os.read(terminal, 65536) if select([terminal], [], [], 0.1)[0] else b""
    except OSError:
        return b""


@pytest.mark.parametrize(("encoding", "command"), [("ascii", "check"), ("ascii", "schema"), ("latin-1", "check")])
def test_a_terminal_that_is_not_utf8_gets_question_marks(stage: Stage, encoding: str, command: str) -> None:
    stage.write("config/reporter.yaml", "version: 1\nchannels: {screen: {kind: console}}\njobs: {}\n")
    stage.environ |= {"PYTHONIOENCODING": encoding}
    done = reporter(stage, command)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("? " if command == "check" else "{")


def test_no_command_leaves_a_temporary_folder(tmp_path: Path) -> None:
    kept, scratch = tmp_path / "kept", tmp_path / "tmp"
    scratch.mkdir()
    stage = Stage(kept)
    stage.environ = {"HOME": str(tmp_path), "TMPDIR": str(scratch)}
    shown = reporter(stage, "demo", "--once", "daily_summary", "--keep", str(kept))
    assert "kept/pictures/" in "".join(shown.stdout.split("▌")).replace("\n", "").replace(" ", "")
    assert "daily_summary.png (" in reporter(stage, "preview", "daily_summary").stdout
    reporter(stage, "preview", "daily_summary", "--pictures", str(tmp_path / "here"))
    assert reporter(stage, "demo", "--once", "daily_summary").returncode == 0
    assert list(scratch.iterdir()) == []
    assert len(list((tmp_path / "here").glob("*daily_summary.png"))) == 1
