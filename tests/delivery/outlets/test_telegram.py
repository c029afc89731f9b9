"""The Telegram outlet against a Telegram that refuses what Telegram refuses, over real HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings

from reporter.delivery.outlets.message_splitting import NOTES
from reporter.delivery.outlets.outlet import Delivered, Later, Never, Unclear, Verdict
from reporter.delivery.outlets.telegram.outlet import TelegramOutlet
from reporter.delivery.rate_limits import Limit, ServiceLimits
from reporter.errors import ReporterError
from reporter.messages.message import Attachment, Message, Run, Text, plain_blocks
from reporter.secret import Secret
from tests.delivery.outlets.kit import OutletContract
from tests.delivery.outlets.messages import HOSTILE, field, line, messages, prose, summary
from tests.support.clocks import HandClock
from tests.support.telegram import Fault, Garbled, Hang, Limited, LocalTelegram, Refused, Reset, Status, Truncate
from tests.support.telegram.pictures import png

Open = Callable[..., TelegramOutlet]
CHART = Attachment("chart.png", png(), shown=True)
UNPACED = Limit(10_000, 1.0)


@pytest.fixture
def telegram() -> Iterator[LocalTelegram]:
    with LocalTelegram(limits=False) as local:
        yield local


@pytest.fixture
def open_outlet(telegram: LocalTelegram) -> Iterator[Open]:
    """Opens outlets on chats of the local Telegram, and closes them in the end."""
    opened: list[TelegramOutlet] = []

    def opening(name: str = "desk", **given: object) -> TelegramOutlet:
        chat = str(telegram.chat(name))
        clock = HandClock().monotonic
        wanted: dict[str, object] = {"service": ServiceLimits(clock, UNPACED), "monotonic": clock} | given
        token = Secret(telegram.token(), "env:BOT")
        opened.append(TelegramOutlet(token, chat, base_url=telegram.base_url, **wanted))  # type: ignore[arg-type]
        return opened[-1]

    yield opening
    for outlet in opened:
        outlet.close()


@pytest.fixture
def outlet(open_outlet: Open) -> TelegramOutlet:
    return open_outlet()


def delivered(found: Verdict) -> Delivered:
    assert isinstance(found, Delivered), found
    return found


class TestContract(OutletContract):
    @pytest.fixture
    def outlet(self, open_outlet: Open) -> TelegramOutlet:
        return open_outlet()


def test_a_message_arrives_as_text_that_reads_well(telegram: LocalTelegram, open_outlet: Open) -> None:
    open_outlet(zone=ZoneInfo("Europe/Berlin")).post(summary())
    [message] = telegram.messages("desk")
    assert message.text.split("\n") == [
        "Daily performance",
        "",
        "Win rate 55.3 % (26W/21L)",
        "agent               P&L",
        "───────────────  ──────",
        "Momentum_BTC_v1  +28.40",
        "",
        "Trades: 47",
        "Fees: $18.80",
        "",
        "yesterday, UTC · 2026-11-20 01:00 CET",
    ]
    assert message.parsed.kinds() == {"bold", "italic", "pre"}
    assert message.warnings == []


def test_a_hostile_name_is_seen_as_it_is_and_becomes_no_link(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    names = (HOSTILE, "</b><a href='tg://user?id=1'>x</a>", "/start @durov #tag $BTC a@b.io evil.example &lt; &#64;")
    for name in names:
        outlet.post(Message(title=line("t"), body=(prose(name),)))
    for message, name in zip(telegram.messages("desk"), names, strict=True):
        assert message.text.replace("\u2060", "") == "t\n\n" + name.replace("\n", "⏎")
        assert message.parsed.kinds() == {"bold"}


def test_figures_are_left_as_they_are(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    text = "BTC/USDT +1,234.56 · $18.80 · #1 · 12:30 · 4h/8h · done. Next"
    outlet.post(Message(body=(prose(text),)))
    assert telegram.messages("desk")[0].text == text


def test_a_small_report_and_its_picture_are_one_message(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    [part] = outlet.fit(summary(attachments=(CHART,)))
    outlet.post(part)
    [message] = telegram.messages("desk")
    assert (message.kind, message.files) == ("photo", {"chart.png": CHART.content})
    assert message.text.startswith("Daily performance")


def test_a_longer_report_goes_ahead_of_its_pictures(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    parts = outlet.fit(summary(body=(prose("word " * 300),), attachments=(CHART, replace(CHART, name="b.png"))))
    assert [isinstance(outlet.post(part), Delivered) for part in parts] == [True, True]
    text, *album = telegram.messages("desk")
    assert (text.kind, [each.kind for each in album]) == ("text", ["photo", "photo"])
    assert album[0].album is not None
    assert album[0].text.startswith("Daily performance")


def test_pictures_and_files_go_apart_and_none_is_lost(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    files = (CHART, Attachment("trades.csv", b"a,b\n"), Attachment("odd.png", b"no picture", shown=True))
    for part in outlet.fit(summary(attachments=(*files, Attachment("none.txt", b"")))):
        delivered(outlet.post(part))
    kinds = {name: sent.kind for sent in telegram.messages("desk") for name in sent.files}
    assert kinds == {"chart.png": "photo", "trades.csv": "document", "odd.png": "document"}
    assert "none.\u2060txt is empty" in telegram.messages("desk")[0].text


def test_a_picture_that_telegram_would_not_show_goes_as_a_file(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    outlet.post(summary(attachments=(Attachment("long.png", png(4000, 100), shown=True),)))
    assert [message.kind for message in telegram.messages("desk")] == ["document"]


def test_an_album_is_deleted_whole(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    posted = delivered(outlet.post(Message(title=line("two"), attachments=(CHART, replace(CHART, name="b.png")))))
    assert "-" in posted.id
    delivered(outlet.delete(posted.id))
    assert telegram.messages("desk") == []


def test_a_board_is_edited_in_place_with_its_picture(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    posted = delivered(outlet.post(summary(attachments=(CHART,))))
    newer = replace(CHART, content=png(3, 3))
    assert delivered(outlet.edit(posted.id, summary(title=line("newer"), attachments=(newer,)))).id == posted.id
    [message] = telegram.messages("desk")
    assert (message.text.split("\n")[0], message.files) == ("newer", {"chart.png": newer.content})


def test_what_has_not_changed_counts_as_edited(outlet: TelegramOutlet) -> None:
    posted = delivered(outlet.post(summary()))
    assert delivered(outlet.edit(posted.id, summary())).id == posted.id


def test_what_cannot_be_replaced_is_to_be_posted_again(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    album = delivered(outlet.post(summary(attachments=(CHART, replace(CHART, name="b.png")))))
    picture = delivered(outlet.post(summary(attachments=(CHART,))))
    found = [outlet.edit(album.id, summary()), outlet.edit(picture.id, summary())]
    assert [isinstance(each, Never) and each.frozen for each in found] == [True, True]
    telegram.delete_by_hand(telegram.messages("desk")[-1])
    gone = outlet.edit(picture.id, summary(attachments=(CHART,)))
    assert isinstance(gone, Never)
    assert gone.missing


def test_what_may_not_be_deleted_any_more_points_to_the_newer_one(
    telegram: LocalTelegram, outlet: TelegramOutlet
) -> None:
    posted = delivered(outlet.post(summary()))
    start = telegram.now()
    telegram.now = lambda: start + timedelta(hours=49)
    delivered(outlet.delete(posted.id))
    assert telegram.messages("desk")[0].text == "This message continues in a newer one."


def test_topic_silence_and_link(telegram: LocalTelegram, open_outlet: Open) -> None:
    chat = telegram.chat("forum", forum=True)
    topic = telegram.topic("forum", "P&L")
    posted = delivered(open_outlet("forum", topic=topic).post(summary(silent=True)))
    [message] = telegram.messages("forum")
    assert (message.topic, message.silent) == (topic, True)
    assert posted.url == f"https://t.me/c/{str(chat)[4:]}/{topic}/{message.id}"
    assert posted.destination == str(chat)


def test_a_group_that_became_a_supergroup_is_followed(
    telegram: LocalTelegram, open_outlet: Open, caplog: pytest.LogCaptureFixture
) -> None:
    telegram.chat("old", "group")
    outlet = open_outlet("old")
    new = telegram.migrate("old")
    assert [delivered(outlet.post(summary())).destination for _ in range(2)] == [str(new)] * 2
    assert [request.status for request in telegram.requests] == [400, 200, 200]
    assert f"write `chat: {new}`" in caplog.text
    restarted = delivered(open_outlet("old").look())
    assert restarted.destination == str(new)


@pytest.mark.parametrize(
    ("description", "status", "told"),
    [
        ("Forbidden: bot was blocked by the user", 403, "may not write there"),
        ("Forbidden: user is deactivated", 403, "may not write there"),
        ("Forbidden: bot was kicked from the supergroup chat", 403, "may not write there"),
        ("Bad Request: chat not found", 400, "its id is wrong"),
        ("Bad Request: message thread not found", 400, "another `topic`"),
        ("Bad Request: not enough rights to send text messages to the chat", 400, "no right to post"),
        ("Bad Request: need administrator rights in the channel chat", 400, "no right to post"),
        ("Unauthorized", 401, "@BotFather"),
        ("Not Found", 404, "@BotFather"),
    ],
)
def test_a_dead_chat_is_told_once_and_asked_no_more(
    telegram: LocalTelegram, outlet: TelegramOutlet, description: str, status: int, told: str
) -> None:
    telegram.fail(Refused(status, description))
    found = [outlet.post(summary()) for _ in range(3)]
    assert [isinstance(each, Never) and each.gone and told in each.why for each in found] == [True] * 3
    assert len(telegram.requests) == 1
    outlet.reopen()
    assert isinstance(outlet.post(summary()), Delivered)


def test_a_look_finds_a_chat_without_the_right_to_post(telegram: LocalTelegram, open_outlet: Open) -> None:
    outlet = open_outlet()
    telegram.mute("desk")
    muted = outlet.look()
    telegram.open_again("desk")
    outlet.reopen()
    assert isinstance(muted, Never)
    assert muted.gone
    assert delivered(outlet.look()).destination == str(telegram.chat("desk"))
    assert telegram.everything() == []


@pytest.mark.parametrize(
    ("fault", "expected", "taken"),
    [
        (Status(500), Unclear, 0),
        (Status(502, accept=True), Unclear, 1),
        (Reset(), Unclear, 0),
        (Reset(accept=True), Unclear, 1),
        (Truncate(), Unclear, 1),
        (Hang(5), Unclear, 0),
        (Garbled(), Unclear, 0),
        (Status(403), Later, 0),
        (Status(404), Later, 0),
        (Limited(3), Later, 0),
        (Refused(), Never, 0),
    ],
    ids=str,
)
def test_a_fault_gives_the_verdict_that_is_true(
    telegram: LocalTelegram, open_outlet: Open, fault: Fault, expected: type, taken: int
) -> None:
    telegram.fail(fault)
    found = open_outlet(timeout=0.3).post(summary())
    assert isinstance(found, expected), found
    assert len(telegram.messages("desk")) == taken


def test_a_refused_connection_means_later(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    with telegram.down():
        assert isinstance(outlet.post(summary()), Later)
    assert isinstance(outlet.post(summary()), Delivered)


def test_a_pause_is_kept_as_long_as_telegram_asks(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    telegram.fail(Limited(35))
    found = outlet.post(summary())
    assert isinstance(found, Later)
    assert (found.paced, found.after > 35, outlet.pause() > 34) == (True, True, True)
    assert isinstance(outlet.post(summary()), Later)
    assert len(telegram.requests) == 1


@pytest.mark.parametrize("kind", ["private", "supergroup"])
def test_the_pace_is_that_of_the_chat(telegram: LocalTelegram, open_outlet: Open, kind: str) -> None:
    telegram.chat(kind, kind)  # type: ignore[arg-type]
    pace = open_outlet(kind).pace
    assert pace.own == Limit(1, 1.0)
    assert pace.shared == (None if kind == "private" else Limit(20, 60.0))


def test_an_album_counts_as_its_files(telegram: LocalTelegram, open_outlet: Open) -> None:
    outlet = open_outlet()
    outlet.post(summary(attachments=tuple(replace(CHART, name=f"{number}.png") for number in range(10))))
    assert outlet.pause() == pytest.approx(27, abs=0.1)


def test_what_is_small_travels_together(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    some = [summary(title=line(f"No {number}")) for number in range(30)]
    count = outlet.together(some)
    outlet.post(*some[:count])
    [message] = telegram.messages("desk")
    assert 5 < count < 30
    assert f"No {count - 1}" in message.text
    assert outlet.together([summary(), summary(silent=True)]) == 1
    assert outlet.together([summary(attachments=(CHART,)), summary()]) == 1


@given(messages)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_telegram_takes_every_part_of_any_message(telegram: LocalTelegram, open_outlet: Open, message: Message) -> None:
    outlet = open_outlet()
    for part in outlet.fit(message):
        delivered(outlet.post(part.noted("delivered 14m late", "may be a repeat", "n" * (NOTES - 50))))


@given(messages)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_part_needs_no_more_fitting(open_outlet: Open, message: Message) -> None:
    outlet = open_outlet()
    for part in outlet.fit(message):
        assert outlet.fit(part) == [part]


def test_6502_characters_arrive_whole(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    words = " ".join(f"{number:05d}" for number in range(1084))[:6502]
    parts = outlet.fit(Message(title=line("long"), body=(Text((line(words),)),)))
    for part in parts:
        delivered(outlet.post(part))
    said = " ".join(text.strip() for part in parts for text in plain_blocks(part.body))
    assert (len(words), len(parts), said) == (6502, 2, words)
    assert telegram.messages("desk")[1].text.endswith("2/2")


def test_length_counts_as_telegram_counts_it(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    emoji = Message(body=(Text(tuple((Run("text", "🟢" * 50),) for _ in range(60))),))
    parts = outlet.fit(emoji)
    assert [isinstance(outlet.post(part), Delivered) for part in parts] == [True, True]


def test_the_token_is_in_no_log_error_or_verdict(
    telegram: LocalTelegram, open_outlet: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    outlet = open_outlet(timeout=0.2)
    found: list[object] = [outlet.post(summary())]
    for fault in (Reset(), Hang(1), Refused(400, f"Bad Request: {telegram.token()}")):
        telegram.fail(fault)
        found.append(outlet.post(summary()))
    with telegram.down():
        found.append(outlet.post(summary()))
    secret = telegram.token().partition(":")[2]
    told = [record.getMessage() for record in caplog.records]
    assert not [text for text in (*told, *map(repr, found), repr(outlet), repr(vars(outlet))) if secret in text]
    assert any("hidden.invalid" in text for text in told)


@pytest.mark.parametrize("token", ["", "abc", "123:short", "123456:" + "x" * 30 + "\n"])
def test_what_can_be_no_token_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(ReporterError, match="no bot's token") as refusal:
        TelegramOutlet(Secret(token), "1")
    assert not token or token not in str(refusal.value)


def test_fields_with_more_than_a_line_stand_below_their_name(telegram: LocalTelegram, outlet: TelegramOutlet) -> None:
    fields = (field("Trades", "47", inline=True), replace(field("Best", ""), blocks=(prose("a +1", "b +2"),)))
    outlet.post(Message(title=line("t"), fields=fields))
    assert telegram.messages("desk")[0].text == "t\n\nTrades: 47\n\nBest\na +1\nb +2"
