"""The architecture, read from the syntax trees: who may know whom, and what may be done where."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support.paths import ROOT


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The packages from the top down. A package imports only what stands on a line below its own; `reporter.metrics` is the
# public face of `trading/trade_statistics.py`. A new module in a package needs no entry here, a new package does.
PACKAGES = (
    "cli",
    "web chat control",
    "operations",
    "app",
    "scheduler",
    "jobs notify inbox actions",
    "probes delivery",
    "config store",
    "plans",
    "messages",
    "trading alerts",
    "periods",
    "metrics client http_client trusted_files whole_file",
    "secret",
    "errors version paths",
)
HEIGHT = {package: -line for line, names in enumerate(PACKAGES) for package in names.split()}

# Modules that do no I/O, read no clock and load no heavy library.
PURE = re.compile(
    r"reporter\.(alerts\.\w+|periods\.(?!clock|deadlines)\w+|trading\.\w+|plans\.\w+|messages\.(?!templates|rasterizer|limited_process)\w+"
    r"|jobs\.context|jobs\.kit\.\w+|errors|secret|version)$"
)
# The libraries that only some packages may load: each is reached behind our own types.
LIBRARIES = {
    "alembic": "reporter.store",
    "apprise": "reporter.delivery.outlets.apprise_services",
    "apscheduler": "reporter.scheduler",
    "ccxt": "reporter.trading.ledger",
    "cronsim": "reporter.periods",
    "aiohttp": "reporter.chat.discord",
    "discord": "reporter.chat.discord",
    "yarl": "reporter.chat.discord",
    "dns": "reporter.probes",
    "duckdb": "reporter.trading.ledger",
    "jmespath": "reporter.inbox",
    "starlette": "reporter.web",
    "uvicorn": "reporter.web",
    "prometheus_client": "reporter.web",
    "PIL": "reporter.inbox",
    "httpx": "reporter.actions reporter.chat reporter.probes reporter.delivery reporter.trading.ledger "
    "reporter.http_client",
    "jinja2": "reporter.messages reporter.web",
    "markdown_it": "reporter.messages",
    "psutil": "reporter.probes reporter.scheduler",
    "psycopg": "reporter.probes reporter.trading.ledger reporter.store",
    "pymysql": "reporter.trading.ledger",
    "clickhouse_connect": "reporter.trading.ledger",
    "resvg_py": "reporter.messages",
    "rich": "reporter.cli reporter.delivery.outlets.console",
    "sqlalchemy": "reporter.app reporter.cli reporter.inbox reporter.notify reporter.probes reporter.delivery "
    "reporter.scheduler reporter.store reporter.config reporter.trading.ledger",
    "yaml": "reporter.config",
}

# What a pure module may import besides other pure modules: neither I/O nor a clock can be had from these.
PURE_LIBRARIES = words(
    "__future__ abc base64 bisect calendar collections contextlib cronsim csv dataclasses datetime decimal difflib "
    "enum errno fnmatch fractions functools hashlib heapq html io itertools json logging markdown_it math operator "
    "pathlib pydantic re statistics string struct textwrap types typing typing_extensions unicodedata urllib.parse "
    "zoneinfo"
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
HEAVY = words(
    "PIL aiohttp ccxt jmespath alembic apprise apscheduler clickhouse_connect difflib discord dns duckdb httpx "
    "markdown_it psutil psycopg pymysql regex resvg_py rich sqlalchemy"
)
HEAVY_OF_OURS = {
    "reporter.http_client",
    "reporter.probes.quotes",
    "reporter.store.migrate",
    "reporter.delivery.outlets.discord.buttons",
    "reporter.delivery.outlets.discord.outlet",
    "reporter.delivery.outlets.discord.bot",
    "reporter.delivery.outlets.discord.server",
    "reporter.delivery.outlets.signed_webhook",
    "reporter.delivery.outlets.telegram.outlet",
    "reporter.delivery.outlets.telegram.chats",
    "reporter.delivery.outlets.apprise_services",
    "reporter.delivery.outlets.console",
    "reporter.cli.setup",
}  # bring such along

WORDS_FOR_JOBS = {"reporter.jobs.kit", "reporter.metrics", "reporter.periods"}


@dataclass(frozen=True)
class Source:
    """A Python file under its dotted name."""

    name: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The package of `reporter` that the module stands in: `store` of `reporter.store.tables`."""
        return package_of(self.name)


def package_of(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


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


def every_package_has_its_place(source: Source) -> Complaints:
    if source.package and source.package not in HEIGHT and source.name != "reporter.__main__":
        yield f"{source.name}: enter the package {source.package!r} in PACKAGES in tests/test_house.py"


def nothing_points_upwards(source: Source) -> Complaints:
    for name, line in known(source):
        if name.startswith("jobs"):
            yield f"{source.name}:{line} imports {name}: jobs are loaded from their files, nobody imports them"
        elif not _may_know(source, package_of(name)):
            yield f"{source.name}:{line} imports {name}, which does not stand below it"


def _may_know(source: Source, other: str) -> bool:
    """The face of the program, the entry point and the face of the formulas stand outside of the order."""
    if source.name in {"reporter", "reporter.__main__", "reporter.metrics"} or not other:
        return True
    return source.package == other or HEIGHT.get(source.package, 0) > HEIGHT.get(other, 0)


def a_package_file_holds_no_code(source: Source) -> Complaints:
    """An `__init__.py` says what the package is and re-exports its public names."""
    if not (ROOT / Path(*source.name.split("."), "__init__.py")).is_file() or source.name in {
        "reporter",
        "reporter.cli",
    }:
        return
    for node in source.tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom) and not _is_text_or_all(node):
            yield f"{source.name}:{node.lineno} holds code: give it a module of its own"


def _is_text_or_all(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)] == ["__all__"]
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def libraries_stay_in_their_packages(source: Source) -> Complaints:
    for found in imports(source):
        places = LIBRARIES.get(found.module.split(".")[0])
        if places and not any(f"{source.name}.".startswith(f"{place}.") for place in places.split()):
            yield f"{source.name}:{found.line} imports {found.module}: LIBRARIES in tests/test_house.py says who may"


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


def pure_modules_are_pure(source: Source) -> Complaints:
    if not PURE.match(source.name):
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
    if source.name == "reporter.periods.clock" or source.package == "client":  # a client lives in a bot
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
    if source.package == "cli":
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
    every_package_has_its_place,
    nothing_points_upwards,
    a_package_file_holds_no_code,
    libraries_stay_in_their_packages,
    the_engine_does_not_use_the_words_for_jobs,
    private_names_stay_at_home,
    pure_modules_are_pure,
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
    """What a job lacks among its template, its entry in the example config and its test. One that hands in events needs
    no template of its own."""
    config = root / "config" / "reporter.yaml"
    entries = set(re.findall(r"^\s*#?\s*(\w+):", config.read_text() if config.exists() else "", re.MULTILINE))
    for path in sorted((root / "jobs").glob("[!_]*.py")):
        stem, hands_in = path.stem, "HandedIn" in path.read_text()
        if not hands_in and not (root / "templates" / f"{stem}.md.j2").exists():
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
        if path.name in MADE_HERE:
            continue
        if path.is_dir():
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


def test_no_public_class_has_two_meanings() -> None:
    found = Counter(
        node.name
        for source in sources("reporter")
        for node in source.tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in found.items() if count > 1] == []


def test_the_map_shows_every_package() -> None:
    told = words(re.sub(r"[^\w]", " ", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    assert set(HEIGHT) - told == set()


def test_the_way_of_imports_is_short() -> None:
    """The longest chain of modules of which each imports the next one."""
    graph = {source.name: {name for name, _ in known(source)} - {source.name} for source in sources("reporter")}

    @cache
    def depth(name: str) -> int:
        return 1 + max((depth(other) for other in graph.get(name, ())), default=0)

    assert max(map(depth, graph)) <= 28


TOP_LEVEL = words(
    ".ci .github .gitignore CHANGELOG.md CONTRIBUTING.md Containerfile LICENSE Makefile README.md config docs jobs "
    "pyproject.toml reporter requirements.lock systemd templates tests"
)


def test_the_top_level_holds_what_a_reader_expects() -> None:
    found = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    kept = {name.partition("/")[0] for name in found.stdout.splitlines()}
    assert kept <= TOP_LEVEL  # in an archive without git there is nothing to look at


def test_every_job_has_its_companions() -> None:
    nothing(missing_companions(ROOT))


@pytest.mark.parametrize("check", [secrets_in, strangers_in, dead_links_in])
def test_every_text_is_free_of(check: Callable[[str, str], Complaints]) -> None:
    nothing(complaint for name, text in texts(ROOT) for complaint in check(name, text))


BREACHES: list[tuple[Rule, str, str]] = [
    (every_package_has_its_place, "reporter.attic.old", ""),
    (nothing_points_upwards, "reporter.scheduler.runner", "from reporter.app.app import App"),
    (nothing_points_upwards, "reporter.alerts.model", "from reporter.trading.trades import Money"),
    (nothing_points_upwards, "reporter.config.models", "from reporter.store import outbox"),
    (nothing_points_upwards, "reporter.config.models", "import reporter.jobs.loader"),
    (nothing_points_upwards, "reporter.app.app", "from jobs.pnl_pulse import pnl_pulse"),
    (a_package_file_holds_no_code, "reporter.store", "def begin(): ..."),
    (libraries_stay_in_their_packages, "reporter.jobs.loader", "import sqlalchemy"),
    (the_engine_does_not_use_the_words_for_jobs, "reporter.scheduler.runner", "from reporter import Context"),
    (private_names_stay_at_home, "reporter.scheduler.runner", "from reporter.messages.message import _parse"),
    (pure_modules_are_pure, "reporter.trading.trade_statistics", "import sqlite3"),
    (pure_modules_are_pure, "reporter.messages.message", "from pathlib import Path\nPath('x').read_text()"),
    (pure_modules_are_pure, "reporter.messages.message", "open('x')"),
    (only_the_clock_reads_the_clock, "reporter.scheduler.planner", "from datetime import datetime as dt\ndt.now()"),
    (only_the_clock_reads_the_clock, "reporter.scheduler.planner", "import datetime\ndatetime.date.today"),
    (only_the_clock_reads_the_clock, "reporter.store.outbox", "from time import time\nfield(default_factory=time)"),
    (imports_stand_at_the_top, "reporter.app.app", "def run():\n    from reporter.scheduler.daemon import Daemon"),
    (names_say_what_a_thing_is, "reporter.app.app", "class ChannelManager: ..."),
    (names_say_what_a_thing_is, "reporter.app.utils", ""),
    (names_say_what_a_thing_is, "reporter.app.app", "def f():\n    global x"),
    (the_engine_knows_no_report_by_name, "reporter.app.app", "name = 'daily_summary'"),
    (jobs_know_only_their_words, "jobs.pnl_pulse", "from reporter.store.database import Store"),
    (jobs_know_only_their_words, "jobs.pnl_pulse", "from reporter import store"),
    (jobs_know_only_their_words, "jobs.pnl_pulse", "import sqlalchemy"),
]


@pytest.mark.parametrize(("rule", "name", "text"), BREACHES)
def test_a_breach_is_seen(rule: Rule, name: str, text: str) -> None:
    assert len(list(rule(Source(name, ast.parse(text))))) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("reporter.store.outbox", "from reporter.store.tables import sent"),
        ("reporter.probes.round", "from reporter.periods.clock import Clock"),
        ("reporter.scheduler.runner", "import time\nfrom reporter.store import run_log\ntime.monotonic()"),
        ("reporter.store.database", "def upgrade():\n    from reporter.store.migrate import upgrade"),
        ("reporter.probes.host.collector", "from datetime import datetime\ndatetime.fromtimestamp(0)"),
        ("reporter.trading.ledger.portfolio", "import sqlalchemy"),
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
