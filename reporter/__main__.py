"""Runs the command line: `python -m reporter`."""

import sys

from reporter.cli.parser import main

sys.exit(main())
