"""A bot as a channel of Discord, in a channel and with a person: the contract of outlets, verdicts and buttons."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from reporter.delivery.outlets.discord.bot import DiscordBotOutlet
from reporter.delivery.outlets.outlet import Absent, Delivered, Never
from reporter.secret import Secret
from tests.delivery.outlets.kit import OutletContract
from tests.delivery.outlets.messages import line, summary
from tests.support.discord import LocalDiscord, Refused, Truncate

Open = Callable[..., DiscordBotOutlet]


@pytest.fixture
def discord() -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False) as local:
        yield local


@pytest.fixture
def open_outlet(discord: LocalDiscord) -> Iterator[Open]:
    """Opens outlets of a bot of the local Discord, and closes them in the end."""
    token = discord.chat.bot()
    opened: list[DiscordBotOutlet] = []

    def opening(**settings: object) -> DiscordBotOutlet:
        where = settings or {"channel": discord.channel_id("desk")}
        opened.append(DiscordBotOutlet(Secret(token), base_url=discord.base_url, **where))  # type: ignore[arg-type]
        return opened[-1]

    yield opening
    for outlet in opened:
        outlet.close()


class TestChannel(OutletContract):
    @pytest.fixture
    def outlet(self, open_outlet: Open) -> DiscordBotOutlet:
        return open_outlet()


class TestPerson(OutletContract):
    @pytest.fixture
    def outlet(self, discord: LocalDiscord, open_outlet: Open) -> DiscordBotOutlet:
        return open_outlet(user=discord.chat.member("anna").id)


def test_a_message_to_a_person_arrives_in_the_private_chat(discord: LocalDiscord, open_outlet: Open) -> None:
    anna = discord.chat.member("anna")
    outlet = open_outlet(user=anna.id)
    posted = outlet.post(summary())
    assert isinstance(posted, Delivered)
    assert posted.destination == discord.chat.direct[anna.id].id
    assert discord.everything()[-1].channel is discord.chat.direct[anna.id]
    assert outlet.look() == Delivered(posted.destination, posted.destination, date=outlet.look().date)  # type: ignore[union-attr]


def test_who_is_nobody_or_takes_no_messages_closes_the_channel(discord: LocalDiscord, open_outlet: Open) -> None:
    nobody = open_outlet(user="1").post(summary())
    assert isinstance(nobody, Never)
    assert "Invalid Recipient" in nobody.why
    discord.chat.bot()
    outlet = open_outlet(user=discord.chat.member("anna").id)
    assert isinstance(outlet.look(), Delivered)
    discord.fail(Refused(403, 50007, "Cannot send messages to this user"))
    refused = outlet.post(summary())
    assert isinstance(refused, Never)
    assert refused.gone
    assert refused.why.startswith("the bot may not post here")


def test_a_lost_answer_is_looked_up_without_another_token(discord: LocalDiscord, open_outlet: Open) -> None:
    outlet = open_outlet()
    known = outlet.post(summary())
    assert isinstance(known, Delivered)
    assert isinstance(outlet.find("ref 1a2b3c", [known.id]), Absent)
    discord.fail(Truncate())
    outlet.post(summary(footer=line("ref 1a2b3c")))
    found = outlet.find("ref 1a2b3c", [known.id])
    assert isinstance(found, Delivered)
    assert found.id == discord.messages("desk")[-1].id


def test_buttons_come_with_the_bot_that_answers_and_go_with_an_edit(discord: LocalDiscord, open_outlet: Open) -> None:
    silent = open_outlet()
    assert "components" not in silent.payload(summary(incident="1a2b3c4d"))
    outlet = open_outlet(channel=discord.channel_id("desk"), answered=True)
    posted = outlet.post(summary(incident="1a2b3c4d"))
    assert isinstance(posted, Delivered)
    assert "✋ Acknowledge" in discord.messages("desk")[0].buttons
    assert isinstance(outlet.edit(posted.id, summary()), Delivered)
    assert discord.messages("desk")[0].buttons == {}
