"""Which services of Apprise a channel may name: those that send over the network to somewhere else."""

from __future__ import annotations

import re

# fmt: off
ALLOWED = frozenset((
    "apprise", "apprises", "bark", "barks", "betterstack", "bluesky", "bsky", "discord", "flock", "form",
    "forms", "gchat", "googlechat", "gotify", "gotifys", "ifttt", "incidentio", "json", "jsons", "lark", "line",
    "mailgun", "mailto", "mailtos", "mastodon", "mastodons", "matrix", "matrixs", "mmost", "mmosts", "msteams",
    "nctalk", "nctalks", "ntfy", "ntfys", "o365", "onesignal", "opsgenie", "pagerduty", "pbul", "postmark",
    "pover", "prowl", "psafer", "psafers", "pushed", "pushover", "pushsafer", "resend", "rocket", "rockets",
    "sendgrid", "ses", "signal", "signals", "simplepush", "slack", "smtp2go", "sns", "sparkpost", "spush",
    "synology", "synologys", "teams", "telegram", "tgram", "threema", "twilio", "victorops", "webex",
    "whatsapp", "workflow", "workflows", "wxteams", "xml", "xmls", "xmpp", "xmpps", "zulip",
))
"""By their schemas. `allow` on a channel adds others."""
LOCAL = frozenset((
    "blink1", "dbus", "gio", "glib", "gnome", "kde", "klr", "kodi", "kodis", "macosx", "qt", "syslog",
    "windows", "xbmc", "xbmcs",
))
"""What acts on this machine or shows something on its screen: never allowed."""
# fmt: on

_SCHEMA = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def schema_of(url: str) -> str | None:
    """The schema of a URL of Apprise, in lower case; None if it is no URL."""
    found = _SCHEMA.match(url)
    return found[1].lower() if found else None
