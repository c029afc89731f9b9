"""The local Telegram is understood by python-telegram-bot, the library that most bots use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import telegram
from telegram import error
from telegram.constants import ParseMode

from tests.support.telegram import LocalTelegram
from tests.support.telegram.pictures import png

T = TypeVar("T")


def asked(local: LocalTelegram, what: Callable[[telegram.Bot], Awaitable[T]]) -> T:
    """What a bot of that library gets from the local Telegram."""

    async def talk() -> T:
        address = f"{local.base_url}/bot"
        async with telegram.Bot(local.token(), base_url=address, base_file_url=f"{local.base_url}/file/bot") as bot:
            return await what(bot)

    return asyncio.run(talk())


def test_it_posts_edits_and_deletes() -> None:
    with LocalTelegram(limits=False) as local:
        desk = local.chat("desk")

        async def post(bot: telegram.Bot) -> telegram.Message:
            assert bot.username == "reporter_bot"
            sent = await bot.send_message(desk, "<b>P&amp;L</b> today", ParseMode.HTML)
            await bot.edit_message_text("P&L of the week", desk, sent.message_id)
            picture = await bot.send_photo(desk, png(800, 400), caption="equity")
            await bot.delete_message(desk, picture.message_id)
            return sent

        assert asked(local, post).text == "P&L today"
        assert [message.text for message in local.messages("desk")] == ["P&L of the week"]


def test_it_hears_commands_and_buttons_and_answers_them() -> None:
    with LocalTelegram(limits=False) as local:
        local.token()
        local.chat("owner", "private")

        async def listen(bot: telegram.Bot) -> list[str]:
            keyboard = telegram.InlineKeyboardMarkup(
                [[telegram.InlineKeyboardButton("Acknowledge", callback_data="a1")]]
            )
            await bot.send_message(local.chat("owner"), "database down", reply_markup=keyboard)
            local.say("owner", 7, "/pnl weekly")
            local.press(local.messages("owner")[0], 7, "Acknowledge")
            heard, first = list[str](), 0
            while len(heard) < 2:
                for update in await bot.get_updates(offset=first, timeout=5):
                    first = update.update_id + 1
                    if update.callback_query:
                        await update.callback_query.answer("done")
                        heard.append(str(update.callback_query.data))
                    elif update.message:
                        heard.append(str(update.message.text))
            return heard

        assert asked(local, listen) == ["/pnl weekly", "a1"]
        assert [answer["text"] for answer in local.answered] == ["done"]


@pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")  # of its own RetryAfter
def test_its_refusals_have_their_own_errors() -> None:
    with LocalTelegram() as local:
        old, shut = local.chat("old", "group"), local.chat("shut")
        new = local.migrate("old")
        local.shut("shut")

        async def refused(bot: telegram.Bot, chat: int, text: str = "x") -> Exception:
            with pytest.raises(error.TelegramError) as found:
                await bot.send_message(chat, text)
            return found.value

        moved = asked(local, lambda bot: refused(bot, old))
        assert isinstance(moved, error.ChatMigrated)
        assert moved.new_chat_id == new
        assert isinstance(asked(local, lambda bot: refused(bot, shut)), error.Forbidden)
        assert "Message is too long" in str(asked(local, lambda bot: refused(bot, new, "x" * 4097)))

        async def hurry(bot: telegram.Bot) -> Exception:
            await bot.send_message(new, "one")
            return await refused(bot, new, "two")

        assert isinstance(asked(local, hurry), error.RetryAfter)
