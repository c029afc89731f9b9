"""How Sphinx makes the site of these pages: `make docs`."""

from reporter.version import __version__

project = "reporter"
author = "The authors of reporter"
release = __version__

extensions = ["myst_parser"]
myst_heading_anchors = 4
nitpicky = True  # a link to nowhere is a warning, and warnings are errors in the build
suppress_warnings = ["misc.highlighting_failure"]  # `…` and `env:NAME` stand in examples

html_theme = "furo"
html_title = f"reporter {release}"
html_show_copyright = False
