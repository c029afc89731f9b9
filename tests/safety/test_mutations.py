"""Whatever stands in a config or a template: no traceback, no hang, and each error says where."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reporter.app.home import FolderHome
from reporter.errors import ConfigError, TemplateError
from reporter.jobs.loader import stock_home
from reporter.messages.limited_process import Budget
from reporter.messages.templates.renderer import Renderer
from reporter.periods.civil import Unit, containing
from tests.safety.mutations import config_seeds, mutated_config, mutated_template, template_seeds
from tests.support.clocks import HandClock

LONGEST, HANGS = 1.0, 20.0
"""Seconds of the processor that one config or template may take: on a machine that does nothing else, and on any."""
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def sweep(name: str, count: int, first: int, one: Callable[[random.Random], str]) -> list[str]:
    """What went wrong for which number: the number gives the same example again."""
    wrong = []
    for number in range(first, first + count):
        chance = random.Random(f"{name} {number}")
        if found := one(chance):
            wrong.append(f"{name} {number}: {found}")
    return wrong


def config_sweep(folder: Path, count: int, first: int = 0, longest: float = HANGS) -> list[str]:
    seeds, path = config_seeds(), folder / "config" / "reporter.yaml"
    path.parent.mkdir(exist_ok=True)

    def one(chance: random.Random) -> str:
        text = mutated_config(chance.choice(seeds), chance)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        began = time.process_time()
        try:
            FolderHome(folder, clock=HandClock(), environ={}).build().close()
        except ConfigError as error:
            if bad := [problem for problem in error.problems if not problem.where.startswith(str(folder))]:
                return f"no place: {bad[0]}\n{text[:2000]}"
        except Exception as error:  # noqa: BLE001 - it is what is looked for
            return f"{type(error).__name__}: {error}\n{text[:2000]}"
        took = time.process_time() - began
        return f"{took:.1f} s\n{text[:2000]}" if took > longest else ""

    return sweep("config", count, first, one)


def template_sweep(folder: Path, count: int, first: int = 0, longest: float = HANGS) -> list[str]:
    seeds, path = template_seeds(), folder / "templates" / "x.md.j2"
    path.parent.mkdir(exist_ok=True)
    stock = stock_home() / "templates"
    facts = {"period": containing(Unit.DAY, NOW, "UTC"), "books": [], "name": "x", "title": "t", "facts": {}}

    def one(chance: random.Random) -> str:
        text = mutated_template(chance.choice(seeds), chance)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        renderer = Renderer([path.parent, stock], stock=stock, budget=Budget(seconds=0.5, megabytes=128))
        began = time.process_time()
        for act in (lambda: renderer.check("x"), lambda: renderer.render("x", facts, at=NOW)):
            try:
                act()
            except TemplateError as error:
                if not str(error).startswith(("templates/", str(stock))):
                    return f"no place: {error}\n{text}"
            except Exception as error:  # noqa: BLE001 - it is what is looked for
                return f"{type(error).__name__}: {error}\n{text}"
        took = time.process_time() - began
        return f"{took:.1f} s\n{text}" if took > longest else ""

    return sweep("template", count, first, one)


def test_a_mutated_config_is_refused_at_its_place_or_works(tmp_path: Path) -> None:
    assert config_sweep(tmp_path, 40) == []


def test_a_mutated_template_is_refused_at_its_place_or_works(tmp_path: Path) -> None:
    assert template_sweep(tmp_path, 80) == []


@pytest.mark.full
@pytest.mark.parametrize("part", range(10))
def test_ten_thousand_configs_and_five_thousand_templates(tmp_path: Path, part: int) -> None:
    assert config_sweep(tmp_path, 1000, first=1000 + 1000 * part, longest=LONGEST) == []
    assert template_sweep(tmp_path, 500, first=1000 + 500 * part, longest=LONGEST) == []
