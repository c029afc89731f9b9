"""Which errors count against the target, and which only mean that it could not be measured."""

import errno
import socket

import httpx
import pytest

from reporter.alerts.model import Level
from reporter.probes.failures import explain


@pytest.mark.parametrize(
    ("error", "level", "detail"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), Level.CRITICAL, "refused"),
        (ConnectionResetError(errno.ECONNRESET, "x"), Level.CRITICAL, "closed the connection"),
        (OSError(errno.EHOSTUNREACH, "x"), Level.CRITICAL, "no route to the host"),
        (OSError(errno.ENETUNREACH, "x"), Level.UNKNOWN, "this machine has no route to that network"),
        (OSError(errno.EMFILE, "x"), Level.UNKNOWN, "the reporter has too many files open"),
        (socket.gaierror(socket.EAI_NONAME, "x"), Level.CRITICAL, "the host's name is not known"),
        (
            socket.gaierror(socket.EAI_AGAIN, "x"),
            Level.UNKNOWN,
            "names cannot be looked up: the name server does not answer",
        ),
        (ZeroDivisionError("secret"), Level.UNKNOWN, "the probe failed: ZeroDivisionError"),
    ],
)
def test_errors_in_words(error: Exception, level: Level, detail: str) -> None:
    sight = explain(error)
    assert (sight.level, sight.detail) == (level, detail)


def test_the_cause_is_found_below_wrappers_and_groups() -> None:
    group = ExceptionGroup(
        "all attempts", [OSError(errno.ECONNREFUSED, "::1"), OSError(errno.ECONNREFUSED, "127.0.0.1")]
    )
    middle = OSError("All connection attempts failed")
    middle.__cause__ = group
    outer = httpx.ConnectError("https://bot:hunter2@example.com/")
    outer.__context__ = middle
    assert explain(outer).detail == "refused"


@pytest.mark.parametrize(
    ("errors", "detail"),
    [
        ([errno.ENETUNREACH, errno.ECONNREFUSED], "refused"),
        ([errno.ETIMEDOUT, errno.ECONNREFUSED], "refused"),
        ([errno.ENETUNREACH, errno.ETIMEDOUT], "the connection timed out"),
        ([errno.ENETUNREACH, errno.ENETUNREACH], "this machine has no route to that network"),
    ],
)
def test_of_several_addresses_the_one_that_answered_says_most(errors: list[int], detail: str) -> None:
    assert explain(ExceptionGroup("all", [OSError(number, "x") for number in errors])).detail == detail


def test_causes_that_lead_in_a_circle_end() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__context__, two.__context__ = two, one
    assert explain(one).level is Level.UNKNOWN
