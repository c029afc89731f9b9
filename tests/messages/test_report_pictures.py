"""A picture on its way: from the template beside that of a message into Discord's embed, or into a console's folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reporter.app.check import check_home
from reporter.app.home import FolderHome
from tests.support.clocks import HandClock
from tests.support.discord.local import LocalDiscord
from tests.support.stage import DAILY, Stage

SAID = "<title>The day &lt;{{ period.label }}></title>"
LABEL = '<text y="9" font-size="6">{{ period.label }}</text>'
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30">{SAID}{LABEL}</svg>'


@pytest.fixture
def home(stage: Stage) -> Stage:
    stage.report("daily", DAILY).write("templates/daily.svg.j2", SVG)
    return stage


def settled(home: Stage, settings: str) -> Stage:
    """The same home with a console that has further settings."""
    config = home.folder / "config/reporter.yaml"
    config.write_text(config.read_text().replace("kind: console", f"kind: console, {settings}"))
    return home


def test_a_picture_is_shown_in_the_embed(home: Stage, discord: LocalDiscord) -> None:
    home.on_discord(discord, "  daily:").run("daily", "2026-10-30")
    [message] = discord.messages("daily")
    [(name, content)] = message.files.items()
    assert message.body["embeds"][0]["image"] == {"url": f"attachment://{name}"}
    assert (name, content[1:4]) == ("daily.png", b"PNG")
    assert message.body["attachments"] == [{"id": 0, "filename": name, "description": "The day <2026-10-30>"}]
    assert not message.warnings


def test_of_the_same_facts_comes_the_same_picture(home: Stage, discord: LocalDiscord) -> None:
    home.on_discord(discord, "  daily:")
    for day in ("2026-10-30", "2026-10-30", "2026-10-29"):
        home.run("daily", day, force=True)
    first, again, other = (message.files["daily.png"] for message in discord.messages("daily"))
    assert first == again != other


@pytest.mark.parametrize("entry", ["{charts: false}", "{}"])
def test_a_picture_is_switched_off_by_the_config_or_an_empty_template(
    home: Stage, discord: LocalDiscord, entry: str
) -> None:
    if entry == "{}":
        home.write("templates/daily.svg.j2", "")
    home.on_discord(discord, f"  daily: {entry}").run("daily", "2026-10-30")
    [message] = discord.messages("daily")
    assert (message.files, "image" in message.body["embeds"][0]) == ({}, False)


@pytest.mark.parametrize("broken", ["<svg>{{ nothing }}</svg>", "{% if %}", "<svg/>", SVG.replace("<text", "<txt<")])
def test_a_picture_that_fails_stops_no_report(
    home: Stage, discord: LocalDiscord, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    home.write("templates/daily.svg.j2", broken)
    home.on_discord(discord, "  daily:").run("daily", "2026-10-30")
    [message] = discord.messages("daily")
    assert (message.body["embeds"][0]["title"], message.files) == ("2026-10-30", {})
    assert caplog.text.count("daily goes out without its picture") == (0 if broken == "<svg/>" else 1)


def test_a_console_has_no_pictures_unless_it_is_told_where_to_put_them(home: Stage) -> None:
    home.on_screen("  daily:").run("daily", "2026-10-30")
    assert "daily.png" not in home.screen.getvalue()
    settled(home, "pictures: drawn").restart().run("daily", "2026-10-30", force=True)
    [path] = (home.folder / "drawn").iterdir()
    assert f"🖼️{path}" in re.sub(r"[\s▌]", "", home.screen.getvalue())
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_takes_no_picture_stops_no_report(home: Stage) -> None:
    home.write("drawn", "a file")
    settled(home.on_screen("  daily:"), "pictures: drawn").run("daily", "2026-10-30")
    assert "🖼️ daily.png" in home.screen.getvalue()


def test_check_reads_pictures_too(home: Stage, discord: LocalDiscord) -> None:
    home.on_discord(discord, "  daily:")
    found = check_home(FolderHome(home.folder, clock=HandClock(), environ=home.environ))
    assert {"3 templates can be read", "pictures can be drawn"} <= {one.text for one in found}
    home.write("templates/daily.svg.j2", "<svg>\n{% if %}</svg>")
    found = check_home(FolderHome(home.folder, clock=HandClock(), environ=home.environ))
    [trouble] = [one.text for one in found if one.trouble]
    assert trouble.startswith("templates/daily.svg.j2:2: ")


LOADED = """\
import sys
from reporter.cli import main
main(sys.argv[1:])
print("drawn" if "resvg_py" in sys.modules else "not")
"""


@pytest.mark.parametrize("settings", ["kind: console", "kind: console, pictures: drawn"])
def test_the_process_itself_never_loads_what_draws(home: Stage, settings: str) -> None:
    home.on_screen("  daily:")
    config: Path = home.folder / "config/reporter.yaml"
    config.write_text(config.read_text().replace("kind: console", settings))
    command = [sys.executable, "-c", LOADED, "--home", str(home.folder), "run-job", "daily"]
    done = subprocess.run(command, env=os.environ | home.environ, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["not"], done.stderr
