"""The words a job needs: `from reporter import Context, Report, job`. Each is loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from reporter.alerts import AlertState as AlertState
    from reporter.alerts import Level as Level
    from reporter.alerts import Observation as Observation
    from reporter.alerts import name_of as name_of
    from reporter.boards import MARKS as MARKS
    from reporter.boards import TITLES as TITLES
    from reporter.boards import TONES as TONES
    from reporter.boards import WORST_FIRST as WORST_FIRST
    from reporter.boards import BoardParams as BoardParams
    from reporter.boards import began as began
    from reporter.boards import status_board as status_board
    from reporter.boards import summary as summary
    from reporter.boards import usually as usually
    from reporter.boards import worst as worst
    from reporter.books import Book as Book
    from reporter.books import By as By
    from reporter.books import Course as Course
    from reporter.books import LedgerHealth as LedgerHealth
    from reporter.books import Line as Line
    from reporter.books import Series as Series
    from reporter.books import Unread as Unread
    from reporter.books import leading as leading
    from reporter.books import ranks as ranks
    from reporter.books import share_of as share_of
    from reporter.context import Affairs as Affairs
    from reporter.context import Context as Context
    from reporter.context import Limits as Limits
    from reporter.context import Params as Params
    from reporter.context import Reading as Reading
    from reporter.context import Report as Report
    from reporter.context import job as job
    from reporter.context import tone_of as tone_of
    from reporter.errors import LedgerError as LedgerError
    from reporter.formats import duration as duration
    from reporter.formats import size as size
    from reporter.gauges import Gauge as Gauge
    from reporter.gauges import Grading as Grading
    from reporter.gauges import Measure as Measure
    from reporter.gauges import Party as Party
    from reporter.gauges import PartyKey as PartyKey
    from reporter.gauging import LIMIT_MEASURES as LIMIT_MEASURES
    from reporter.gauging import LimitParams as LimitParams
    from reporter.gauging import Look as Look
    from reporter.gauging import gauges_of as gauges_of
    from reporter.gauging import unjudged as unjudged
    from reporter.machine import Host as Host
    from reporter.message import Severity as Severity
    from reporter.message import Tone as Tone
    from reporter.periods import Period as Period
    from reporter.standing import ENOUGH_DAYS as ENOUGH_DAYS
    from reporter.standing import Carriers as Carriers
    from reporter.standing import Change as Change
    from reporter.standing import Goals as Goals
    from reporter.standing import Split as Split
    from reporter.standing import Trail as Trail
    from reporter.standing import carriers as carriers
    from reporter.standing import change as change
    from reporter.standing import goals as goals
    from reporter.standing import split as split
    from reporter.standing import trail as trail
    from reporter.thresholds import Threshold as Threshold
    from reporter.trades import Agent as Agent
    from reporter.trades import Mode as Mode
    from reporter.trades import Money as Money
    from reporter.trades import Position as Position
    from reporter.trades import Trade as Trade
    from reporter.trends import until_full as until_full
    from reporter.uptime import Uptime as Uptime
    from reporter.vitals import MACHINE_SUBJECTS as MACHINE_SUBJECTS
    from reporter.vitals import OWN_SUBJECTS as OWN_SUBJECTS
    from reporter.vitals import Bounds as Bounds
    from reporter.vitals import MachineLimits as MachineLimits
    from reporter.vitals import OwnLimits as OwnLimits
    from reporter.vitals import Vital as Vital
    from reporter.vitals import machine_vitals as machine_vitals
    from reporter.vitals import own_vitals as own_vitals

_HOMES = {
    "AlertState": "alerts",
    "Level": "alerts",
    "Observation": "alerts",
    "name_of": "alerts",
    "BoardParams": "boards",
    "MARKS": "boards",
    "TITLES": "boards",
    "TONES": "boards",
    "WORST_FIRST": "boards",
    "began": "boards",
    "status_board": "boards",
    "summary": "boards",
    "usually": "boards",
    "worst": "boards",
    "Affairs": "context",
    "Context": "context",
    "Limits": "context",
    "Params": "context",
    "Reading": "context",
    "Report": "context",
    "job": "context",
    "tone_of": "context",
    "LedgerError": "errors",
    "duration": "formats",
    "size": "formats",
    "Gauge": "gauges",
    "Grading": "gauges",
    "Measure": "gauges",
    "Party": "gauges",
    "PartyKey": "gauges",
    "LIMIT_MEASURES": "gauging",
    "LimitParams": "gauging",
    "Look": "gauging",
    "gauges_of": "gauging",
    "unjudged": "gauging",
    "Host": "machine",
    "Severity": "message",
    "Tone": "message",
    "Period": "periods",
    "ENOUGH_DAYS": "standing",
    "Carriers": "standing",
    "Change": "standing",
    "Goals": "standing",
    "Split": "standing",
    "carriers": "standing",
    "change": "standing",
    "goals": "standing",
    "split": "standing",
    "Trail": "standing",
    "trail": "standing",
    "Threshold": "thresholds",
    "Agent": "trades",
    "Book": "books",
    "By": "books",
    "Course": "books",
    "LedgerHealth": "books",
    "Line": "books",
    "Mode": "trades",
    "Money": "trades",
    "Position": "trades",
    "Series": "books",
    "Trade": "trades",
    "Unread": "books",
    "leading": "books",
    "ranks": "books",
    "share_of": "books",
    "until_full": "trends",
    "MACHINE_SUBJECTS": "vitals",
    "OWN_SUBJECTS": "vitals",
    "Bounds": "vitals",
    "MachineLimits": "vitals",
    "OwnLimits": "vitals",
    "Vital": "vitals",
    "machine_vitals": "vitals",
    "own_vitals": "vitals",
    "Uptime": "uptime",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'reporter' has no attribute {name!r}")
    return getattr(import_module(f"reporter.{_HOMES[name]}"), name)
