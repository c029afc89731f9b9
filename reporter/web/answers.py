"""How a handler answers: work in a thread within its time, failures as problems, JSON with an ETag."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from reporter.errors import ReporterError, StoreError
from reporter.messages.message import Message, plain, plain_blocks
from reporter.operations.operation import NotAllowedError, NotUnderstoodError
from reporter.secret import masked
from reporter.web.problems import ProblemError

T = TypeVar("T")

ANSWER_SECONDS = 30.0


async def within(work: Callable[[], T], seconds: float = ANSWER_SECONDS) -> T:
    """Work in a thread, within its time; a failure that has a sentence becomes a problem."""
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(work)
    except TimeoutError:
        detail = f"there was no answer within {seconds:.0f} s"
        raise ProblemError(503, detail, remedy="ask for less, or later", headers={"Retry-After": "10"}) from None
    except NotUnderstoodError as error:
        raise ProblemError(422, str(error)) from None
    except NotAllowedError as error:
        raise ProblemError(403, str(error)) from None
    except StoreError:
        raise ProblemError(503, "the store is busy", headers={"Retry-After": "5"}) from None
    except ReporterError as error:
        raise ProblemError(409, str(error)) from None


def as_json(request: Request, found: Any, headers: Mapping[str, str] | None = None, tag: str | None = None) -> Response:
    """The answer, or 304 where the caller has it already; `tag` names it, else its content does."""
    text = masked(json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    body = text.encode("utf-8", "replace")
    tag = tag or hashlib.sha256(body).hexdigest()[:32]
    if request.method in {"GET", "HEAD"} and tag in request.headers.get("if-none-match", ""):
        return not_modified(tag)
    return Response(body, headers={**_named(tag), **(headers or {})}, media_type="application/json")


def not_modified(tag: str) -> Response:
    return Response(status_code=304, headers=_named(tag))


def _named(tag: str) -> dict[str, str]:
    """Nothing between may keep an answer."""
    return {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}


def lines_of(message: Message) -> list[str]:
    """A message as bare text."""
    lines = [plain(message.title), *plain_blocks(message.body)]
    for field in message.fields:
        lines += [plain(field.name), *plain_blocks(field.blocks)]
    return [line for line in [*lines, plain(message.footer)] if line]
