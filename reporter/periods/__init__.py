"""Civil time: periods, schedules, the clock. A job file uses `from reporter.periods import trailing`."""

from reporter.periods.civil import *
