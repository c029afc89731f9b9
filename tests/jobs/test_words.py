"""The public face for job files: few words for everyone, the kit for the stock jobs' own, and every older word."""

from __future__ import annotations

from pathlib import Path

import pytest

import reporter
from reporter.jobs import api, kit
from reporter.jobs.loader import load_catalog
from reporter.jobs.old_words import OLD_WORDS
from tests.words import PAGE, page

# Every word that `reporter` offered before the kit existed.
WORDS_OF_OLD_JOB_FILES = [
    "Affairs",
    "Agent",
    "AlertState",
    "BoardParams",
    "Book",
    "Bounds",
    "By",
    "Carriers",
    "Change",
    "Context",
    "Course",
    "ENOUGH_DAYS",
    "Gauge",
    "Goals",
    "Grading",
    "Host",
    "LIMIT_MEASURES",
    "LedgerError",
    "LedgerHealth",
    "Level",
    "LimitParams",
    "Limits",
    "Line",
    "Look",
    "MACHINE_SUBJECTS",
    "MARKS",
    "MachineLimits",
    "Measure",
    "Mode",
    "Money",
    "OWN_SUBJECTS",
    "Observation",
    "OwnLimits",
    "Params",
    "Party",
    "PartyKey",
    "Period",
    "Position",
    "Reading",
    "Report",
    "Series",
    "Severity",
    "Split",
    "TITLES",
    "TONES",
    "Threshold",
    "Tone",
    "Trade",
    "Trail",
    "Unread",
    "Uptime",
    "Vital",
    "WORST_FIRST",
    "began",
    "carriers",
    "change",
    "duration",
    "gauges_of",
    "goals",
    "job",
    "leading",
    "machine_vitals",
    "name_of",
    "own_vitals",
    "ranks",
    "share_of",
    "size",
    "split",
    "status_board",
    "summary",
    "tone_of",
    "trail",
    "unjudged",
    "until_full",
    "usually",
    "worst",
]


@pytest.mark.parametrize("word", WORDS_OF_OLD_JOB_FILES)
def test_a_word_of_an_old_job_file_is_still_there(word: str) -> None:
    new = OLD_WORDS.get(word, word)
    assert getattr(reporter, word) is (getattr(api, new, None) or getattr(kit, new))


def test_no_old_word_has_another_meaning_today() -> None:
    assert [word for word in OLD_WORDS if hasattr(api, word) or hasattr(kit, word)] == []


def test_a_word_that_never_was_is_an_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="module 'reporter' has no attribute 'Reprot'"):
        _ = reporter.Reprot


def test_an_old_job_file_loads(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "old.py").write_text(
        "from reporter import " + ", ".join(WORDS_OF_OLD_JOB_FILES) + "\n"
        '@job(covers="yesterday", schedule="daily at 00:00")\n'
        "def old(ctx): return [Report()]\n"
    )
    catalog = load_catalog([tmp_path])
    assert (list(catalog.jobs), catalog.problems) == (["old"], ())


def test_the_words_for_everyone_are_few() -> None:
    assert len([word for word in vars(api) if not word.startswith("_")]) < 20


def test_the_page_of_words_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it with: python -m tests.words"


def test_every_word_of_the_page_has_a_sentence_and_every_number_its_unit() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |") or "| ? |" in row] == []
