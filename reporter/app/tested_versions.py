"""The tested versions of the libraries: requirements.lock, which travels with the program, beside what is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from reporter.jobs.loader import stock_home


def untested(lock: str | None = None) -> dict[str, tuple[str, str]]:
    """Installed and tested version of each library whose two differ, by its name; `lock` is the shipped file.

    A library that is not installed differs in nothing: it belongs to an extra that nobody asked for.
    """
    text = (stock_home() / "requirements.lock").read_text(encoding="utf-8") if lock is None else lock
    tested = dict(line.split("==") for line in text.splitlines() if not line.startswith("#"))
    found = {name: (_installed(name), wanted) for name, wanted in tested.items()}
    return {name: (here, wanted) for name, (here, wanted) in found.items() if here and here != wanted}


def advice() -> str:
    """One sentence for whoever runs a service on other versions; empty where all are as tested."""
    if not (differ := untested()):
        return ""
    name, (here, wanted) = next(iter(differ.items()))
    more = f" and {len(differ) - 1} more" if len(differ) > 1 else ""
    return (
        f"{name} {here} (tested: {wanted}){more}: install the tested versions with `pip install -c requirements.lock …`"
    )


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
