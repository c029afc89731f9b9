"""The law: no webhook, token or password can reach a log, an error, a page, a message or the store.

Secrets are planted in every place of the config that takes one, in each of the four ways, and jobs leak what they can
reach. Everything fails. Then every byte that was written, stored or posted is searched.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, get_args, get_origin
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from pydantic import BaseModel

from reporter.cli.commands import COMMANDS
from reporter.cli.parser import main
from reporter.config.models import Config
from reporter.config.probes import KINDS, model_of
from reporter.secret import Secret
from tests.safety.planted import PLACES, WAYS, Echo, Plants, echo
from tests.support.paths import ROOT

# What a job can do wrong with a secret that it knows. `SECRETS` are all of them, `FIRST` is one of each way.
JOB = '''\
"""A job that cannot keep a secret."""
import json, logging, os, sys, threading, urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from reporter import Context, Level, Observation, Report, job

HOME = Path(__file__).parent.parent
SECRETS = json.loads((HOME / "all.json").read_text())
FIRST = SECRETS[:: max(1, len(SECRETS) // 12)]

@job(covers="now", schedule="every 1s")
def NAME(ctx: Context) -> Iterator[Report | Observation]:
    """Leaks."""
    CODE
    yield Observation("leak/none", Level.OK)
'''
LEAKS = {
    "raises": "raise RuntimeError(' | '.join(SECRETS))",
    "raises_from": "try:\n        int(SECRETS[0])\n"
    "    except ValueError as error:\n        raise KeyError(SECRETS[1]) from error",
    "raises_bytes": "raise OSError(5, repr([s.encode() for s in SECRETS]))",
    "raises_group": "raise ExceptionGroup(SECRETS[0], [ValueError(s) for s in SECRETS])",
    "exits": "sys.exit(SECRETS[0])",
    "httpx": "import httpx; httpx.get(next(s for s in SECRETS if '/ping/' in s)).raise_for_status()",
    "urllib": "urllib.request.urlopen(next(s for s in SECRETS if '/ping/' in s))",
    "alchemy": "import sqlalchemy as sa; e = sa.create_engine(next(s for s in SECRETS if s.startswith('postgresql'))); "
    "ctx.log.error('%r %s', e, e.url.render_as_string(hide_password=False)); e.connect()",
    "logs": "ctx.log.error('it is %s', SECRETS); ctx.log.warning(json.dumps(SECRETS), exc_info=KeyError(SECRETS[0]))",
    "prints": "print(SECRETS, flush=True); print(*SECRETS, sep='\\n', file=sys.stderr); sys.stdout.writelines(SECRETS)",
    "thread": "t = threading.Thread(target=lambda: int(SECRETS[0])); t.start(); t.join()",
    "warns": "import warnings; warnings.warn(SECRETS[0])",
    "observes": "yield from (Observation(f'leak/{n}', Level.CRITICAL, s, s, s, headline=s, notes=(s,)) "
    "for n, s in enumerate(FIRST)); yield Observation('leak/' + FIRST[0], Level.CRITICAL, FIRST[0])",
    "reports": "yield Report(facts={'secrets': FIRST})",
    "template": "yield Report(facts={'secrets': {}, 'name': SECRETS[0]}, template='fails')",
    "cuts": "raise RuntimeError('x' * 1990 + SECRETS[0] * 50)",
}
LETTER = """\
# {{ secrets }}{{ secrets[0] }}
{% for s in secrets %}
**{{ s }}** `{{ s }}` [{{ s }}](https://example.org/{{ s }}) https://example.org?{{ s }}
{% endfor %}
```
{{ secrets }}
```
| a |
|---|
{% for s in secrets %}
| {{ s }} |
{% endfor %}
"""
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 90"><title>{{ secrets[0] }}</title>'
    '<text y="20">{{ secrets[0] }}</text></svg>'
)
AT_IMPORT = "from pathlib import Path\nraise RuntimeError((Path(__file__).parent.parent / 'all.json').read_text())\n"
NO_PYTHON = "HOOK = '{secret}' +* 1\n"

COLUMNS = "id: id, agent: a, market: m, side: s, closed_at: at, pnl: gain, currency: {const: USDT}"
MAPPED = f"mapping: {{table: t, columns: {{{COLUMNS}}}}}"
CONFIG = """\
version: 1
store: {store}
discord: {{base_url: "{server}"}}
telegram: {{base_url: "{server}"}}
markets:
{markets}
chat:
  telegram: {{token: {chat}, proxy: {chat_proxy}}}
  discord: {{token: {door}, proxy: {door_proxy}, guild: 1}}
  roles: {{owner: ["telegram:1"]}}
actions:
  restart: {{url: {act}, headers: {{Authorization: {head}}}, names: [db]}}
  pause: {{freqtrade: {{bot: {{url: {bot}, username: me, password: {word}}}}}}}
plans: {{authors: {{d: {{users: [1]}}}}, channel: screen, token: {plans}}}
heartbeat: {{url: {heartbeat}, every: 1s, proxy: {heartbeat_proxy}}}
ledgers:
{ledgers}
channels:
  screen: {{kind: console, pictures: pictures}}
{channels}
probes:
{probes}
web:
  listen: "127.0.0.1:{web}"
  ping_key: {ping_key}
  tokens:
{tokens}
  users:
{users}
hooks:
{hooks}
pings:
{pings}
events:
  default: {{channel: screen}}
jobs:
  health_probe: {{schedule: every 1s, channel: [screen, c-env, c-file]}}
  daily_summary: {{channel: [screen, c-env, tg-env, p-file, tp-env, ap-env]}}
  performance_alerts: {{schedule: every 1s, channel: screen}}
  at_import: {{channel: screen}}
  no_python: {{channel: screen}}
  market_update: {{channel: screen}}
{jobs}
"""


def secret_keys(model: type[BaseModel], seen: set[type] | None = None) -> Iterator[str]:
    """Every key that takes a secret, in a model and in those that it holds."""
    seen = seen if seen is not None else set()
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        for kind in _kinds(field.annotation):
            if kind is Secret:
                yield f"{model.__name__}.{name}"
            elif isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from secret_keys(kind, seen)


def _kinds(annotation: object) -> Iterator[object]:
    if get_origin(annotation) is Annotated or get_args(annotation):
        for part in get_args(annotation):
            yield from _kinds(part)
    else:
        yield annotation


def test_every_place_that_takes_a_secret_is_planted() -> None:
    models: list[type[BaseModel]] = [Config, *map(model_of, KINDS)]
    assert {key for model in models for key in secret_keys(model)} == set(PLACES)


class Home:
    """The home, and what the program wrote about it."""

    def __init__(self, folder: Path, server: Echo, turn: int, seed: int) -> None:
        self.folder, self.server = folder, server
        self.plants = Plants(folder, server.address, server.server_address[1], seed)
        self.written: dict[str, bytes] = {}
        self.accepted = 0  # events and hooks
        plant = self.plants.plant

        def one(place: str) -> str:
            return plant(place, WAYS[turn % len(WAYS)])

        def each(line: str, **places: str) -> str:
            return "\n".join(
                "  " + line.format(way=way, **{name: plant(place, way) for name, place in places.items()})
                for way in WAYS
            )

        channels = each(
            "c-{way}: {{webhook: {hook}, bot_token: {bot}}}",
            hook="DiscordChannel.webhook",
            bot="DiscordChannel.bot_token",
        )
        chats = each(
            "tg-{way}: {{kind: telegram, token: {token}, chat: {chat}}}",
            token="TelegramChannel.token",
            chat="TelegramChannel.chat",
        )
        behind = each(
            "p-{way}: {{webhook: {hook}, proxy: {proxy}}}", hook="DiscordChannel.webhook", proxy="DiscordChannel.proxy"
        )
        behind += "\n" + each(
            "tp-{way}: {{kind: telegram, token: {token}, chat: -1001234567890, proxy: {proxy}}}",
            token="TelegramChannel.token",
            proxy="TelegramChannel.proxy",
        )
        behind += "\n" + each("ap-{way}: {{kind: apprise, url: {url}}}", url="AppriseChannel.url")
        behind += "\n" + each(
            "h-{way}: {{kind: http, url: {url}, secret: {secret}, private: true}}",
            url="HttpChannel.url",
            secret="HttpChannel.secret",
        )
        behind += "\n" + each(
            "hp-{way}: {{kind: http, url: {url}, secret: {secret}, proxy: {proxy}}}",
            url="HttpChannel.url",
            secret="HttpChannel.secret",
            proxy="HttpChannel.proxy",
        )
        probes = [
            each(
                "http-{way}: {{kind: http, url: {url}, body: {body}, headers: {{Authorization: {header}, X: {more}}}}}",
                url="HttpProbeConfig.url",
                body="HttpProbeConfig.body",
                header="HttpProbeConfig.headers",
                more="HttpProbeConfig.headers",
            ),
            each(
                f"tcp-{{way}}: {{{{kind: tcp, address: '127.0.0.1:{self.plants.port}', send: {{send}}}}}}",
                send="TcpProbeConfig.send",
            ),
            each(
                "proxy-{way}: {{kind: http, url: 'http://127.0.0.1:1', proxy: {proxy}}}", proxy="HttpProbeConfig.proxy"
            ),
            each("pg-{way}: {{kind: postgres, url: {url}}}", url="PostgresProbeConfig.url"),
            each("redis-{way}: {{kind: redis, url: {url}}}", url="RedisProbeConfig.url"),
            each("sql-{way}: {{kind: sql, url: {url}, query: SELECT 1}}", url="SqlProbeConfig.url"),
        ]
        self.web = _free_port()
        self.broken_store = one("Config.store")
        self.config = CONFIG.format(
            store="state/reporter.sqlite",
            server=server.address,
            heartbeat=one("HeartbeatConfig.url"),
            heartbeat_proxy=one("HeartbeatConfig.proxy"),
            ledgers=each("l-{way}: {{kind: native, url: {url}}}", url="LedgerConfig.url")
            + "\n"
            + f"  lm: {{kind: native, url: {one('LedgerConfig.url (mysql)')}}}\n"
            + f"  lc: {{kind: mapping, url: {one('LedgerConfig.url (clickhouse)')}, {MAPPED}}}"
            + "\n"
            + each(
                "f-{way}: {{kind: freqtrade, url: missing-{way}.sqlite, "
                "prices: {{kind: freqtrade, url: {url}, username: me, password: {word}}}}}",
                url="PricesConfig.url",
                word="PricesConfig.password",
            ),
            markets=each("m-{way}: {{url: {url}}}", url="MarketConfig.url"),
            chat=one("TelegramChatConfig.token"),
            door=one("DiscordChatConfig.token"),
            chat_proxy=one("TelegramChatConfig.proxy"),
            door_proxy=one("DiscordChatConfig.proxy"),
            act=one("ActionConfig.url"),
            head=one("ActionConfig.headers"),
            bot=one("FreqtradeConfig.url"),
            word=one("FreqtradeConfig.password"),
            channels=f"{channels}\n{chats}\n{behind}",
            plans=one("PlansConfig.token"),
            probes="\n".join(probes),
            web=self.web,
            ping_key=one("WebConfig.ping_key"),
            tokens=each("  t-{way}: {token}", token="TokenConfig.secret"),
            users=each("  u-{way}: {{password: {word}}}", word="UserConfig.password"),
            pings=each("pi-{way}: {{id: {secret}, schedule: every 1h}}", secret="PingConfig.id"),
            hooks=each("h-{way}: {{preset: uptime_kuma, secret: {secret}}}", secret="HookConfig.secret"),
            jobs="\n".join(f"  {name}: {{channel: [screen, c-env]}}" for name in LEAKS),
        )
        self._write_files()
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(folder), **self.plants.environ}

    def _write_files(self) -> None:
        for name in ("config", "jobs", "templates", "state"):
            (self.folder / name).mkdir()
        self.write_config(self.config)
        (self.folder / "all.json").write_text(json.dumps(self.plants.values))
        for name, code in LEAKS.items():
            (self.folder / "jobs" / f"{name}.py").write_text(JOB.replace("NAME", name).replace("CODE", code))
            (self.folder / "templates" / f"{name}.md.j2").write_text("# Nothing\n")
        (self.folder / "templates" / "reports.md.j2").write_text(LETTER)
        (self.folder / "templates" / "reports.svg.j2").write_text(PICTURE)
        (self.folder / "templates" / "fails.md.j2").write_text("# {{ secrets[name] }}\n")
        (self.folder / "jobs" / "at_import.py").write_text(AT_IMPORT)
        (self.folder / "jobs" / "no_python.py").write_text(NO_PYTHON.format(secret=self.plants.values[0]))

    def write_config(self, text: str) -> None:
        path = self.folder / "config" / "reporter.yaml"
        path.write_text(text)
        path.chmod(0o600)

    def call_in(self) -> None:
        """Hand in events and hooks that speak of secrets, as programs do, and ask in vain with those of others."""
        said, told = " ".join(self.plants.values), self.plants.said
        event = {"kind": "build_failed", "title": told(200), "text": told(4000), "fields": {"a": told(900)}}
        for way in WAYS:
            self._post("/api/v1/events", event, self.plants.placed["TokenConfig.secret", way])
            hook = f"/hooks/h-{way}/{self.plants.placed['HookConfig.secret', way]}"
            self._post(hook, {"msg": said, "monitor": {"name": said}, "heartbeat": {"status": 0, "msg": said}}, "")
            self._post(hook, [said], "")
            self._post(hook.replace("h-env", "nobody"), {"nothing": said}, "")
            self._post(f"/ping/{self.plants.placed['PingConfig.id', way]}/fail", [said], "")
            wrong = quote(self.plants.placed["LedgerConfig.url", way], safe="")
            for place in ("/api/v1/", "/api/v1/jobs/", "/ping/", "/hooks/", "/badge/", "/login?next=", "/?token="):
                self._post(f"{place}{wrong}", None, wrong)
            self._post("/login", {"user": wrong, "password": wrong}, "")

    def _post(self, path: str, body: object, token: str) -> None:
        """A request, which without a body is a GET; what is answered is kept."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"http://127.0.0.1:{self.web}{path}", data, {"Authorization": f"Bearer {token}"})
        try:
            with urlopen(request, timeout=60) as answer:
                said = answer.read()
            self.accepted += 1
        except HTTPError as error:
            said = error.read() + str(error.headers).encode()
        self.written["answers of the listener"] = self.written.get("answers of the listener", b"") + said

    def command(self, capfd: pytest.CaptureFixture[str], *arguments: str) -> int:
        """Run one command as a user does; what it writes is kept."""
        code = main(["--home", str(self.folder), *arguments])
        out, err = capfd.readouterr()
        self.written[f"`{' '.join(arguments)[:60]}`"] = (out + err).encode()
        return code

    def filled(self, line: list[str]) -> list[str]:
        """A command line in which SECRETS and LEDGER stand for what was planted."""
        said = {"SECRETS": self.plants.said(4000), "LEDGER": self.plants.placed["LedgerConfig.url", "env"]}
        return [said.get(word, word) for word in line]

    def leaks(self) -> list[str]:
        """What was found in everything that was written, stored and posted."""
        ours = {self.folder / name for name in ("secrets", "credentials", "jobs", "all.json", "config")}
        files = [path for path in self.folder.rglob("*") if path.is_file() and not {path, *path.parents} & ours]
        self.written |= {str(path.relative_to(self.folder)): path.read_bytes() for path in files}
        bodies = [body for body in self.server.bodies if b'{"key": "' not in body]  # what a probe has to send is sent
        self.written["what was posted"] = b"\n".join(bodies)
        return [leak for what, content in self.written.items() for leak in self.plants.found_in(what, content)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(params=[0, *(pytest.param(turn, marks=pytest.mark.full) for turn in range(1, len(WAYS)))])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    with echo() as server:
        yield Home(tmp_path, server, request.param, seed=request.param)


COMMAND_LINES: dict[str, list[list[str]]] = {
    "run": [],  # below, as a process
    "run-job": [[name] for name in LEAKS],
    "backfill": [["daily_summary", "--from", "2026-10-01", "--to", "2026-10-02"]],
    "runs": [[]],
    "preview": [
        ["reports"],
        ["reports", "--format", "json"],
        ["reports", "--format", "html"],
        ["raises"],
        ["observes"],
    ],
    "ask": [
        ["status"],
        ["latency"],
        ["report", "raises"],
        ["report", "reports"],
        ["outbox"],
        ["plan d", "SECRETS"],
        ["restart db"],
        ["pause bot"],
        ["actions"],
    ],
    "ledger": [["check"], ["rollups"], ["verify"], ["inspect", "LEDGER"]],
    "web": [["tokens"], ["token", "p"], ["revoke", "p"], ["login"]],
    "chat": [[], ["people"], ["pair"], ["remove", "telegram:1"]],
    "jobs": [[]],
    "check": [[], ["--diff"]],
    "doctor": [[], ["--json"], ["--bundle", "bundle.txt"]],
    "probe": [[]],
    "outbox": [["--all"], *(["show", str(number)] for number in range(1, 6))],
    "channels": [[], ["test", "c-env"], ["test", "c-literal"]],
    "explain": [[], ["job/raises"], ["probe/http-env"], ["leak/0"]],
    "silence": [["probe/pg*", "--reason", "x"], []],
    "ack": [["job/raises", "--by", "me"]],
    "announce": [["TEXT", "--by", "me"], []],
    "uptime": [[]],
    "notify": [["build_failed", "a=b"]],
    "events": [[], ["rejected"]],
    "hooks": [["show", "github"], ["try", "h-env", "all.json"]],
    "setup": [["discord", "--bot-token", "env:BOT"], ["discord", "--bot-token", "file:secrets/S2"]],
    "export": [["trades", "--from", "2026-10-01"], ["daily", "--from", "2026-10-01"]],
    "service": [["status"]],
    "store": [["backup", "--out", "copy.sqlite"], ["info"], ["compact"], ["restore", "copy.sqlite"]],
    "init": [["x"]],
    "demo": [],
    "schema": [[]],
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # a job's thread may fail
def test_no_secret_gets_out_of_any_command(
    home: Home, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(COMMAND_LINES) == {command.name for command in COMMANDS}
    for name, value in (home.environ | {"BOT": home.plants.values[1]}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(home.folder)
    for name, lines in COMMAND_LINES.items():
        for line in lines:
            home.command(capfd, name, *home.filled(line))
    home.write_config(home.config.replace("state/reporter.sqlite", home.broken_store))
    home.command(capfd, "runs")
    assert b"cannot be opened" in home.written["`runs`"]
    home.write_config(home.config.replace("version: 1", f"version: {home.plants.values[0]}\n: {home.plants.values[1]}"))
    home.command(capfd, "check")
    assert home.leaks() == []
    assert sum(b"***" in content for content in home.written.values()) > 20
    assert len(home.plants.cores) >= 40


def test_no_secret_gets_out_of_the_daemon(home: Home) -> None:
    log = home.folder / "log"
    with log.open("wb") as stream:
        command = [sys.executable, "-m", "reporter", "--home", str(home.folder), "run", "--verbose"]
        running = subprocess.Popen(command, cwd=ROOT, env=home.environ, stdout=stream, stderr=stream)
    try:
        end = time.monotonic() + 240
        expected = {f"{name} " for name in LEAKS} | {"heartbeat does not arrive"}
        while time.monotonic() < end and not all(word.encode() in log.read_bytes() for word in expected):
            time.sleep(0.2)
        home.call_in()
        time.sleep(2)
        running.send_signal(signal.SIGTERM)
        running.wait(120)
    finally:
        running.kill()
        running.wait()
    assert b"stopped" in log.read_bytes(), log.read_text()[-2000:]
    assert any("/ping/" in hit for hit in home.server.hits)
    assert home.accepted >= 8
    assert home.leaks() == []
