"""Plants faults into the code and runs the tests that reach them: `python -m tests.mutants [PACKAGE] [--sample N]`.

A fault is a small change that a programmer could make: `<` for `<=`, `and` for `or`, a flag turned round, a number off
by one. The tests of the package, and all that import a module of it, run once in a copy of the checkout, which shows
what each of them calls. Then each fault is planted there, and the tests run that call its function, the quickest first.
A fault that no test finds is printed with its place. It is never part of CI: a sample of twenty takes minutes.

`tests/data/equal_mutants.txt` lists faults that change nothing: each as it is printed, below its reason after a `#`.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import DATA, ROOT

EQUAL = DATA / "equal_mutants.txt"
# A module that more test files than these import is tried by the tests of its own package alone.
FEW = 4
# Modules that are tried by the tests of a command, which import them by way of others.
FURTHER = {"reporter/notify/timeline.py": "tests/cli/test_alerts.py"}
# Seconds that are spent on finding out which tests call what.
LOOK = 1800
# Seconds of tests that are run for one fault, of those that reach it the quickest: as the look measures them, which
# slows them down several times.
MOST = 180
# A fault hangs, and is found, if they take so many times as long as without it, and these seconds for their start.
LONGER, START = 3, 60
_OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One fault: a file, where in it, and the text before and after."""

    file: Path
    line: int
    start: int
    end: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file}: {' '.join(self.before.split())} -> {' '.join(self.after.split())}"

    def planted(self, source: bytes) -> bytes:
        return source[: self.start] + self.after.encode() + source[self.end :]


def mutants_of(file: Path, source: str) -> Iterator[Mutant]:
    """Every fault that can be planted into a file."""
    text = source.encode()
    starts = [0]
    for row in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(row))
    tree = ast.parse(source)
    left_out = {id(part) for node in ast.walk(tree) for part in (*_annotations(node), *_flags(node))}
    for node in ast.walk(tree):
        if id(node) in left_out or not isinstance(node, ast.expr):
            continue
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        for changed in _changed(node):
            after = f"({ast.unparse(changed)})"
            yield Mutant(file, node.lineno, start, end, text[start:end].decode(), after)


def _annotations(node: ast.AST) -> Iterator[ast.AST]:
    for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
        if part is not None:
            yield from ast.walk(part)


def _flags(node: ast.AST) -> Iterator[ast.AST]:
    """How a dataclass is made: frozen or not, with slots or not, no figure depends on it."""
    for decorator in getattr(node, "decorator_list", ()):
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "dataclass":
            yield from ast.walk(decorator)


def _changed(node: ast.expr) -> Iterator[ast.expr]:
    """What a programmer could have written instead."""
    match node:
        case ast.Compare(left, [op], comparators) if type(op) in _OTHER:
            yield ast.Compare(left, [_OTHER[type(op)]()], comparators)  # type: ignore[list-item]
        case ast.BoolOp(op, values):
            yield ast.BoolOp(_OTHER[type(op)](), values)  # type: ignore[arg-type]
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.BinOp(left, op, right) if type(op) in _OTHER and not isinstance(left, ast.JoinedStr):
            yield ast.BinOp(left, _OTHER[type(op)](), right)  # type: ignore[arg-type]
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.Call(function, arguments, [*keywords]) if keywords:
            for number in range(len(keywords)):
                yield ast.Call(function, arguments, keywords[:number] + keywords[number + 1 :])
        case ast.IfExp(_, body, orelse):
            yield body
            yield orelse


def covering(file: Path, root: Path) -> list[str]:
    """The tests of the file's package, and those that import its module, unless half of the suite does."""
    module = ".".join(file.with_suffix("").parts)
    package = root / "tests" / Path(*file.parts[1:-1])
    while not package.is_dir() or not list(package.glob("test_*.py")):
        package = package.parent
    importing = [path for path in (root / "tests").rglob("test_*.py") if module in path.read_text(encoding="utf-8")]
    near = sorted(package.glob("test_*.py")) if package != root / "tests" else []
    if near and len(importing) > FEW:
        importing = []
    if str(file) in FURTHER:
        importing.append(root / FURTHER[str(file)])
    return [str(path.relative_to(root)) for path in dict.fromkeys([*importing, *near])]


@dataclass(frozen=True)
class Reach:
    """What one test calls, as files and first lines of functions, and how long it takes."""

    test: str
    seconds: float
    called: frozenset[tuple[str, int]]


def reaches(copy: Path, tests: Sequence[str], folder: str) -> list[Reach]:
    """What each test that passes calls in a folder of the copy, the quickest test first."""
    out = copy / "touched.jsonl"
    environ = {"TOUCHED_IN": str(copy / folder) + os.sep, "TOUCHED_OUT": str(out)}
    if _pytest(copy, ["-p", "tests.touched", *tests], environ, limit=LOOK) is None:
        print(f"the look was cut after {LOOK} s: what only later tests find counts as missed", flush=True)
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] if out.exists() else []
    return sorted(
        (
            Reach(
                one["test"],
                one["seconds"],
                frozenset((str(Path(name).relative_to(copy)), line) for name, line in one["called"]),
            )
            for one in found
        ),
        key=lambda one: one.seconds,
    )


def function_around(source: str, line: int) -> int | None:
    """The first line of the innermost function with a line in it; None at the level of the module."""
    found = None
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.lineno <= line <= (node.end_lineno or 0):
            found = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return found


def reaching(mutant: Mutant, known: Sequence[Reach], copy: Path) -> list[Reach]:
    """The tests that reach a fault, the quickest first, as many as fit into a while."""
    file = str(mutant.file)
    place = function_around((copy / file).read_text(encoding="utf-8"), mutant.line)
    near = [one for one in known if (file, place) in one.called]
    near = near or [one for one in known if any(name == file for name, _ in one.called)]
    covering_files = set() if near else set(covering(mutant.file, copy))
    near = near or [one for one in known if one.test.partition("::")[0] in covering_files]
    chosen, seconds = list[Reach](), 0.0
    for one in near:
        seconds += one.seconds
        if chosen and seconds > MOST:
            break
        chosen.append(one)
    return chosen


def is_found(mutant: Mutant, known: Sequence[Reach], copy: Path) -> bool:
    """Whether a test fails by the fault."""
    target = copy / mutant.file
    whole = target.read_bytes()
    tests = reaching(mutant, known, copy)
    if not tests:
        return False
    (copy / "chosen.txt").write_text("\n".join(one.test for one in tests), encoding="utf-8")
    limit = START + LONGER * sum(one.seconds for one in tests)
    target.write_bytes(mutant.planted(whole))
    try:
        return _pytest(copy, ["-x", "@chosen.txt"], {}, limit=limit) != 0
    finally:
        target.write_bytes(whole)


def _pytest(copy: Path, arguments: Sequence[str], environ: dict[str, str], limit: float) -> int | None:
    """Its exit code; None if it takes too long. Nobody reads why a test fails: plain asserts start far sooner."""
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "--assert=plain", "-p", "no:cacheprovider", *arguments]
    environ = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"} | environ
    try:
        return subprocess.run(
            command, cwd=copy, env=environ, capture_output=True, timeout=limit, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        return None


def equal_ones(text: str) -> set[str]:
    """The faults in the list of those that change nothing, without their reasons."""
    return {line for line in text.splitlines() if line and not line.startswith("#")}


def copied(folder: Path) -> Path:
    """The checkout as git knows it, with what is not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("package", nargs="?", default="", help="such as alerts or delivery/outlets; default: all")
    parser.add_argument("--sample", metavar="N", type=int, default=20, help="how many faults (default: 20)")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="another seed plants others (default: 1)")
    options = parser.parse_args()
    equal = equal_ones(EQUAL.read_text(encoding="utf-8"))
    files = sorted((ROOT / "reporter" / options.package).rglob("*.py"))
    possible = [one for file in files for one in mutants_of(file.relative_to(ROOT), file.read_text(encoding="utf-8"))]
    possible = [one for one in possible if str(one) not in equal]
    chosen = random.Random(options.seed).sample(possible, min(options.sample, len(possible)))
    missed = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = copied(Path(folder))
        tests = dict.fromkeys(name for file in {one.file for one in chosen} for name in covering(file, copy))
        known = reaches(copy, [*tests], f"reporter/{options.package}")
        print(f"{len(known)} tests reach {options.package or 'the code'}", flush=True)
        for number, mutant in enumerate(chosen, 1):
            found = is_found(mutant, known, copy)
            missed += not found
            print(f"{number}/{len(chosen)} {'found ' if found else 'MISSED'} {mutant.line}: {mutant}", flush=True)
    share = (len(chosen) - missed) / len(chosen) if chosen else 1.0
    print(f"{len(chosen) - missed} of {len(chosen)} faults were found ({share:.0%}), of {len(possible)} possible ones.")
    return 0 if share >= 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
