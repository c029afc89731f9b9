"""The extras of the package that a config needs, each for a library that a small floor does without."""

from __future__ import annotations

from importlib.util import find_spec

from reporter.config.models import Config
from reporter.trading.ledger.clickhouse import SCHEMES
from reporter.trading.ledger.files import file_kind

# What each extra brings.
MODULES = {
    "apprise": "apprise",
    "ccxt": "ccxt",
    "chat": "discord",
    "clickhouse": "clickhouse_connect",
    "duckdb": "duckdb",
    "mysql": "pymysql",
    "plans": "PIL",
    "postgres": "psycopg",
    "web": "starlette",
}


def missing(config: Config) -> list[str]:
    """The names of the extras that a config needs and that are not installed."""
    return sorted(extra for extra in needed(config) if find_spec(MODULES[extra]) is None)


def remedy(extras: list[str]) -> str:
    """The command that installs them into this environment."""
    return f"pip install 'reporter[{','.join(extras)}]'"


def needed(config: Config) -> set[str]:
    """The names of the extras without which something of the config does not work."""
    urls = [entry.url for entry in config.ledgers.values()] + [config.store]
    given = [url.reveal() for url in urls if url is not None and not url.missing]
    asked = {
        "apprise": any(channel.kind == "apprise" for channel in config.channels.values()),
        "ccxt": any(market.exchange for market in config.markets.values())
        or any(ledger.prices and ledger.prices.kind == "ccxt" for ledger in config.ledgers.values()),
        "chat": config.chat is not None and config.chat.discord is not None,
        "plans": config.plans is not None,
        "postgres": any(probe.kind == "postgres" for probe in config.probes.values()),
        "web": config.web is not None or (config.plans is not None and config.plans.listen is not None),
    }
    return {extra for url in given if (extra := _of_url(url))} | {
        extra for extra, is_needed in asked.items() if is_needed
    }


def _of_url(url: str) -> str:
    scheme = url.partition("://")[0].partition("+")[0]
    if scheme in {"postgresql", "postgres"}:
        return "postgres"
    if scheme in {"mysql", "mariadb"}:
        return "mysql"
    if scheme in SCHEMES:
        return "clickhouse"
    return "duckdb" if file_kind(url) else ""
