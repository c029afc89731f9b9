"""The Discord outlet against a Discord that refuses what Discord refuses, over real HTTP."""

from __future__ import annotations

import logging
import socket
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import psutil
import pytest

from reporter.delivery.outlets.discord.outlet import DiscordOutlet
from reporter.delivery.outlets.discord.verdicts import mistakes
from reporter.delivery.outlets.links import file_names
from reporter.delivery.outlets.outlet import Delivered, Later, Never, Unclear, Verdict
from reporter.errors import ReporterError
from reporter.messages.message import Attachment, Message, Severity
from reporter.secret import Secret
from tests.delivery.outlets.kit import OutletContract
from tests.delivery.outlets.messages import HOSTILE, field, line, summary
from tests.probes.servers import says, serving
from tests.support.discord import Ban, Fault, Hang, Limited, LocalDiscord, Refused, Reset, Status, Truncate
from tests.support.discord.markdown import shown
from tests.support.processes import until

Open = Callable[..., DiscordOutlet]


@pytest.fixture
def discord() -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False) as local:
        yield local


@pytest.fixture
def open_outlet(discord: LocalDiscord) -> Iterator[Open]:
    """Opens outlets on webhooks of the local Discord, and closes them in the end."""
    opened: list[DiscordOutlet] = []

    def opening(name: str = "daily", **settings: object) -> DiscordOutlet:
        webhook = Secret(discord.webhook(name), "env:DAILY")
        opened.append(DiscordOutlet(webhook, base_url=discord.base_url, **settings))  # type: ignore[arg-type]
        return opened[-1]

    yield opening
    for outlet in opened:
        outlet.close()


@pytest.fixture
def outlet(open_outlet: Open) -> DiscordOutlet:
    return open_outlet()


def delivered(found: Verdict) -> Delivered:
    assert isinstance(found, Delivered), found
    return found


class TestContract(OutletContract):
    @pytest.fixture
    def outlet(self, open_outlet: Open) -> DiscordOutlet:
        return open_outlet()


def test_a_message_arrives_as_the_embed_it_is(discord: LocalDiscord, outlet: DiscordOutlet) -> None:
    outlet.post(summary())
    [message] = discord.messages("daily")
    assert message.text.split("\n") == [
        "Daily performance · Win rate 55.3 % (26W/21L)",  # the line that a phone shows, above the embed
        "Daily performance",
        "Win rate 55.3 % (26W/21L)",
        "agent               P&L",
        "───────────────  ──────",
        "Momentum_BTC_v1  +28.40",
        "Trades",
        "47",
        "Fees",
        "$18.80",
        "yesterday, UTC",
    ]
    assert message.embed["color"] == 0x2ECC71
    assert message.embed["timestamp"] == "2026-11-20T00:00:00+00:00"
    assert message.warnings == []


def test_the_payload_is_what_is_sent(discord: LocalDiscord, outlet: DiscordOutlet) -> None:
    outlet.post(summary())
    assert discord.messages("daily")[0].body == outlet.payload(summary())


def test_requests_are_made_as_discord_asks(discord: LocalDiscord, outlet: DiscordOutlet) -> None:
    id_ = delivered(outlet.post(summary())).id
    outlet.edit(id_, summary())
    outlet.look()
    outlet.delete(id_)
    assert (discord.journal.unversioned, discord.journal.odd_user_agents) == (0, 0)


def test_delivered_says_where_and_by_which_clock(discord: LocalDiscord, outlet: DiscordOutlet) -> None:
    discord.now = lambda: datetime(2026, 3, 29, 1, 2, 3, tzinfo=UTC)
    destination = delivered(outlet.look()).destination
    posted = delivered(outlet.post(summary()))
    assert posted.destination == destination == discord.messages("daily")[0].channel.id
    assert posted.date == discord.now()
    assert posted.url is not None
    assert posted.url.endswith(f"/{destination}/{posted.id}")


def test_a_hostile_name_is_seen_as_it_is_and_calls_nobody(discord: LocalDiscord, open_outlet: Open) -> None:
    outlet = open_outlet(mention={Severity.CRITICAL: ("role:12",)})
    outlet.post(summary(title=line(HOSTILE), fields=(field(HOSTILE, HOSTILE),), severity=Severity.WARNING))
    [message] = discord.messages("daily")
    seen = HOSTILE.replace("\n", "⏎")
    assert message.title == seen
    assert message.fields == {seen: seen}
    assert message.called == set()


def test_a_severity_calls_whom_the_config_says(discord: LocalDiscord, open_outlet: Open) -> None:
    outlet = open_outlet(mention={Severity.CRITICAL: ("everyone", "role:12", "user:34")})
    outlet.post(summary(severity=Severity.CRITICAL))
    outlet.post(summary(severity=Severity.WARNING))
    critical, warning = discord.messages("daily")
    assert critical.called == {"everyone", "role:12", "user:34"}
    assert warning.called == set()


def test_an_edit_replaces_everything(discord: LocalDiscord, open_outlet: Open) -> None:
    outlet = open_outlet(mention={Severity.CRITICAL: ("everyone",)}, username="Floor")
    chart = Attachment("chart.png", b"png", shown=True)
    id_ = delivered(outlet.post(summary(severity=Severity.CRITICAL, attachments=(chart,)))).id
    assert delivered(outlet.edit(id_, Message(title=line("quiet again")))).id == id_
    [message] = discord.messages("daily")
    assert (message.text, message.files, message.warnings) == ("quiet again\nquiet again", {}, [])


def test_the_line_above_the_embed_calls_nobody_and_leads_nowhere(discord: LocalDiscord, open_outlet: Open) -> None:
    title = line("@everyone <@1> *loud* https://evil.example " + "x" * 200)
    open_outlet().post(Message(title=title), Message(title=line("another")))
    [message] = discord.messages("daily")
    content = message.body["content"]
    assert message.called == set()
    assert "https://" not in content
    assert shown(content).startswith("@everyone <@1> *loud* https:/")
    assert shown(content).endswith("… (and 1 more)") or len(shown(content)) <= 170


def test_a_channel_without_the_line_has_only_its_embed(discord: LocalDiscord, open_outlet: Open) -> None:
    open_outlet(headline=False).post(summary())
    assert not discord.messages("daily")[0].body.get("content")


def test_files_arrive_byte_for_byte_and_pictures_are_shown(discord: LocalDiscord, outlet: DiscordOutlet) -> None:
    files = (
        Attachment("P&L Übersicht.png", bytes(range(256)), shown=True),
        Attachment("second.png", b"\r\n--x\r\n", shown=True),
        Attachment("trades.csv", b"a,b\n"),
    )
    outlet.post(summary(attachments=files))
    [message] = discord.messages("daily")
    assert list(message.files.values()) == [file.content for file in files]
    assert [embed["image"]["url"] for embed in message.embeds] == [
        "attachment://P_L_bersicht.png",
        "attachment://second.png",
    ]
    assert message.warnings == []


def test_no_two_files_share_a_name() -> None:
    files = [Attachment(name, b"") for name in ("a b.png", "a_b.png", "a?b.png", "", "..", "_x")]
    assert file_names(files) == ["a_b.png", "a_b-2.png", "a_b-3.png", "file", "file-2", "x"]


def test_a_message_of_a_thread_is_edited_and_deleted_there(discord: LocalDiscord, open_outlet: Open) -> None:
    discord.webhook("daily")
    outlet = open_outlet(thread_id=discord.thread("daily"))
    posted = delivered(outlet.post(summary()))
    assert posted.destination == discord.messages("daily")[0].channel.id
    assert delivered(outlet.edit(posted.id, summary())).id == posted.id
    outlet.delete(posted.id)
    assert discord.messages("daily") == []


def test_a_message_in_a_forum_opens_a_thread_and_is_edited_there(discord: LocalDiscord, open_outlet: Open) -> None:
    discord.webhook("forum", forum=True)
    outlet = open_outlet("forum", thread_name="Daily")
    posted = delivered(outlet.post(summary()))
    assert delivered(outlet.edit(posted.id, summary(title=line("new")))).destination == posted.destination
    assert [message.channel.name for message in discord.messages("forum")] == ["Daily"]


@pytest.mark.parametrize(
    ("fault", "expected", "taken"),
    [
        (Status(500), Unclear, 0),
        (Status(503), Unclear, 0),
        (Status(504, accept=True), Unclear, 1),
        (Reset(), Unclear, 0),
        (Reset(accept=True), Unclear, 1),
        (Truncate(), Unclear, 1),
        (Hang(5), Unclear, 0),
        (Hang(5, accept=True), Unclear, 1),
        (Status(200), Unclear, 0),
        (Limited(0.3), Later, 0),
        (Ban(), Later, 0),
        (Status(403), Later, 0),
        (Status(413), Later, 0),
        (Refused(413, 40005, "Request entity too large"), Never, 0),
    ],
    ids=str,
)
def test_a_fault_gives_the_verdict_that_is_true(
    discord: LocalDiscord, open_outlet: Open, fault: Fault, expected: type, taken: int
) -> None:
    discord.fail(fault)
    assert isinstance(open_outlet(timeout=0.3).post(summary()), expected)
    assert len(discord.messages("daily")) == taken


def test_a_refused_connection_means_later(discord: LocalDiscord, outlet: DiscordOutlet) -> None:
    with discord.down():
        assert isinstance(outlet.post(summary()), Later)
    assert isinstance(outlet.post(summary()), Delivered)


def test_a_kept_connection_that_ended_meanwhile_is_opened_anew(discord: LocalDiscord, outlet: DiscordOutlet) -> None:
    outlet.post(summary())
    with discord.down():
        pass
    until(lambda: not connected_to(discord), lambda: "the server has not ended its connections")
    assert isinstance(outlet.post(summary()), Delivered)


def connected_to(discord: LocalDiscord) -> bool:
    """Whether a connection to the server still stands, as this side knows it."""
    port = urlsplit(discord.base_url).port
    found = psutil.Process().net_connections("tcp")
    return any(one.raddr and one.raddr.port == port and one.status == psutil.CONN_ESTABLISHED for one in found)


@pytest.mark.parametrize(
    ("fault", "at_least", "everywhere"),
    [
        (Limited(0.3), 0.3, False),
        (Limited(7.5, scope="shared"), 8, False),
        (Limited(65, scope="global"), 65, True),
        (Limited(2.5, header=False), 2.5, False),
        (Ban(), 300, True),
        (Ban(3000), 3000, True),
    ],
    ids=str,
)
def test_a_pause_is_as_long_as_discord_asks(
    discord: LocalDiscord, outlet: DiscordOutlet, fault: Fault, at_least: float, everywhere: bool
) -> None:
    discord.fail(fault)
    later = outlet.post(summary())
    assert isinstance(later, Later)
    assert later.after > at_least
    assert later.everywhere is everywhere
    again = outlet.post(summary())
    assert isinstance(again, Later)
    assert len(discord.requests) == 1  # it was not even asked


def test_the_limit_told_in_headers_is_never_passed(open_outlet: Open) -> None:
    with LocalDiscord() as discord:
        outlet = DiscordOutlet(Secret(discord.webhook("daily")), base_url=discord.base_url)
        found = [outlet.post(summary()) for _ in range(6)]
        assert [type(each) for each in found] == [Delivered] * 5 + [Later]
        assert outlet.pause() > 0
        assert [request.status for request in discord.requests] == [200] * 5
        outlet.close()


def test_the_way_is_free_again_when_the_pause_is_over(discord: LocalDiscord, open_outlet: Open) -> None:
    now = [100.0]
    outlet = open_outlet(monotonic=lambda: now[0])
    discord.fail(Limited(60))
    later = outlet.post(summary())
    assert isinstance(later, Later)
    now[0] += later.after
    assert isinstance(outlet.post(summary()), Delivered)


def test_several_threads_may_post_at_once(discord: LocalDiscord, outlet: DiscordOutlet) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: delivered(outlet.post(summary(title=line(f"{number}")))), range(40)))
    titles = {message.id: message.title for message in discord.messages("daily")}
    assert [titles[each.id] for each in found] == [f"{number}" for number in range(40)]


def test_a_webhook_that_is_gone_is_told_as_gone(discord: LocalDiscord, outlet: DiscordOutlet) -> None:
    discord.revoke("daily")
    found = outlet.post(summary())
    assert isinstance(found, Never)
    assert found.gone
    assert found.why == "the webhook does not work any more: Unknown Webhook (status 404, code 10015)"


def test_a_wrong_token_is_told_as_gone(discord: LocalDiscord) -> None:
    outlet = DiscordOutlet(Secret(discord.webhook("daily") + "x"), base_url=discord.base_url)
    found = outlet.look()
    outlet.close()
    assert isinstance(found, Never)
    assert found.gone


def test_an_edit_of_a_lost_message_is_told_as_missing(discord: LocalDiscord, outlet: DiscordOutlet) -> None:
    id_ = delivered(outlet.post(summary())).id
    outlet.delete(id_)
    found = outlet.edit(id_, summary())
    assert isinstance(found, Never)
    assert (found.missing, found.gone) == (True, False)


def test_an_old_message_may_be_edited_only_so_often(discord: LocalDiscord, outlet: DiscordOutlet) -> None:
    id_ = delivered(outlet.post(summary())).id
    discord.now = lambda: datetime.now(UTC) + timedelta(hours=2)
    found = [outlet.edit(id_, summary()) for _ in range(6)]
    assert [type(each) for each in found] == [Delivered] * 5 + [Never]
    assert isinstance(found[-1], Never)
    assert found[-1].frozen


def test_what_discord_finds_wrong_is_told_with_its_place(outlet: DiscordOutlet) -> None:
    found = outlet.post(summary(title=line("t" * 300), fields=(field("n" * 257, "v"),)))
    assert isinstance(found, Never)
    assert found.why == (
        "Discord refuses the message: embeds[0].title: Must be 256 or fewer in length.; "
        "embeds[0].fields[0].name: Must be 256 or fewer in length."
    )


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ({"_errors": [{"code": "X", "message": "No."}]}, ["No."]),
        ({"embeds": {"0": {"title": {"_errors": [{"message": "Long."}]}}}}, ["embeds[0].title: Long."]),
        ({"embeds": ["0"]}, []),
        ("?", []),
        ({"_errors": "?"}, []),
    ],
)
def test_a_tree_of_mistakes_is_read_whatever_it_looks_like(errors: object, told: list[str]) -> None:
    assert list(mistakes(errors)) == told


# The address is a secret.


def refused(port: int, token: str) -> DiscordOutlet:
    base = f"http://127.0.0.1:{port}"
    return DiscordOutlet(Secret(f"{base}/api/webhooks/1/{token}"), base_url=base)


@pytest.mark.parametrize(
    "fault", [None, Status(404), Status(500), Limited(), Reset(), Truncate(), Hang(5), Status(302)], ids=str
)
def test_the_token_is_in_no_log_error_or_verdict(
    discord: LocalDiscord, open_outlet: Open, fault: Fault | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = discord.webhook("daily").rsplit("/", 1)[1]
    outlet = open_outlet(timeout=0.3)
    if fault:
        discord.fail(fault)
    found = outlet.post(summary())
    told = [record.getMessage() + repr(record.__dict__) for record in caplog.records]
    assert told
    assert not [text for text in (*told, repr(found), repr(outlet), repr(vars(outlet))) if token in text]


def test_the_token_is_in_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        outlet = refused(closed.getsockname()[1], "T0PSECRET")
        with pytest.raises(Exception, match="refused") as caught:
            outlet._client.post("/")
        assert isinstance(outlet.post(summary()), Later)
    outlet.close()
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    told += repr(getattr(caught.value, "request", ""))
    assert "T0PSECRET" not in told


@pytest.mark.parametrize(
    "url",
    [
        "",
        "T0PSECRET",
        "https://discord.com/api/webhooks/1",
        "https://discord.com/api/webhooks/1/T0PSECRET/slack",
        "https://discord.com.evil.example/api/webhooks/1/T0PSECRET",
        "https://user@discord.com/api/webhooks/1/T0PSECRET",
        "https://discord.com:8443/api/webhooks/1/T0PSECRET",
        "http://discord.com/api/webhooks/1/T0PSECRET",
        "https://[::1/api/webhooks/1/T0PSECRET",
        "ftp://127.0.0.1/api/webhooks/1/T0PSECRET",
    ],
)
def test_an_address_that_is_no_webhook_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ReporterError, match=r"env:DAILY .*one looks like https://discord\.com/api/webhooks/") as caught:
        DiscordOutlet(Secret(url, "env:DAILY"))
    assert "T0PSECRET" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("host", ["discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com"])
@pytest.mark.parametrize("path", ["/api/webhooks", "/api/v6/webhooks", "/api/v10/webhooks"])
def test_every_form_of_discords_own_addresses_is_taken(host: str, path: str) -> None:
    outlet = DiscordOutlet(Secret(f"https://{host}{path}/123/a-B_c?thread_id=5"))
    assert outlet.payload(summary())["embeds"]
    outlet.close()


@pytest.mark.parametrize(
    "settings",
    [
        {"username": "My Discord bot"},
        {"username": "x" * 81},
        {"username": "here"},
        {"mention": {Severity.CRITICAL: ("@everyone",)}},
        {"mention": {Severity.CRITICAL: ("role:admins",)}},
    ],
    ids=str,
)
def test_a_setting_that_discord_would_refuse_is_refused_at_once(settings: dict[str, object]) -> None:
    with pytest.raises(ReporterError):
        DiscordOutlet(Secret("https://discord.com/api/webhooks/1/x"), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("token", ["two\nlines", "ümlaut", "Bot abc", ""])
def test_what_cannot_be_a_bots_token_is_refused_without_showing_it(discord: LocalDiscord, token: str) -> None:
    with pytest.raises(ReporterError, match="the bot's token cannot be one") as refusal:
        DiscordOutlet(Secret(discord.webhook("daily")), base_url=discord.base_url, bot_token=Secret(token))
    assert not token or token not in str(refusal.value)


@pytest.mark.parametrize(
    ("proxy", "sentence"),
    [
        (
            "socks5://user:hunter2@127.0.0.1:1",
            r"names a SOCKS proxy, for which a package is missing: pip install 'httpx\[socks\]'",
        ),
        ("ftp://user:hunter2@127.0.0.1", "has no address that can be used: write http://host:port"),
    ],
)
def test_a_proxy_that_cannot_be_used_gets_a_sentence(
    monkeypatch: pytest.MonkeyPatch, proxy: str, sentence: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(ReporterError, match=sentence) as refusal:
        DiscordOutlet(Secret("https://discord.com/api/webhooks/123456789012345678/token"))
    assert "hunter2" not in str(refusal.value)


def test_what_no_proxy_names_is_asked_without_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[bytes]()
    with serving(says("", status=502, seen=asked)) as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        found = []
        for excepted in ("", "discord.invalid"):
            monkeypatch.setenv("no_proxy", excepted)
            monkeypatch.setenv("NO_PROXY", excepted)
            url = "http://discord.invalid/api/webhooks/123456789012345678/token"
            with closing(DiscordOutlet(Secret(url), base_url="http://discord.invalid")) as outlet:
                found.append(outlet.post(summary()))
    assert [type(one) for one in found] == [Unclear, Later]
    assert len(asked) == 1
