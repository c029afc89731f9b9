"""Prints the JSON Schema of the config: `python -m reporter.config > config/schema.json`."""

import json
import sys

from reporter.config.loading import schema

json.dump(schema(), sys.stdout, indent=2, ensure_ascii=False)
sys.stdout.write("\n")
