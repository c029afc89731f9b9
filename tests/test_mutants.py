"""The planter of faults plants them where it says, and each can be read."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.mutants import FURTHER, covering, mutants_of
from tests.support.paths import ROOT

CODE = """\
def f(a: int, *, deep: bool = True) -> str:
    "Über alles."
    if a < 3 and not deep:
        return g(a + 1, loud=True)
    return "x" if a == 2 else "y"
"""


def test_each_fault_stands_at_its_place_and_can_be_read() -> None:
    found = list(mutants_of(Path("reporter/f.py"), CODE))
    changes = {(one.before, one.after) for one in found}
    assert {("a < 3", "(a <= 3)"), ("not deep", "(deep)"), ("True", "(False)"), ("a + 1", "(a - 1)")} <= changes
    assert ("g(a + 1, loud=True)", "(g(a + 1))") in changes
    for one in found:
        planted = one.planted(CODE.encode()).decode()
        assert planted != CODE
        ast.parse(planted)


def test_how_a_dataclass_is_made_is_no_place_for_a_fault() -> None:
    made = "@dataclass(frozen=True)\nclass A:\n    deep: bool = True\n"
    assert [(one.line, one.before) for one in mutants_of(Path("reporter/a.py"), made)] == [(3, "True")]


def test_a_fault_is_looked_for_by_the_tests_of_its_package_and_by_those_that_import_it() -> None:
    tests = covering(Path("reporter/alerts/suppression.py"), ROOT)
    assert "tests/alerts/test_suppression.py" in tests
    assert all(Path(name).name.startswith("test_") for name in tests)
    for module, further in FURTHER.items():
        assert further in covering(Path(module), ROOT)
        assert all((ROOT / name).is_file() for name in (module, further))
