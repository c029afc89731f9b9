"""Which updates of Telegram are questions, and whose."""

from __future__ import annotations

from typing import Any

import pytest

from reporter.chat.telegram.updates import Asked, read_update

PERSON = {"id": 7, "is_bot": False, "username": "ann"}
PRIVATE, GROUP = {"id": 7, "type": "private"}, {"id": -100, "type": "supergroup"}


def message(text: str, chat: dict[str, Any] = PRIVATE, **more: Any) -> dict[str, Any]:
    return {"update_id": 1, "message": {"message_id": 5, "chat": chat, "from": PERSON, "text": text, **more}}


def pressed(data: str, **more: Any) -> dict[str, Any]:
    query = {"id": "q", "from": PERSON, "message": {"message_id": 5, "chat": GROUP}, "data": data, **more}
    return {"update_id": 1, "callback_query": query}


@pytest.mark.parametrize(
    ("update", "text"),
    [
        (message("pnl weekly"), "pnl weekly"),
        (message("/pnl weekly"), "/pnl weekly"),
        (message("/pnl@floor_bot weekly", GROUP), "/pnl weekly"),
        (message("/pnl", GROUP), "/pnl"),
    ],
)
def test_a_question(update: dict[str, Any], text: str) -> None:
    found = read_update(update, "floor_bot")
    assert found is not None
    assert (found.text.strip(), found.identity, found.name) == (text, "telegram:7", "ann")


@pytest.mark.parametrize(
    "update",
    [
        message("good morning", GROUP),
        message("/pnl@other_bot", GROUP),
        message("/pnl", GROUP, sender_chat=GROUP),
        message("/pnl", GROUP) | {"message": {"chat": GROUP, "text": "/pnl"}},
        message("/pnl", **{"from": {"id": 9, "is_bot": True}}),
        {"update_id": 1, "edited_message": message("/pnl")["message"]},
        {"update_id": 1, "message": {"chat": "?", "from": [], "text": 5}},
        pressed("r1:ack"),
        pressed("r1:ack:abc:viewer=owner"),
        pressed("ack everything"),
        pressed("r1:ack:abc", message=None),
    ],
    ids=str,
)
def test_no_question(update: dict[str, Any]) -> None:
    assert read_update(update, "floor_bot") is None


def test_a_button() -> None:
    assert read_update(pressed("r1:ack:12ab"), "floor_bot") == Asked(
        7, "ann", -100, private=False, query="q", verb="ack", incident="12ab", message=5
    )
