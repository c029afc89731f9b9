"""What a person does on a page only within ten minutes of logging in: delete, run, silence all, control."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from reporter.operations.table import BY_NAME
from reporter.store.web_keys import WebKey
from reporter.web.problems import ProblemError

FRESH = timedelta(minutes=10)
DANGEROUS = frozenset(
    {"send", "delete", *(one.name for one in BY_NAME.values() if one.group == "Control" and one.changes)}
)


class LoginTooOldError(ProblemError):
    """The session holds, but this act wants a newer login."""

    def __init__(self) -> None:
        super().__init__(
            403, "this needs a login that is less than ten minutes old", remedy="log in again, then do it once more"
        )


def is_dangerous(name: str, values: Mapping[str, Any]) -> bool:
    """Whether an operation with these arguments wants a fresh login."""
    operation = BY_NAME.get(name)
    found = operation.name if operation else name
    match found:
        case "silence":
            return not str(values.get("subject", "")).strip(" *?")
        case "alerts":
            return values.get("state") == "off"
    return found in DANGEROUS


def check_fresh(session: WebKey | None, name: str, values: Mapping[str, Any], now: datetime) -> None:
    """Refuse a dangerous operation of a session that began long ago. Raises LoginTooOldError."""
    if session and now - session.created_at > FRESH and is_dangerous(name, values):
        raise LoginTooOldError
