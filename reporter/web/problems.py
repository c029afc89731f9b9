"""Every refusal as problem+json (RFC 9457): what is wrong, where, and what to do instead."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import JSONResponse


class ProblemError(Exception):
    """A request that cannot be answered. `where` names the place in it, `remedy` what to write instead."""

    def __init__(
        self, status: int, detail: str, *, where: str = "", remedy: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.where = where
        self.remedy = remedy
        self.headers = headers or {}


def problem(error: ProblemError) -> JSONResponse:
    content = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        "where": error.where,
        "remedy": error.remedy,
    }
    filled = {key: value for key, value in content.items() if value != ""}
    return JSONResponse(filled, error.status, error.headers, media_type="application/problem+json")
