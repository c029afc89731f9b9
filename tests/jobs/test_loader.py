"""Finding and loading jobs: homes over homes, broken files, edits."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from reporter.jobs.loader import Catalog, fingerprint, load_catalog, stock_home

JOB = '''
from reporter import job

@job(covers="yesterday", schedule="daily at 00:00")
def {name}(ctx):
    """{doc}"""
    return []
'''


def write(home: Path, file: str, text: str) -> Path:
    path = home / "jobs" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_job(home: Path, name: str, doc: str = "One line.") -> Path:
    return write(home, f"{name}.py", JOB.format(name=name, doc=doc))


def problem_of(home: Path) -> str:
    """What is said of the only broken file, without the folder's name."""
    (problem,) = load_catalog([home]).problems
    return str(problem).replace(f"{home}{os.sep}", "")


def docs(catalog: Catalog) -> dict[str, str]:
    return {name: job.doc for name, job in catalog.jobs.items()}


def test_a_job_is_known_by_its_file(tmp_path: Path) -> None:
    path = write_job(tmp_path, "pulse")
    catalog = load_catalog([tmp_path])
    assert (catalog.jobs["pulse"].origin, catalog.jobs["pulse"].stock) == (path, False)
    assert catalog.problems == ()


def test_a_job_of_the_users_home_hides_its_stock_namesake(tmp_path: Path) -> None:
    own, stock = tmp_path / "own", tmp_path / "stock"
    write_job(own, "pulse", "Mine.")
    write_job(stock, "pulse", "Theirs.")
    write_job(stock, "other", "Theirs.")
    assert docs(load_catalog([own, stock])) == {"other": "Theirs.", "pulse": "Mine."}


def test_the_jobs_that_come_with_the_program_are_marked_so() -> None:
    jobs = load_catalog([stock_home()]).jobs.values()
    assert jobs
    assert all(job.stock for job in jobs)


def test_a_home_without_jobs_is_an_empty_catalog(tmp_path: Path) -> None:
    assert load_catalog([tmp_path]).jobs == {}


def test_files_that_begin_with_an_underscore_or_a_dot_are_not_jobs(tmp_path: Path) -> None:
    write(tmp_path, "_shared.py", "1/0")
    write(tmp_path, ".#lock.py", "1/0")
    assert load_catalog([tmp_path]).problems == ()


def test_a_broken_job_is_one_problem_and_the_others_load(tmp_path: Path) -> None:
    write_job(tmp_path, "good")
    write(tmp_path, "bad.py", "from reporter import job\n\nlimit = 1 / 0\n")
    catalog = load_catalog([tmp_path])
    assert list(catalog.jobs) == ["good"]
    assert catalog.broken == {"bad"}
    assert problem_of(tmp_path) == "jobs/bad.py:3: ZeroDivisionError: division by zero\n    limit = 1 / 0"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def x(:\n", "jobs/pulse.py:1:7: this is not Python: invalid syntax\n    def x(:\n          ^"),
        ("import nowhere\n", "jobs/pulse.py:1: ModuleNotFoundError: No module named 'nowhere'"),
        ("raise SystemExit(3)\n", "jobs/pulse.py:1: SystemExit: 3"),
        ("x = 1\n", "jobs/pulse.py: this file declares no job"),
        (JOB.format(name="puls", doc=""), "jobs/pulse.py:4: the job is called `puls` and its file `pulse.py`"),
        (
            JOB.format(name="a", doc="") + JOB.format(name="b", doc=""),
            "jobs/pulse.py: this file declares 2 jobs: `a`, `b`",
        ),
        (
            JOB.format(name="pulse", doc="").replace("yesterday", "yestrday"),
            "jobs/pulse.py:4: ValueError: covers='yestrday' is not known; write",
        ),
        ("token = 'MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ' + 1\n", "jobs/pulse.py:1: TypeError: can only concatenate"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, "pulse.py", text)
    assert problem_of(tmp_path).startswith(said)
    assert "MTk4NjIyNDgzNDcxOTI1MjQ4" not in problem_of(tmp_path)


def test_a_file_without_a_job_says_what_to_write(tmp_path: Path) -> None:
    write(tmp_path, "my-pulse.py", "")
    assert '@job(covers="yesterday", schedule="daily at 00:00")` above `def my_pulse(ctx):`' in problem_of(tmp_path)


def test_the_line_shown_is_that_of_the_jobs_file_and_not_of_what_it_calls(tmp_path: Path) -> None:
    write(tmp_path, "pulse.py", "import json\n\njson.loads('{')\n")
    assert problem_of(tmp_path).startswith("jobs/pulse.py:3: JSONDecodeError: ")


def test_an_edit_in_the_same_second_and_of_the_same_size_is_seen(tmp_path: Path) -> None:
    path = write_job(tmp_path, "pulse", "One.")
    before, seen = docs(load_catalog([tmp_path])), fingerprint([tmp_path])
    stamp = path.stat().st_mtime_ns
    write_job(tmp_path, "pulse", "Two.")
    os.utime(path, ns=(stamp, stamp))
    assert (before, docs(load_catalog([tmp_path]))) == ({"pulse": "One."}, {"pulse": "Two."})
    assert fingerprint([tmp_path]) != seen


def test_the_fingerprint_follows_each_file_and_nothing_else(tmp_path: Path) -> None:
    write_job(tmp_path, "pulse")
    seen = load_catalog([tmp_path]).fingerprint
    (tmp_path / "jobs" / "notes.txt").write_text("not a job")
    assert fingerprint([tmp_path]) == seen
    other = write_job(tmp_path, "other")
    assert fingerprint([tmp_path]) != seen
    other.unlink()
    assert fingerprint([tmp_path]) == seen


def test_loading_leaves_no_bytecode_and_no_public_module_behind(tmp_path: Path) -> None:
    write_job(tmp_path, "pulse")
    load_catalog([tmp_path])
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == ["pulse.py"]
    assert "pulse" not in sys.modules


def test_two_homes_jobs_of_one_name_do_not_meet(tmp_path: Path) -> None:
    for home in ("a", "b"):
        write_job(tmp_path / home, "pulse", f"{home}.")
    first, second = (load_catalog([tmp_path / home]).jobs["pulse"] for home in ("a", "b"))
    assert first.function.__module__ != second.function.__module__


def test_annotations_of_a_jobs_own_types_are_resolved(tmp_path: Path) -> None:
    text = """
from __future__ import annotations
from dataclasses import dataclass
from reporter import Params, job

@dataclass
class Row:
    name: str

class Mine(Params):
    rows: list[Row] = []

@job(covers="today", schedule="every 5m", params=Mine)
def pulse(ctx):
    return []
"""
    write(tmp_path, "pulse.py", text)
    catalog = load_catalog([tmp_path])
    assert catalog.problems == ()
    assert catalog.jobs["pulse"].params.model_validate({"rows": [{"name": "x"}]}) is not None


def test_the_example_of_the_readme_loads(tmp_path: Path) -> None:
    text = '''"""Where the day stands, every five minutes."""
from collections.abc import Iterator
from reporter import Context, Report, job

@job(covers="today", schedule="every 5m")
def pnl_pulse(ctx: Context) -> Iterator[Report]:
    yield Report(books=ctx.ledger.performance(ctx.period), slot="pnl")
'''
    write(tmp_path, "pnl_pulse.py", text)
    found = load_catalog([tmp_path]).jobs["pnl_pulse"]
    assert (found.schedule, found.doc) == ("every 5m", "Where the day stands, every five minutes.")
