"""The words of every job file: `from reporter import Context, Report, job`. This list is the only one."""

from reporter.alerts.model import Level as Level
from reporter.alerts.model import Observation as Observation
from reporter.errors import LedgerError as LedgerError
from reporter.jobs.context import Context as Context
from reporter.jobs.context import Params as Params
from reporter.jobs.context import Report as Report
from reporter.jobs.context import job as job
from reporter.messages.message import Severity as Severity
from reporter.messages.message import Tone as Tone
from reporter.periods.civil import Period as Period
from reporter.trading.books import AllTime as AllTime
from reporter.trading.books import Book as Book
from reporter.trading.books import BookLine as BookLine
from reporter.trading.books import By as By
from reporter.trading.books import Series as Series
from reporter.trading.trades import Mode as Mode
from reporter.trading.trades import Money as Money
from reporter.trading.trades import Position as Position
from reporter.trading.trades import Trade as Trade
