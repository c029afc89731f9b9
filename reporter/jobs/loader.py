"""Finds and loads job files, in the user's home and among the stock jobs of the program."""

from __future__ import annotations

import ast
import hashlib
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

from reporter.errors import Problem
from reporter.jobs.context import Job
from reporter.secret import masked, redacted
from reporter.trusted_files import distrust


@dataclass(frozen=True, slots=True)
class Catalog:
    """The jobs that there are, by name, and what is wrong with those that could not be loaded.

    `broken` are the names of the latter. `fingerprint` changes with any byte of any job's file.
    """

    jobs: Mapping[str, Job] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    broken: frozenset[str] = frozenset()
    fingerprint: str = ""


def stock_home() -> Path:
    """The home that comes with the program: inside the installed package, or the checkout around it."""
    package = Path(__file__).parents[1]
    installed = package / "stock"
    return installed if installed.is_dir() else package.parent


def job_files(homes: Sequence[Path]) -> dict[str, Path]:
    """Each job's file by its name; the file of an earlier home hides its namesake in a later one."""
    found: dict[str, Path] = {}
    for home in homes:
        with suppress(PermissionError):  # `closed_folders` has it
            for path in (home / "jobs").glob("[!_.]*.py"):
                if path.is_file():
                    found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def closed_folders(homes: Sequence[Path]) -> list[Problem]:
    """The folders of jobs and templates that this user cannot look into."""
    found = []
    for folder in (home / name for home in homes for name in ("jobs", "templates")):
        try:
            os.scandir(folder).close()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            found.append(Problem(str(folder), f"cannot be read: {error.strerror}"))
    return found


def fingerprint(homes: Sequence[Path]) -> str:
    """SHA-256 over the names and contents of the job files; cheap enough to be asked at each look for changes."""
    digest = hashlib.sha256()
    for path in job_files(homes).values():
        digest.update(f"{path}\0".encode() + hashlib.sha256(_bytes(path)).digest())
    return digest.hexdigest()


def load_catalog(homes: Sequence[Path]) -> Catalog:
    """Load every job of these homes, each alone: one that fails is a problem, and the others are there."""
    stock = stock_home() / "jobs"
    seen = fingerprint(homes)
    jobs: dict[str, Job] = {}
    problems: dict[str, Problem] = {}
    for name, path in job_files(homes).items():
        match _load(path):
            case Job() as job:
                jobs[name] = replace(job, origin=path, stock=path.parent.resolve() == stock.resolve())
            case problem:
                problems[name] = problem
    return Catalog(jobs, tuple(problems.values()), frozenset(problems), seen)


def observed_by(job: Job) -> tuple[str, ...] | None:
    """Patterns of the subjects that a job may observe: those that it declares; none where its file speaks of no
    observation and brings nothing along that might; None where nobody can say."""
    if job.observes is not None:
        return job.observes
    return () if job.origin and _observes_nothing(_bytes(job.origin)) else None


def _observes_nothing(source: bytes) -> bool:
    nodes = list(ast.walk(ast.parse(source)))
    brought = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    brought |= {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}
    known = {"reporter", "pydantic", *sys.stdlib_module_names}
    return b"observ" not in source.lower() and {name.partition(".")[0] for name in brought} <= known


def _load(path: Path) -> Job | Problem:
    if reason := distrust(path.absolute(), path.absolute().parents[1]):
        return Problem(str(path), reason[0], hint=reason[1])
    name = f"reporter_job_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    try:
        module = _run(path, name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a job's file does stays its own trouble
        sys.modules.pop(name, None)
        return _syntax(path, error) if isinstance(error, SyntaxError) else _raised(path, error)
    return _the_job(path, module)


def _run(path: Path, name: str) -> ModuleType:
    """Execute a file under a private module name.

    The source is compiled here: Python's own cache tells versions apart by size and whole seconds, and would miss an
    edit. The name is in `sys.modules` because annotations of dataclasses and pydantic models are resolved there; each
    load puts a new module in its place.
    """
    code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    exec(code, module.__dict__)  # noqa: S102 - a job's file is a program that the user put there to be run
    return module


def _bytes(path: Path) -> bytes:
    """A file's content; nothing where it cannot be read; loading reports that."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _the_job(path: Path, module: ModuleType) -> Job | Problem:
    jobs = {id(value): value for value in vars(module).values() if isinstance(value, Job)}.values()
    match list(jobs):
        case [Job() as job] if job.name == path.stem:
            return replace(job, doc=job.doc or (module.__doc__ or "").strip())
        case [Job() as job]:
            return Problem(
                str(path),
                f"the job is called `{job.name}` and its file `{path.name}`",
                job.function.__code__.co_firstlineno,
                hint=f"give both one name: `def {_identifier(path)}(ctx)` in `{_identifier(path)}.py`",
            )
        case []:
            hint = f'write `@job(covers="yesterday", schedule="daily at 00:00")` above `def {_identifier(path)}(ctx):`'
            return Problem(str(path), "this file declares no job", hint=hint)
        case several:
            names = ", ".join(f"`{job.name}`" for job in several)
            hint = "keep one job a file; a file whose name begins with `_` is not looked at"
            return Problem(str(path), f"this file declares {len(several)} jobs: {names}", hint=hint)


def _identifier(path: Path) -> str:
    name = "".join(char if char.isalnum() else "_" for char in path.stem)
    return name if name.isidentifier() else f"job_{name}"


def _syntax(path: Path, error: SyntaxError) -> Problem:
    """A file that is no Python. An error from elsewhere, such as an imported module, names its own file."""
    where = error.filename or str(path)
    excerpt = redacted((error.text or "")[:1000].rstrip())[:100] if (error.offset or 0) <= 100 else ""
    return Problem(
        where, f"this is not Python: {redacted(error.msg)}", error.lineno, error.offset or None, excerpt=excerpt
    )


def _raised(path: Path, error: BaseException) -> Problem:
    line, source = next(_frames(path, error), (None, ""))
    kind = type(error).__name__
    said = redacted(masked(str(error), 1000)).strip().partition("\n")[0]
    hint = "install it beside reporter, or leave out the import" if isinstance(error, ModuleNotFoundError) else ""
    return Problem(str(path), f"{kind}: {said}" if said else kind, line, hint=hint, excerpt=source)


def _frames(path: Path, error: BaseException) -> Iterator[tuple[int | None, str]]:
    """The lines of the file that the error passed through, innermost first."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == str(path):
            yield frame.lineno, redacted((frame.line or "")[:1000])[:100]
