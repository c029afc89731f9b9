"""Computes tests/data/oracles.json again, or prints the table of docs/figures.md: see the package."""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import venv
from pathlib import Path
from typing import Any

from tests.oracles.kept import KEPT
from tests.oracles.series import Case, cases
from tests.oracles.table import table
from tests.support.paths import ROOT

PEERS = ("quantstats==0.0.86", "empyrical-reloaded==0.7.1")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.oracles", description=__doc__)
    parser.add_argument("--table", action="store_true", help="print the table of docs/figures.md from what is kept")
    parser.add_argument("--python", help="ask this Python, which has the two, instead of installing them")
    given = parser.parse_args()
    if given.table:
        print(table())
        return
    with tempfile.TemporaryDirectory() as folder:
        said = ask(given.python or installed(Path(folder)))
    KEPT.write_text(laid_out(said), encoding="utf-8")
    print(f"{len(said['figures'])} series to {KEPT}, by {said['versions']}")


def installed(folder: Path) -> str:
    """The Python of a fresh environment with the two in it."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    return python


def ask(python: str) -> dict[str, Any]:
    """What the two say of every case."""
    questions = json.dumps([question(case) for case in cases()])
    command = [python, "-m", "tests.oracles.peers"]
    answer = subprocess.run(command, input=questions, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    said: dict[str, Any] = json.loads(answer.stdout)
    return said


def question(case: Case) -> dict[str, Any]:
    return {
        "name": case.name,
        "equity": [str(worth) for worth in case.equity],
        "days_per_year": case.days_per_year,
        "risk_free": str(case.risk_free),
    }


def laid_out(said: dict[str, Any]) -> str:
    """A line for each peer's figures of each series, so that a change is read easily."""
    lines = [f' "versions": {json.dumps(said["versions"])},\n "figures": {{']
    parts = []
    for name, peers in said["figures"].items():
        figures = ",\n".join(f"   {json.dumps(peer)}: {json.dumps(own)}" for peer, own in peers.items())
        parts.append(f"  {json.dumps(name)}: {{\n{figures}\n  }}")
    return "{\n" + "\n".join(lines) + "\n" + ",\n".join(parts) + "\n }\n}\n"


if __name__ == "__main__":
    main()
