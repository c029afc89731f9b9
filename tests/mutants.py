"""Plants faults into the code and runs the tests that cover them: `python -m tests.mutants [PACKAGE] [--sample N]`.

A fault is a small change that a programmer could make: `<` for `<=`, `and` for `or`, a flag turned round, a number off
by one. Each is planted into a copy of the checkout, where the tests of its package and all that import its module run.
A fault that no test finds is printed with its place. It is never part of CI: a sample of twenty takes minutes.

`tests/data/equal_mutants.txt` lists faults that change nothing, one a line, as they are printed.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import DATA, ROOT

EQUAL = DATA / "equal_mutants.txt"
# Seconds that the tests of one fault may take: one that makes them hang is found.
LIMIT = 300
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
    """The tests of the file's package, and every test that imports its module."""
    module = ".".join(file.with_suffix("").parts)
    package = root / "tests" / Path(*file.parts[1:-1])
    while not package.is_dir() or not list(package.glob("test_*.py")):
        package = package.parent
    importing = [path for path in (root / "tests").rglob("test_*.py") if module in path.read_text(encoding="utf-8")]
    near = sorted(package.glob("test_*.py")) if package != root / "tests" else []
    return [str(path.relative_to(root)) for path in dict.fromkeys([*importing, *near])]


def is_found(mutant: Mutant, copy: Path) -> bool:
    """Whether a test fails by the fault."""
    target = copy / mutant.file
    whole = target.read_bytes()
    target.write_bytes(mutant.planted(whole))
    try:
        return not pass_in(copy, tuple(covering(mutant.file, copy)))
    finally:
        target.write_bytes(whole)


def pass_in(copy: Path, tests: tuple[str, ...]) -> bool:
    """Whether these tests pass in the copy."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", *tests]
    environ = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copy, env=environ, capture_output=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


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
    equal = set(EQUAL.read_text(encoding="utf-8").splitlines()) if EQUAL.exists() else set()
    files = sorted((ROOT / "reporter" / options.package).rglob("*.py"))
    possible = [one for file in files for one in mutants_of(file.relative_to(ROOT), file.read_text(encoding="utf-8"))]
    possible = [one for one in possible if str(one) not in equal]
    chosen = random.Random(options.seed).sample(possible, min(options.sample, len(possible)))
    missed, sound = 0, dict[tuple[str, ...], bool]()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = copied(Path(folder))
        for number, mutant in enumerate(chosen, 1):
            tests = tuple(covering(mutant.file, copy))
            if not sound.setdefault(tests, tests in sound or pass_in(copy, tests)):
                sys.exit(f"the tests of {mutant.file} fail without any fault, or take longer than {LIMIT} s")
            found = is_found(mutant, copy)
            missed += not found
            print(f"{number}/{len(chosen)} {'found ' if found else 'MISSED'} {mutant.line}: {mutant}", flush=True)
    share = (len(chosen) - missed) / len(chosen) if chosen else 1.0
    print(f"{len(chosen) - missed} of {len(chosen)} faults were found ({share:.0%}), of {len(possible)} possible ones.")
    return 0 if share >= 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
