"""`reporter check` on configs of which one part is wrong: it checks the rest, whatever that part is."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from reporter.app.check import check_home
from reporter.app.home import FolderHome
from reporter.config.yaml_document import KeyPath as Place
from reporter.config.yaml_document import dotted, read
from reporter.errors import ConfigError
from reporter.periods.clock import SystemClock
from tests.config.test_config import CHECKOUT, ENVIRON_OF_THE_STOCK, HOOK, uncommented

NOBODY = "http://127.0.0.1:9"  # a port at which nobody listens: what is asked there is refused at once
STOCK = uncommented((CHECKOUT / "config/reporter.yaml").read_text("utf-8")).replace("https://discord.com", NOBODY, 1)
WHOLE = read("reporter.yaml", STOCK.encode())
WRONG: tuple[Any, ...] = (None, 5, "wrong", [], [5], {"x": 1})
ENVIRON = {name: value.replace("https://discord.com", NOBODY) for name, value in ENVIRON_OF_THE_STOCK.items()}


def breaks() -> Iterator[tuple[Place, Any]]:
    """Each value of the stock config with all its choices taken, and what it is replaced by; in a mixed order."""
    mixed = [(place, wrong) for place in WHOLE.places if place for wrong in WRONG]
    random.Random(1).shuffle(mixed)
    yield from mixed


def broken(place: Place, wrong: Any) -> str:
    data: Any = deepcopy(WHOLE.data)
    part = data
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = wrong
    return json.dumps(data)


def looked_at(folder: Path, text: str) -> None:
    """What `check` calls a mistake is what keeps a config from being used, and templates are read all the same."""
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config/reporter.yaml").write_text(text, "utf-8")
    home = FolderHome(folder, clock=SystemClock(), environ=ENVIRON)
    found = list(check_home(home))
    try:
        home.build().close()
    except ConfigError as error:
        told = [str(problem) for problem in error.problems]
    else:
        told = []
    assert [one.text for one in found if one.trouble == "config"] == told
    assert any(re.fullmatch(r"\d+ templates? can be read", one.text) for one in found)


def test_the_stock_config_with_all_its_choices_has_no_mistake(tmp_path: Path) -> None:
    assert HOOK not in ENVIRON.values()
    looked_at(tmp_path, STOCK)


@pytest.mark.parametrize("few", [range(3), pytest.param(range(3, 500), marks=pytest.mark.full)], ids=["a few", "all"])
def test_whatever_is_wrong_the_rest_is_looked_at(tmp_path: Path, few: range) -> None:
    for number, (place, wrong) in enumerate(breaks()):
        if number in few:
            print(dotted(place), wrong)
            looked_at(tmp_path, broken(place, wrong))
