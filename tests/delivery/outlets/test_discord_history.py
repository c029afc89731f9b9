"""What may be concluded from the messages of a channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reporter.delivery.outlets.discord.history import conclusion
from reporter.delivery.outlets.outlet import Absent, Delivered, Unclear

OURS, KNOWN, REFERENCE = "1", ("100", "101"), "ref 1a2b3c"


def is_ours(message: Mapping[str, Any]) -> bool:
    return bool(message["webhook_id"] == OURS)


def said(id_: str, footer: str | None = REFERENCE, webhook: str = OURS) -> dict[str, Any]:
    """A message of a channel; one without a footer is shown without its content."""
    embeds = [] if footer is None else [{"footer": {"text": f"delivered 3m late · {footer}"}}]
    return {"id": id_, "channel_id": "7", "webhook_id": webhook, "embeds": embeds}


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([], Absent()),
        ([said("102")], Delivered("102", destination="7")),
        ([said("102"), said("103", "ref 999999")], Delivered("102", destination="7")),
        ([said("103", "ref 999999")], Absent()),
        ([said("103", webhook="2")], Absent()),
        ([said("102", None)], Delivered("102", destination="7")),
        ([said("102", None), said("103", None)], Unclear("several messages could be it")),
    ],
)
def test_a_message_is_known_by_its_webhook_and_its_reference(
    others: list[dict[str, Any]], expected: Absent | Delivered | Unclear
) -> None:
    assert conclusion([*others, said("101", "ref 000000")], is_ours, REFERENCE, KNOWN) == expected


def test_nothing_is_concluded_where_no_known_message_is_seen() -> None:
    assert isinstance(conclusion([], is_ours, REFERENCE, KNOWN), Unclear)
    assert isinstance(conclusion([said("102")], is_ours, REFERENCE, KNOWN), Unclear)
