"""The config: what it accepts, what it refuses, and in which words."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import BaseModel

from reporter.config.alerts import AlertOptions
from reporter.config.channels import DiscordChannel
from reporter.config.limits import FigureLimits
from reporter.config.loading import Loaded, default_state, load, schema, validated
from reporter.config.models import Config, LimitsConfig
from reporter.config.probes import KINDS, ProbeSettings, model_of
from reporter.config.secrets import Sources
from reporter.config.yaml_document import read
from reporter.errors import ConfigError, Problem
from reporter.messages.message import Severity
from reporter.probes.kinds.tcp import TcpProbeConfig
from reporter.secret import masked
from reporter.trading.return_ratios import Basis
from reporter.trading.trades import Mode, Money
from tests.support.paths import DATA, ROOT

CHECKOUT = ROOT
GOLDEN = DATA / "bad_configs.md"
HOOK = "https://discord.com/api/webhooks/123456789012345678/aVeryLongTokenWith1Digit"
TOKEN = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"
ENVIRON = {
    "HOME": "/home/trader",
    "HOOK": HOOK,
    "EMPTY": "  ",
    "TELEGRAM": "123456789:" + "t" * 35,
    "SCREEN": "dbus://",
    "IRC": "ircs://user:password@irc.example.org/#floor",
    "NO_HOOK": "https://discord.com/channels/1/2",
    "FOREIGN": "https://discord.example.org/api/webhooks/123456789012345678/aVeryLongTokenWith1Digit",
}

# What the choices of the stock config refer to.
ENVIRON_OF_THE_STOCK = {
    "HOME": "/root",
    "DISCORD_WEBHOOK": HOOK,
    "ALERTS_WEBHOOK": HOOK,
    "DISCORD_TOKEN": "a token",
    "TELEGRAM_TOKEN": "123456789:" + "t" * 35,
    "FLOOR_URL": "https://floor.example.org/messages",
    "FLOOR_SECRET": "a secret",
    "MAIL_URL": "mailtos://user:password@example.org?to=me@example.org",
    "EXCHANGE_KEY": "a key",
    "FREQTRADE_PASSWORD": "a password",
    "HEARTBEAT_URL": "https://hc-ping.com/7d1f0b1c",
    "DATABASE_URL": "postgresql://reporter@db.example.org/floor",
    "REDIS_URL": "redis://redis.example.org",
    "GITHUB_SECRET": "a secret",
    "HOOK_SECRET": "a secret",
    "BACKUP_PING": "0123456789abcdef",
    "PING_KEY": "0123456789abcdefg",
    "REPORTER_TOKEN": "a token",
    "GRAFANA_TOKEN": "a token",
    "PLANS_TOKEN": "a token",
    "DEPLOY_URL": "https://deploy.example.org/hook",
    "DEPLOY_TOKEN": "a token",
    "ANNA_HASH": "scrypt$32768$8$3$c2FsdA==$aGFzaA==",
}


class Case(NamedTuple):
    name: str
    config: str
    says: str


def bad_configs() -> list[Case]:
    """The cases of the golden file; a NUL is written there as its picture."""
    pattern = r"## (.+?)\n\n```yaml\n(.*?)```\n\n```text\n(.*?)```\n"
    found = re.findall(pattern, GOLDEN.read_text("utf-8"), re.DOTALL)
    return [Case(name, config.replace("␀", "\0"), says) for name, config, says in found]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    prepare()


def prepare() -> None:
    """What the cases find beside their config."""
    Path("open").write_text(HOOK)
    Path("open").chmod(0o644)


def given(text: str | bytes, *, private: bool = False, environ: dict[str, str] = ENVIRON) -> Loaded:
    path = Path("reporter.yaml")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600 if private else 0o644)
    return load(path, environ)


def refusal(text: str | bytes, *, private: bool = False, environ: dict[str, str] = ENVIRON) -> str:
    """What is said of a config that is refused; empty for one that is taken."""
    try:
        given(text, private=private, environ=environ)
    except ConfigError as error:
        return f"{error}\n"
    return ""


@pytest.mark.parametrize("case", bad_configs(), ids=lambda case: case.name)
def test_a_mistake_is_told_with_its_place_and_its_remedy(case: Case) -> None:
    assert refusal(case.config) == case.says


@pytest.mark.parametrize("secret", [HOOK, TOKEN, f'"{HOOK}"'], ids=["webhook", "token", "quoted webhook"])
@pytest.mark.parametrize("case", bad_configs(), ids=lambda case: case.name)
def test_no_mistake_shows_a_secret(case: Case, secret: str) -> None:
    for config in with_each_word_replaced(case.config, secret):
        said = refusal(config)
        assert HOOK.rpartition("/")[2] not in said
        assert TOKEN not in said


def with_each_word_replaced(config: str, secret: str) -> Iterator[str]:
    for word in re.finditer(r"[^\s:{}\[\],]+", config):
        yield config[: word.start()] + secret + config[word.end() :]


def golden() -> str:
    """The golden file with what is said now."""
    head = GOLDEN.read_text("utf-8").partition("## ")[0]
    cases = [
        f"## {name}\n\n```yaml\n{config}```\n\n```text\n{refusal(config)}```\n".replace("\0", "␀")
        for name, config, _ in bad_configs()
    ]
    return head + "\n".join(cases)


def test_an_empty_config_is_a_config() -> None:
    assert given("").config == Config()


@pytest.mark.parametrize("text", ["10:30", "on", "no", "2026-01-01", "1_000", "0b1", "=", "<<"])
def test_plain_text_of_yaml_1_1_stays_text(text: str) -> None:
    assert read("x.yaml", f"key: {text}".encode()).data == {"key": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("010", 10), ("0o10", 8), ("0x1F", 31), ("-5", -5), ("1e3", 1000.0), (".5", 0.5), ("~", None), ("True", True)],
)
def test_the_core_schema_of_yaml_1_2_is_read(text: str, value: object) -> None:
    assert read("x.yaml", f"key: {text}".encode()).data == {"key": value}


def test_quoted_values_and_every_key_are_text() -> None:
    assert read("x.yaml", b"1: '10'\non: \"true\"\n").data == {"1": "10", "on": "true"}


@pytest.mark.parametrize(
    "bomb",
    [
        "a: &a [*a]",
        "[" * 2000,
        "x: " + "{a: " * 500,
        "a: &a [1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"{c}: &{c} [{f'*{p},' * 9}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)),
    ],
    ids=["an alias of itself", "deep lists", "deep braces", "a billion laughs"],
)
def test_a_bomb_is_one_short_error(bomb: str) -> None:
    assert "nested deeper than 32 levels, or repeated too often" in refusal(bomb)


KEYS = st.sampled_from([*Config.model_fields, "a", "kind", "webhook", "params", "routes", "schedule", "1"])
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
YAML_DATA = st.recursive(
    PLAIN, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=4), max_leaves=12
)


@settings(max_examples=150, deadline=None)
@given_any(st.binary() | st.text().map(str.encode) | YAML_DATA.map(lambda data: json.dumps(data).encode()))
def test_whatever_a_file_holds_it_is_a_config_or_a_list_of_mistakes(content: bytes) -> None:
    said = said_of(content)
    assert isinstance(said, Config) or all(problem.message for problem in said)


def said_of(content: bytes) -> Config | list[Problem]:
    try:
        return validated(read("reporter.yaml", content), Sources())
    except ConfigError as error:
        return error.problems


def test_a_byte_that_is_not_utf8_is_shown_by_its_place() -> None:
    assert refusal(b"timezone: UTC\nstore: caf\xe9\n") == (
        "reporter.yaml:2:11: this byte is not UTF-8\n    save the file in UTF-8\n"
    )


def test_a_file_too_large_is_refused() -> None:
    assert "larger than 1,000,000 bytes" in refusal(b"#" * 1_000_001)


def test_a_config_that_is_not_there_says_how_to_make_one() -> None:
    with pytest.raises(ConfigError, match=r"no config here\n.*reporter init DIR"):
        load(Path("nowhere.yaml"))


@pytest.mark.parametrize("text", ["\n".join(f"k{n}:" for n in range(3)), "jobs: {a: {x: 1, y: 2}, b: {z: 3}}"])
def test_every_mistake_is_told_at_once(text: str) -> None:
    assert refusal(text).count("unknown key") == 3


def test_the_parts_of_a_config_are_read_as_what_they_mean() -> None:
    config = given(
        """
        ledgers: {bot: {kind: native, url: bot.sqlite, starting_balance: [10000 USDT, 0.5 BTC], mode: paper}}
        channels:
          pnl: {webhook: env:HOOK, keep: 7d, mention: {critical: "user:123456789012345678"}, thread_id: 123456789012345}
        jobs: {daily_summary: {settle: 0s, deadline: 1.5m, channel: pnl}, other: }
        probes: {db: {address: "[::1]:5432", warn_above: 500ms}}
        """
    ).config
    ledger, channel, job, probe = (
        config.ledgers["bot"],
        config.channels["pnl"],
        config.jobs["daily_summary"],
        config.probes["db"],
    )
    assert ledger.starting_balance == (Money(Decimal(10000), "USDT"), Money(Decimal("0.5"), "BTC"))
    assert ledger.mode is Mode.PAPER
    assert isinstance(channel, DiscordChannel)
    assert channel.mentions[Severity.CRITICAL] == ("user:123456789012345678",)
    assert (channel.keep, channel.thread_id) == (timedelta(days=7), "123456789012345")
    assert (job.settle, job.deadline, job.channel) == (timedelta(0), timedelta(seconds=90), ("pnl",))
    assert isinstance(probe, TcpProbeConfig)
    assert (probe.host, probe.port, probe.warn_above) == ("::1", 5432, timedelta(milliseconds=500))


def test_targets_become_amounts_by_currency_and_shares() -> None:
    text = "targets: {daily_pnl: [50 USDT, 1 BTC], win_rate: 52%, review: {win_rate: 45.5 %, after: 10}}"
    targets = given(text).config.targets.as_targets()
    assert targets.daily_pnl == {"USDT": Money(Decimal(50), "USDT"), "BTC": Money(Decimal(1), "BTC")}
    assert (targets.win_rate, targets.review_win_rate, targets.review_after) == (Decimal("0.52"), Decimal("0.455"), 10)


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("{}", (",", ".")),
        ('{thousands: ".", decimal: ","}', (".", ",")),
        ('{thousands: " "}', ("\N{NARROW NO-BREAK SPACE}", ".")),
        ("{thousands: none}", ("", ".")),
    ],
)
def test_numbers_are_written_with_the_users_signs(text: str, signs: tuple[str, str]) -> None:
    style = given(f"format: {text}").config.format
    assert (style.separator, style.point) == signs


def test_figures_become_the_year_of_the_ratios() -> None:
    figures = given("figures: {days_per_year: 252, risk_free: 4.25%}").config.figures
    assert figures.as_basis() == Basis(252, Decimal("0.0425"))
    assert given("figures:").config.figures.as_basis().usual


def webhook_of(loaded: Loaded) -> tuple[str, str]:
    channel = loaded.config.channels["pnl"]
    assert isinstance(channel, DiscordChannel)
    assert channel.webhook is not None
    return channel.webhook.reveal(), channel.webhook.origin


def test_a_secret_is_fetched_from_the_environment() -> None:
    assert webhook_of(given("channels: {pnl: {webhook: env:HOOK}}")) == (HOOK, "env:HOOK")


def test_a_secret_is_fetched_from_a_file_that_only_its_owner_can_read() -> None:
    Path("hook").write_text(f"{HOOK}\n")
    Path("hook").chmod(0o600)
    assert webhook_of(given("channels: {pnl: {webhook: file:hook}}")) == (HOOK, "file:hook")


def test_a_secret_is_fetched_from_systemds_credentials(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text(HOOK)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert webhook_of(given("channels: {pnl: {webhook: credential:hook}}", environ=environ)) == (
        HOOK,
        "credential:hook",
    )
    assert "is a bare name" in refusal("channels: {pnl: {webhook: credential:../hook}}", environ=environ)


def test_a_literal_secret_in_a_private_file_is_taken_with_a_warning() -> None:
    loaded = given(f"channels:\n  pnl: {{webhook: '{HOOK}'}}\n", private=True)
    assert webhook_of(loaded)[0] == HOOK
    assert [str(warning).splitlines()[0] for warning in loaded.warnings] == [
        "reporter.yaml:2:18: channels.pnl.webhook: a secret stands in the config itself"
    ]
    assert "env:CHANNELS_PNL_WEBHOOK" in loaded.warnings[0].hint
    assert HOOK not in str(loaded.warnings[0])


def test_a_loaded_config_shows_no_secret_and_the_mask_knows_them_all() -> None:
    text = """
        ledgers: {bot: {kind: native, url: "postgresql://bot:hunter2@db/bot"}}
        channels: {pnl: {webhook: env:HOOK, bot_token: "a token"}}
        probes: {api: {url: "https://example.org", headers: {Authorization: "Bearer xyz"}}}
        """
    loaded = given(text, private=True)
    secrets = ["postgresql://bot:hunter2@db/bot", HOOK, "a token", "Bearer xyz"]
    assert [masked(f"<{secret}>") for secret in (*secrets, "hunter2")] == ["<***>"] * 5
    shown = f"{loaded.config!r} {loaded.config} {loaded.config.model_dump()} {loaded.config.model_dump_json()}"
    assert not [secret for secret in secrets if secret in shown]


@pytest.mark.parametrize(
    "address",
    [
        "https://discordapp.com/api/webhooks/1/token",
        "https://canary.discord.com/api/webhooks/1/token",
        "https://ptb.discord.com/api/v10/webhooks/1/token?thread_id=5",
    ],
)
def test_every_address_of_discord_itself_is_taken(address: str) -> None:
    assert refusal("channels: {pnl: {webhook: env:IT}}", environ={"IT": address}) == ""


@pytest.mark.parametrize(
    "address",
    [
        "http://discord.com/api/webhooks/1/token",
        "https://discord.com.evil.org/api/webhooks/1/token",
        "https://discord.com@evil.org/api/webhooks/1/token",
        "https://evil.org/?https://discord.com/api/webhooks/1/token",
        "https://discord.com:444/api/webhooks/1/token",
        "https://discord.com/api/webhooks/1/token/slack",
    ],
)
def test_an_address_that_only_looks_like_discord_is_refused(address: str) -> None:
    assert "webhook" in refusal("channels: {pnl: {webhook: env:IT}}", environ={"IT": address})


def test_a_webhook_of_the_named_server_is_taken() -> None:
    text = "discord: {base_url: 'http://127.0.0.1:8080/'}\nchannels: {pnl: {webhook: env:IT}}"
    assert refusal(text, environ={"IT": "http://127.0.0.1:8080/api/webhooks/1/token"}) == ""


@pytest.mark.parametrize(
    ("environ", "home", "folder"),
    [
        ({"STATE_DIRECTORY": "/var/lib/reporter:/var/lib/other"}, "/srv/floor", "/var/lib/reporter"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/srv/floor", "/srv/floor/state"),
        ({}, "/etc/reporter", "/var/lib/reporter"),
        ({}, "/etc/reporter-two/", "/var/lib/reporter-two"),
        ({}, "/etc/bots/reporter", "/etc/bots/reporter/state"),
    ],
)
def test_the_store_belongs_to_its_home(environ: dict[str, str], home: str, folder: str) -> None:
    assert default_state(Path(home), environ) == Path(folder)


def test_a_home_keeps_its_store_wherever_it_is_called_from(tmp_path: Path) -> None:
    assert given("", environ={}).store.reveal() == f"sqlite:///{tmp_path}/state/reporter.sqlite"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("data/x.sqlite", "sqlite:///{home}/data/x.sqlite"),
        ("/data/x.sqlite", "sqlite:////data/x.sqlite"),
        ("sqlite:///x.sqlite?mode=ro", "sqlite:///{home}/x.sqlite?mode=ro"),
        ("sqlite:////x.sqlite", "sqlite:////x.sqlite"),
        ("postgresql+psycopg://db/x", "postgresql+psycopg://db/x"),
    ],
)
def test_a_databases_path_is_seen_from_the_home(text: str, url: str) -> None:
    Path("config").mkdir()
    Path("config/reporter.yaml").write_text(f"store: '{text}'")
    assert load(Path("config/reporter.yaml"), ENVIRON).store.reveal() == url.format(home=Path.cwd())


def test_the_digest_is_of_the_files_bytes() -> None:
    assert given("timezone: UTC").digest != given("timezone: UTC ").digest
    assert given("timezone: UTC").digest == given("timezone: UTC").digest


def test_the_stock_config_loads_on_a_fresh_machine() -> None:
    config = load(CHECKOUT / "config" / "reporter.yaml", {"HOME": "/root"}).config
    known = {path.stem for path in (CHECKOUT / "jobs").glob("[!_]*.py")}
    assert {"health_probe", "daily_summary"} <= set(config.jobs) <= known
    assert {channel.kind for channel in config.channels.values()} == {"console"}


def uncommented(text: str) -> str:
    """The stock config with each of its choices taken."""
    first, rest = text.split("\n", 1)
    return f"{first}\n" + re.sub(r"^(\s*)# (?=\s*(- )?[\w-]+: ?)", r"\1", rest, flags=re.MULTILINE)


def test_each_choice_that_the_stock_config_offers_can_be_taken() -> None:
    text = uncommented((CHECKOUT / "config" / "reporter.yaml").read_text("utf-8"))
    loaded = given(text, environ=ENVIRON_OF_THE_STOCK)
    said = {dotted for dotted in keys_of(Config) if dotted not in NOT_IN_THE_STOCK}
    assert said <= {generic(path) for path in loaded.document.places}


NOT_IN_THE_STOCK = {"channels.NAME.thread_name"}  # it excludes `thread_id`, and stands in that one's comment
NAMED = {
    "actions",
    "ledgers",
    "channels",
    "jobs",
    "probes",
    "money",
    "rates",
    "events",
    "hooks",
    "pings",
    "tokens",
    "authors",
    "audit",
    "markets",
    "users",
    "freqtrade",
}


def generic(path: tuple[str | int, ...]) -> str:
    parts = [part for part in path if isinstance(part, str)]
    if len(parts) > 1 and parts[0] in NAMED:
        parts[1] = "NAME"
    if len(parts) > 2 and parts[:2] in (["web", "tokens"], ["web", "users"], ["plans", "authors"]):
        parts[2] = "NAME"
    if len(parts) > 3 and parts[0] == "actions" and parts[2] == "freqtrade":
        parts[3] = "NAME"
    return ".".join(parts)


def keys_of(part: Any, prefix: str = "") -> Iterator[str]:
    """Every key of the models, such as `channels.NAME.webhook`."""
    for name, field in part.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        below = list(models_in(field.annotation))
        if not below:
            yield key
        for model in below:
            yield from keys_of(model, f"{key}.NAME." if name in NAMED else f"{key}.")


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The parts that an annotation names. A figure's limits have the same four keys everywhere: they are a leaf, and so
    is a probe's `alert`, which may say what a policy may. A probe is one of its kinds."""
    if annotation is ProbeSettings:
        yield from map(model_of, KINDS)
        return
    part = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    if part and not issubclass(annotation, FigureLimits) and annotation not in {AlertOptions, LimitsConfig}:
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from models_in(argument)


def test_every_key_is_documented_and_nothing_else() -> None:
    document = (CHECKOUT / "docs" / "configuration.md").read_text("utf-8")
    documented = re.findall(r"^\| `([\w.]+)` \|", document, re.MULTILINE)
    assert sorted(documented) == sorted(set(keys_of(Config)))


def test_every_key_says_in_the_schema_what_it_is() -> None:
    parts = [Config.model_json_schema(), *Config.model_json_schema()["$defs"].values()]
    undescribed = [
        name for part in parts for name, key in part.get("properties", {}).items() if "description" not in key
    ]
    assert not undescribed


def test_the_schema_for_editors_is_current() -> None:
    assert schema() == json.loads((CHECKOUT / "config" / "schema.json").read_text("utf-8"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        prepare()
        GOLDEN.write_text(golden(), "utf-8")
