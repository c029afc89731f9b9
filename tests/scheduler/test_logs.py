"""The log as the config says: its form, its levels, and a file within bounds."""

from __future__ import annotations

import json
import logging
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from reporter.app.app import opened
from reporter.app.home import FolderHome
from reporter.scheduler import logs
from reporter.scheduler.logs import LogSettings
from tests.support.clocks import HandClock

log = logging.getLogger("reporter.delivery.worker")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """The log of the other tests."""
    root, ours = logging.getLogger(), logging.getLogger("reporter")
    kept = list(root.handlers), root.level, ours.level
    yield
    logs.configure(LogSettings())
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = kept[0]
    root.setLevel(kept[1])
    ours.setLevel(kept[2])


def test_a_line_of_json_has_its_run_job_and_period(tmp_path: Path) -> None:
    logs.configure(LogSettings(format="json", file=tmp_path / "log"))
    with logs.run_named("1a2b3c4d", "daily_summary", "2026-10-30"):
        log.warning("line one\nline two of %s", "https://discord.com/api/webhooks/123456789012345678/" + "aB3" * 22)
    found = json.loads((tmp_path / "log").read_text())
    assert (found["level"], found["run"], found["job"]) == ("WARNING", "1a2b3c4d", "daily_summary")
    assert (found["period"], found["logger"]) == ("2026-10-30", "reporter.delivery.worker")
    assert found["message"].startswith("line one\nline two of ")
    assert "aB3aB3" not in found["message"]
    assert "error" not in found


def test_an_error_in_json_is_one_line_and_masked(tmp_path: Path) -> None:
    logs.configure(LogSettings(format="json", file=tmp_path / "log"))
    log.error("it failed", exc_info=RuntimeError("postgresql://me:geheim-1234567@host/db"))
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert "RuntimeError" in json.loads(line)["error"]
    assert "geheim" not in line


def test_a_package_has_its_own_level_until_the_config_says_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "log"
    logs.configure(LogSettings(level="WARNING", levels={"delivery": "DEBUG"}, file=file))
    log.debug("shown")
    logging.getLogger("reporter.store").info("hidden")
    logs.configure(LogSettings(level="WARNING", file=file))
    log.debug("hidden too")
    assert [line.rpartition("] ")[2] for line in file.read_text().splitlines()] == ["shown"]


def test_a_file_is_its_owners_alone_and_put_aside_when_it_is_full(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "reporter.log"
    logs.configure(LogSettings(file=file, max_size=10_000, keep=2))
    for number in range(400):
        log.warning("%s %s", number, "x" * 60)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in file.parent.iterdir()) == ["reporter.log", "reporter.log.1", "reporter.log.2"]
    assert sum(path.stat().st_size for path in file.parent.iterdir()) <= 30_000


def test_a_file_that_cannot_be_written_leaves_the_log_on_standard_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").symlink_to(tmp_path / "elsewhere")
    logs.configure(LogSettings(file=tmp_path / "there"))
    log.warning("still heard")
    said = capfd.readouterr().err
    assert "the log goes to standard error" in said
    assert "still heard" in said
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("written", "environ", "level", "file"),
    [
        ("", {}, "INFO", None),
        ("", {"LOG_LEVEL": "debug", "LOG_FILE": "state/a.log"}, "DEBUG", "state/a.log"),
        ("log: {level: ERROR, file: state/b.log}", {"LOG_LEVEL": "debug", "LOG_FILE": "a"}, "ERROR", "state/b.log"),
        ("", {"LOG_LEVEL": "loud"}, "INFO", None),
    ],
)
def test_the_config_goes_before_the_environment(
    tmp_path: Path, written: str, environ: dict[str, str], level: str, file: str | None
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "reporter.yaml").write_text(f"version: 1\nchannels: {{s: {{kind: console}}}}\n{written}\n")
    runtime = FolderHome(tmp_path, clock=HandClock(), environ={"HOME": str(tmp_path), **environ}).build()
    assert (runtime.log.level, runtime.log.file) == (level, tmp_path / file if file else None)
    runtime.close()


@pytest.mark.parametrize(
    ("written", "environ", "size", "keep"),
    [
        ("", {}, 10_000_000, 5),
        ("", {"LOG_MAX_SIZE_MB": "20", "LOG_BACKUP_COUNT": "3"}, 20_000_000, 3),
        ("log: {max_size: 10 MB, keep: 5}", {"LOG_MAX_SIZE_MB": "20", "LOG_BACKUP_COUNT": "3"}, 10_000_000, 5),
        ("", {"LOG_MAX_SIZE_MB": "0", "LOG_BACKUP_COUNT": "-1"}, 10_000_000, 5),
        ("", {"LOG_MAX_SIZE_MB": "many", "LOG_BACKUP_COUNT": "²"}, 10_000_000, 5),
    ],
)
def test_a_file_is_as_large_as_the_config_or_the_environment_says(
    tmp_path: Path, written: str, environ: dict[str, str], size: int, keep: int
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "reporter.yaml").write_text(
        f"version: 1\nstore: env:DATABASE_PATH\nchannels: {{s: {{kind: console}}}}\n{written}\n"
    )
    given = {"HOME": str(tmp_path), "DATABASE_PATH": str(tmp_path / "plans.db"), **environ}
    home = FolderHome(tmp_path, clock=HandClock(), environ=given)
    with opened(home) as app:
        assert (app.runtime.log.max_size, app.runtime.log.keep) == (size, keep)
    assert (tmp_path / "plans.db").exists()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        found.bind(str(tmp_path / "journal"))
        found.settimeout(30)
        yield found


def started(tmp_path: Path, stack: ExitStack) -> Path:
    """Log to a file that systemd says leads to its journal."""
    stream = stack.enter_context((tmp_path / "stderr").open("w"))
    at = os.fstat(stream.fileno())
    logs.start("INFO", stream, {"JOURNAL_STREAM": f"{at.st_dev}:{at.st_ino}"}, tmp_path / "journal")
    return tmp_path / "stderr"


def read_entry(data: bytes) -> dict[str, str]:
    """An entry by systemd.io/JOURNAL_NATIVE_PROTOCOL, every field with its length."""
    found = {}
    while data:
        name, _, rest = data.partition(b"\n")
        end = 8 + int.from_bytes(rest[:8], "little")
        assert rest[end : end + 1] == b"\n"
        found[name.decode()], data = rest[8:end].decode(), rest[end + 1 :]
    return found


def test_the_journal_gets_fields(tmp_path: Path, journal: socket.socket) -> None:
    with ExitStack() as stack:
        lines = started(tmp_path, stack)
        with logs.run_named("1a2b3c4d", "daily_summary", "2026-10-30"), logs.request_named("r-1"):
            log.warning("one\ntwo, \x1b[31m")
    entry = read_entry(journal.recv(65536))
    assert "one\ntwo" in entry["MESSAGE"]
    assert "\x1b" not in entry.pop("MESSAGE")
    assert entry == {
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "reporter",
        "LOGGER": "reporter.delivery.worker",
        "REPORTER_RUN": "1a2b3c4d",
        "REPORTER_REQUEST": "r-1",
        "REPORTER_JOB": "daily_summary",
        "REPORTER_PERIOD": "2026-10-30",
    }
    assert lines.read_text() == ""


def test_what_the_journal_does_not_take_is_a_line(tmp_path: Path, journal: socket.socket) -> None:
    with ExitStack() as stack:
        lines = started(tmp_path, stack)
        journal.close()
        (tmp_path / "journal").unlink()
        log.warning("still heard")
    assert lines.read_text() == "<4>WARNING [-] still heard\n"


def test_a_line_of_a_request_has_its_id(tmp_path: Path) -> None:
    logs.configure(LogSettings(format="json", file=tmp_path / "log"))
    with logs.request_named("r-1"):
        log.warning("refused")
    assert json.loads((tmp_path / "log").read_text())["request"] == "r-1"
    logs.configure(LogSettings(file=tmp_path / "text"))
    with logs.request_named("r-1"):
        log.warning("refused")
    assert "[r-1] refused" in (tmp_path / "text").read_text()
