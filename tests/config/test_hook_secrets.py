"""A secret that stands in an address has 128 bits, or `check` says how to make one."""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Callable
from pathlib import Path

import pytest

from reporter.config.loading import load
from reporter.errors import ConfigError

SHORT = "letmein"
LONG = "0f3a96c1d27be845593c0e81b7a4d62f"
CONFIG = """\
version: 1
channels: {{screen: {{kind: console}}}}
web: {{listen: "127.0.0.1:8787"}}
hooks:
  mine: {{{hook}, secret: env:KEY}}
"""


def said(folder: Path, hook: str, key: str) -> list[str]:
    """The mistakes and the advice of a config with this hook."""
    path = folder / "reporter.yaml"
    path.write_text(CONFIG.format(hook=hook))
    try:
        loaded = load(path, {"KEY": key, "HOME": str(folder)})
    except ConfigError as error:
        return [str(one) for one in error.problems]
    return [str(one) for one in loaded.warnings]


@pytest.mark.parametrize("preset", ["freqtrade", "tradingview"])
def test_a_short_secret_of_an_address_is_refused(tmp_path: Path, preset: str) -> None:
    [found] = said(tmp_path, f"preset: {preset}", SHORT)
    assert "stands in an address and is easy to guess: it has 18 bits at most, of 128" in found
    assert "make one by `openssl rand -hex 16`" in found
    assert SHORT not in found


@pytest.mark.parametrize("hook", [
    *(f"preset: {name}" for name in ("github", "gitlab", "alertmanager", "grafana", "uptime_kuma", "healthchecks")),
    "map: {title: name}",
])  # fmt: skip
def test_where_a_header_may_prove_it_a_short_secret_is_advised_against(tmp_path: Path, hook: str) -> None:
    [found] = said(tmp_path, hook, SHORT)
    assert "openssl rand -hex 16" in found
    assert said(tmp_path, hook, LONG) == []


@pytest.mark.parametrize("made", [
    lambda: secrets.token_hex(16), lambda: secrets.token_urlsafe(16), lambda: secrets.token_hex(32),
    lambda: base64.b64encode(secrets.token_bytes(16)).decode(), lambda: "whsec_" + secrets.token_urlsafe(24),
    lambda: "".join(secrets.choice(string.ascii_lowercase) for _ in range(28)),
])  # fmt: skip
def test_what_generators_make_is_long_enough(tmp_path: Path, made: Callable[[], str]) -> None:
    for _ in range(200):
        assert said(tmp_path, "preset: tradingview", made()) == []


@pytest.mark.parametrize(
    "key", ["a" * 64, "12345678" * 2, "abababab" * 6, "0123456789" * 3, "0123456789abcdef" * 2, LONG[:-2]]
)
def test_length_alone_is_not_enough(tmp_path: Path, key: str) -> None:
    assert said(tmp_path, "preset: tradingview", key)


def test_a_secret_that_is_not_there_is_another_mistake(tmp_path: Path) -> None:
    assert not any("bits" in one for one in said(tmp_path, "preset: tradingview", ""))
