"""The architecture, read from the syntax trees: who may know whom, and what may be done where."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support.paths import ROOT


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The floors from the ground up. A module may import what is on a floor below it, and pure and working modules may
# import their neighbours. Add a new module of `reporter/` to the floor that it belongs to.
FLOORS: dict[str, str] = {
    "pure": "periods schedules pacing moments "
    "trades books metrics risk curves pace rates standing gauges gauging "
    "alerts judge policies maintenance telling thresholds machine vitals trends uptime boards "
    "context letter message formats plotting noise digest errors secret spelling jsonpath",
    "doors": "clock config catalog logs "
    "host probes ledger readonly "
    "store outbox migrations "
    "render charts outlets pulse",
    "work": "binding in_vain wiring ruling probing probing_databases edits "
    "planner guard runner chronicle "
    "judging cards alert_letters story adrift posting picturing "
    "delivery acquaintance server_setup",
    "daemon": "daemon demo",
    "app": "app",
    "cli": "cli __main__ commands outbox_commands alert_commands probe_commands uptime_commands export_commands "
    "setup_commands",
}
FLOOR_OF = {unit: floor for floor, units in FLOORS.items() for unit in units.split()}
HEIGHT = {floor: height for height, floor in enumerate(FLOORS)}

# Our own database is one door of several modules; the clock is passed to every door that waits or
# stamps, and what keeps a database from being written is the same for all that open one.
ONE_DOOR = {"store", "outbox", "migrations"}
SHARED_BY_DOORS = {"clock", "readonly"}

# What a pure module may import besides other pure modules: neither I/O nor a clock can be had from these.
PURE_LIBRARIES = words(
    "__future__ abc base64 bisect calendar collections contextlib cronsim dataclasses datetime decimal difflib enum "
    "fnmatch fractions functools hashlib heapq html itertools json logging markdown_it math operator pathlib pydantic "
    "re statistics string textwrap types typing typing_extensions unicodedata urllib.parse zoneinfo"
)
# What reaches the disk or the terminal all the same: functions, and methods of a Path.
IO_FUNCTIONS = words("input open print")
IO_METHODS = words(
    "exists glob is_dir is_file iterdir mkdir open read_bytes read_text rglob stat unlink write_bytes write_text"
)
WALL_CLOCK = words(
    "datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today datetime.date.today time.time time.time_ns "
    "time.localtime time.gmtime time.ctime time.clock_gettime time.clock_gettime_ns freezegun.freeze_time"
)
# Each costs tens of milliseconds or megabytes that not every command or daemon needs.
HEAVY = words("alembic apscheduler difflib dns httpx markdown_it psutil psycopg regex resvg_py rich sqlalchemy")
HEAVY_OF_OURS = {
    "reporter.store.migrate",
    "reporter.outlets.discord",
    "reporter.outlets.console",
    "reporter.setup_commands",
}  # bring such along

WORDS_FOR_JOBS = {"reporter.metrics", "reporter.periods"}


@dataclass(frozen=True)
class Source:
    """A Python file under its dotted name."""

    name: str
    tree: ast.Module

    @property
    def unit(self) -> str:
        """The part of the name that stands on a floor: `store` of `reporter.store.tables`."""
        return self.name.split(".")[1] if "." in self.name else ""


@dataclass(frozen=True)
class Import:
    """`names` is empty for `import module`."""

    module: str
    names: tuple[str, ...]
    line: int
    deferred: bool


Complaints = Iterator[str]
Rule = Callable[[Source], Complaints]


def dotted_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def sources(folder: str) -> tuple[Source, ...]:
    paths = sorted((ROOT / folder).rglob("*.py"))
    return tuple(Source(dotted_name(path), ast.parse(path.read_text(encoding="utf-8"))) for path in paths)


@cache
def modules() -> frozenset[str]:
    return frozenset(source.name for source in sources("reporter"))


def imports(source: Source) -> Iterator[Import]:
    top_level = {id(node) for statement in source.tree.body for node in _outside_functions(statement)}
    for node in ast.walk(source.tree):
        deferred = id(node) not in top_level
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, (), node.lineno, deferred) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.util.resolve_name("." * node.level + (node.module or ""), source.name)
            yield Import(module, tuple(alias.name for alias in node.names), node.lineno, deferred)


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        for child in ast.iter_child_nodes(node):
            yield from _outside_functions(child)


def known(source: Source) -> Iterator[tuple[str, int]]:
    """The modules of ours that a source knows, with the line."""
    for found in imports(source):
        inner = {f"{found.module}.{name}" for name in found.names} & modules()
        if len(inner) < len(found.names) or not found.names:
            inner.add(found.module)
        yield from ((name, found.line) for name in sorted(inner) if name.split(".")[0] in {"reporter", "jobs"})


def every_module_has_its_floor(source: Source) -> Complaints:
    if source.unit and source.unit not in FLOOR_OF:
        yield f"{source.name} stands on no floor: add {source.unit!r} to FLOORS in tests/test_house.py"


def nothing_points_upwards(source: Source) -> Complaints:
    for name, line in known(source):
        unit = name.split(".")[1] if "." in name else ""
        if name.startswith("jobs"):
            yield f"{source.name}:{line} imports {name}: jobs are loaded from their files, nobody imports them"
        elif unit in FLOOR_OF and source.unit in FLOOR_OF and not _may_know(source.unit, unit):
            yield f"{source.name}:{line} ({FLOOR_OF[source.unit]}) imports {name} ({FLOOR_OF[unit]})"


def _may_know(unit: str, other: str) -> bool:
    if unit == other or {unit, other} <= ONE_DOOR:
        return True
    if FLOOR_OF[unit] == FLOOR_OF[other]:
        return FLOOR_OF[unit] != "doors" or other in SHARED_BY_DOORS
    return HEIGHT[FLOOR_OF[unit]] > HEIGHT[FLOOR_OF[other]]


def the_engine_does_not_use_the_words_for_jobs(source: Source) -> Complaints:
    for found in imports(source):
        words = {name for name in found.names if f"reporter.{name}" not in modules()} - {"__version__"}
        if found.module == "reporter" and words:
            yield f"{source.name}:{found.line} imports {', '.join(sorted(words))} from reporter: name the module"


def private_names_stay_at_home(source: Source) -> Complaints:
    for found in imports(source):
        private = [name for name in found.names if name.startswith("_") and not name.startswith("__")]
        if private and found.module.startswith("reporter"):
            yield f"{source.name}:{found.line} imports {', '.join(private)} of {found.module}"


def the_ground_floor_is_pure(source: Source) -> Complaints:
    if FLOOR_OF.get(source.unit) != "pure":
        return
    for found in imports(source):
        if not _pure(found.module) and not found.module.startswith("reporter"):
            yield f"{source.name}:{found.line} imports {found.module}, which is not among PURE_LIBRARIES"
    for call in (node for node in ast.walk(source.tree) if isinstance(node, ast.Call)):
        match call.func:
            case ast.Name(id=name) if name in IO_FUNCTIONS:
                yield f"{source.name}:{call.lineno} calls {name}: a pure module does no I/O"
            case ast.Attribute(attr=name) if name in IO_METHODS:
                yield f"{source.name}:{call.lineno} calls {name}: a pure module does no I/O"


def _pure(library: str) -> bool:
    return bool({library, library.split(".", maxsplit=1)[0]} & PURE_LIBRARIES)


def only_the_clock_reads_the_clock(source: Source) -> Complaints:
    if source.name == "reporter.clock":
        return
    origins = _origins(source)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name) and _dotted(node, origins) in WALL_CLOCK:
            yield f"{source.name}:{node.lineno} uses {_dotted(node, origins)}: ask the Clock that was passed in"


def _origins(source: Source) -> dict[str, str]:
    """What each imported name stands for: `dt` for `datetime.datetime` after `from datetime import datetime as dt`."""
    origins: dict[str, str] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            origins.update({alias.asname or alias.name: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom):
            origins.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return origins


def _dotted(node: ast.AST, origins: dict[str, str]) -> str:
    match node:
        case ast.Name():
            return origins.get(node.id, node.id)
        case ast.Attribute():
            return f"{_dotted(node.value, origins)}.{node.attr}"
    return ""


def imports_stand_at_the_top(source: Source) -> Complaints:
    if FLOOR_OF.get(source.unit) == "cli":
        return
    for found in imports(source):
        heavy = found.module.split(".")[0] in HEAVY or HEAVY_OF_OURS & {found.module, *_members(found)}
        if found.deferred and not heavy:
            yield f"{source.name}:{found.line} imports {found.module} inside a function: only HEAVY ones may be"


def _members(found: Import) -> set[str]:
    return {f"{found.module}.{name}" for name in found.names}


def names_say_what_a_thing_is(source: Source) -> Complaints:
    vague = re.compile(r"manager|helper|utils?$", re.IGNORECASE)
    if vague.search(source.name):
        yield f"{source.name} is a name that says nothing"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and vague.search(node.name):
            yield f"{source.name}:{node.lineno} {node.name} is a name that says nothing"
        if isinstance(node, ast.Global):
            yield f"{source.name}:{node.lineno} keeps state in a module: pass it in"


def the_engine_knows_no_report_by_name(source: Source) -> Complaints:
    stems = {path.stem for path in (ROOT / "jobs").glob("*.py")} | {"daily_summary"}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and node.value in stems:
            yield f"{source.name}:{node.lineno} knows the report {node.value!r}"


ENGINE_RULES: list[Rule] = [
    every_module_has_its_floor,
    nothing_points_upwards,
    the_engine_does_not_use_the_words_for_jobs,
    private_names_stay_at_home,
    the_ground_floor_is_pure,
    only_the_clock_reads_the_clock,
    imports_stand_at_the_top,
    names_say_what_a_thing_is,
    the_engine_knows_no_report_by_name,
]


def jobs_know_only_their_words(source: Source) -> Complaints:
    for found in imports(source):
        ours = found.module.split(".")[0] in {"reporter", "jobs"}
        if (ours and found.module not in WORDS_FOR_JOBS | {"reporter"}) or (
            found.module == "reporter" and WORDS_FOR_JOBS & _members(found) != _members(found) & modules()
        ):
            yield f"{source.name}:{found.line} imports {found.module}: a job needs the words of `reporter` alone"
        elif not ours and not _pure(found.module):
            yield f"{source.name}:{found.line} imports {found.module}: a job reaches the world through its Context"


JOB_RULES: list[Rule] = [jobs_know_only_their_words, only_the_clock_reads_the_clock, imports_stand_at_the_top]


def circle(known_by: dict[str, set[str]]) -> list[str]:
    """One circle in a graph of who knows whom, or nothing."""
    try:
        TopologicalSorter(known_by).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def missing_companions(root: Path) -> Complaints:
    """What a job lacks among its template, its entry in the example config and its test."""
    config = root / "config" / "reporter.yaml"
    entries = set(re.findall(r"^\s*#?\s*(\w+):", config.read_text() if config.exists() else "", re.MULTILINE))
    for stem in sorted(path.stem for path in (root / "jobs").glob("[!_]*.py")):
        if not (root / "templates" / f"{stem}.md.j2").exists():
            yield f"jobs/{stem}.py has no templates/{stem}.md.j2"
        if stem not in entries:
            yield f"jobs/{stem}.py has no entry in config/reporter.yaml"
        if not list((root / "tests").rglob(f"test_{stem}.py")):
            yield f"jobs/{stem}.py has no test_{stem}.py"


SECRETS = re.compile(
    r"discord(app)?\.com/api(/v\d+)?/webhooks/\d{15,}/[\w-]{60,}"  # a webhook: whoever has it can post
    r"|\b[MNO][\w-]{23,}\.[\w-]{6}\.[\w-]{27,}"  # a bot token
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\bAKIA[0-9A-Z]{16}\b|\bghp_\w{36}\b"
)
DISCORDS_SAMPLE = "MTk4NjIyNDgzNDcxOTI1MjQ4."  # the bot token in Discord's own documentation
ELSEWHERE = re.compile(
    r"(?<![\w.~])/(root|Users|work|workspace)/\w"  # somebody's machine
    r"|\b(issue|ticket) #?\d"
    r"|\b[A-Z][A-Z_]+\.md\b(?!\.)"  # a document: looked for in the project below
)
MADE_HERE = {
    ".git",
    ".venv",
    "build",
    "dist",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
}


def texts(root: Path) -> Iterator[tuple[str, str]]:
    """Every text file of the project, by its path in it."""
    for path in sorted(root.iterdir()):
        if path.is_dir() and path.name not in MADE_HERE:
            yield from ((f"{path.name}/{name}", text) for name, text in texts(path))
        elif path.is_file() and path.suffix not in {".sqlite", ".png", ".gz"}:
            yield path.name, path.read_text(encoding="utf-8", errors="replace")


def secrets_in(name: str, text: str) -> Complaints:
    for found in SECRETS.finditer(text):
        if not found[0].startswith(DISCORDS_SAMPLE):
            yield f"{name} holds what looks like a secret: {found[0][:12]}…"


def strangers_in(name: str, text: str) -> Complaints:
    for found in ELSEWHERE.finditer(text):
        if not (ROOT / found[0]).is_file():
            yield f"{name} speaks of {found[0]!r}, which is no part of the project"


def dead_links_in(name: str, text: str) -> Complaints:
    if not name.endswith(".md"):
        return
    for target in re.findall(r"\]\((?![a-z]+:|#)([^)#\s]+)", text):
        path = ((ROOT / name).parent / target).resolve()
        if not path.is_relative_to(ROOT) or not path.exists():
            yield f"{name} links to {target}, which is not there"


def nothing(complaints: Iterator[str]) -> None:
    """Fail with every complaint on a line of its own."""
    if found := list(complaints):
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("rule", ENGINE_RULES, ids=lambda rule: rule.__name__)
def test_the_engine_keeps(rule: Rule) -> None:
    nothing(complaint for source in sources("reporter") for complaint in rule(source))


@pytest.mark.parametrize("rule", JOB_RULES, ids=lambda rule: rule.__name__)
def test_the_jobs_keep(rule: Rule) -> None:
    nothing(complaint for source in sources("jobs") for complaint in rule(source))


def test_nobody_knows_himself_through_others() -> None:
    assert circle({source.name: {name for name, _ in known(source)} for source in sources("reporter")}) == []


def test_the_map_shows_every_module() -> None:
    told = words(re.sub(r"[^\w]", " ", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    assert {unit.strip("_") for unit in FLOOR_OF} - {word.strip("_") for word in told} - {"main"} == set()


def test_every_job_has_its_companions() -> None:
    nothing(missing_companions(ROOT))


@pytest.mark.parametrize("check", [secrets_in, strangers_in, dead_links_in])
def test_every_text_is_free_of(check: Callable[[str, str], Complaints]) -> None:
    nothing(complaint for name, text in texts(ROOT) for complaint in check(name, text))


BREACHES: list[tuple[Rule, str, str]] = [
    (every_module_has_its_floor, "reporter.attic", ""),
    (nothing_points_upwards, "reporter.runner", "from reporter.app import App"),
    (nothing_points_upwards, "reporter.alerts", "from reporter.clock import Clock"),
    (nothing_points_upwards, "reporter.config", "from reporter.ledger import native"),
    (nothing_points_upwards, "reporter.config", "import reporter.catalog"),
    (nothing_points_upwards, "reporter.app", "from jobs.pnl_pulse import pnl_pulse"),
    (the_engine_does_not_use_the_words_for_jobs, "reporter.runner", "from reporter import Context"),
    (private_names_stay_at_home, "reporter.runner", "from reporter.letter import _parse"),
    (the_ground_floor_is_pure, "reporter.metrics", "import sqlite3"),
    (the_ground_floor_is_pure, "reporter.letter", "from pathlib import Path\nPath('x').read_text()"),
    (the_ground_floor_is_pure, "reporter.letter", "open('x')"),
    (only_the_clock_reads_the_clock, "reporter.planner", "from datetime import datetime as dt\ndt.now()"),
    (only_the_clock_reads_the_clock, "reporter.planner", "import datetime\ndatetime.date.today"),
    (only_the_clock_reads_the_clock, "reporter.planner", "from time import time\nfield(default_factory=time)"),
    (imports_stand_at_the_top, "reporter.app", "def run():\n    from reporter.daemon import Daemon"),
    (names_say_what_a_thing_is, "reporter.app", "class ChannelManager: ..."),
    (names_say_what_a_thing_is, "reporter.utils", ""),
    (names_say_what_a_thing_is, "reporter.app", "def f():\n    global x"),
    (the_engine_knows_no_report_by_name, "reporter.app", "name = 'daily_summary'"),
    (jobs_know_only_their_words, "jobs.pnl_pulse", "from reporter.store import Store"),
    (jobs_know_only_their_words, "jobs.pnl_pulse", "from reporter import store"),
    (jobs_know_only_their_words, "jobs.pnl_pulse", "import sqlalchemy"),
]


@pytest.mark.parametrize(("rule", "name", "text"), BREACHES)
def test_a_breach_is_seen(rule: Rule, name: str, text: str) -> None:
    assert len(list(rule(Source(name, ast.parse(text))))) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("reporter.outbox", "from reporter.store.tables import sent"),
        ("reporter.probes.round", "from reporter.clock import Clock"),
        ("reporter.runner", "import time\nfrom reporter.store import journal\ntime.monotonic()"),
        ("reporter.store", "def upgrade():\n    from reporter.store.migrate import upgrade"),
        ("reporter.host", "from datetime import datetime\ndatetime.fromtimestamp(0)"),
        ("reporter.outlets.discord", "from reporter.version import __version__"),
    ],
)
def test_what_is_right_passes(name: str, text: str) -> None:
    source = Source(name, ast.parse(text))
    assert [complaint for rule in ENGINE_RULES for complaint in rule(source)] == []


def test_a_circle_is_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert circle({"a": {"b", "c"}, "b": {"c"}}) == []


def test_a_job_without_companions_is_seen(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "lonely.py").touch()
    assert len(list(missing_companions(tmp_path))) == 3


def test_a_secret_is_seen() -> None:
    webhook = "https://discord.com/api/webhooks/" + "1" * 18 + "/" + "x" * 68
    assert list(secrets_in("a.yaml", f"webhook: {webhook}"))
    assert not list(secrets_in("a.yaml", "webhook: https://discord.com/api/webhooks/ID/TOKEN"))


def test_what_stands_elsewhere_is_seen() -> None:
    assert list(strangers_in("a.py", "# see " + "NOTES" + ".md"))
    assert list(strangers_in("a.py", "open('" + "/Users" + "/me/x')"))
    assert list(dead_links_in("README.md", "[plan](docs/" + "nowhere.md)"))
    assert not list(strangers_in("a.py", "# see README.md"))
