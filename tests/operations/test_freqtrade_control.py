"""Control of freqtrade bots: a pause is no stop, and what is said is what the bot itself says afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reporter.actions.freqtrade import VERBS
from reporter.errors import ReporterError
from tests.operations.floors import CONFIG, ask, floor
from tests.operations.test_control import audited, code_of
from tests.support.freqtrade import PASSWORD, USER, Freqtrade
from tests.support.stage import Stage

ACTIONS = """
actions:
  pause: &bots
    timeout: 0.5s
    freqtrade:
      Momentum_BTC_v1: {{url: "{url}", username: {user}, password: env:FT_PASSWORD}}
  resume: *bots
  stop: *bots
  exit: *bots
  reload: *bots
"""


@pytest.fixture(params=["new", "old"])
def bot(request: pytest.FixtureRequest) -> Iterator[Freqtrade]:
    made = Freqtrade(old=request.param == "old")
    yield made
    made.close()


@pytest.fixture
def stage(tmp_path: Path, bot: Freqtrade) -> Iterator[Stage]:
    found = floor(tmp_path, CONFIG + ACTIONS.format(url=bot.url, user=USER))
    found.environ["FT_PASSWORD"] = PASSWORD
    yield found
    found.close()


def done(stage: Stage, verb: str) -> str:
    return ask(stage, f"confirm {code_of(ask(stage, f'{verb} agent Momentum_BTC_v1'))}")


def verbs(bot: Freqtrade) -> list[str]:
    return [verb for verb in bot.calls if verb not in {"show_config", "status"}]


def test_a_pause_lets_trades_run_on_and_a_resume_ends_it(stage: Stage, bot: Freqtrade) -> None:
    proposed = ask(stage, "pause agent Momentum_BTC_v1")
    assert "open trades run on" in proposed
    assert "It is now running, paper" in proposed
    assert bot.calls == ["show_config", "status"]
    paused = ask(stage, f"confirm {code_of(proposed)}")
    assert "⏸️ Paused agent: Momentum_BTC_v1" in paused
    assert "is paused, 2 open trades, paper" in paused
    assert "It is now paused, paper (before: running, paper)" in paused
    assert "is running, 2 open trades" in done(stage, "resume")
    assert verbs(bot) == ["stopentry", "reload_config" if bot.old else "start"]


def test_a_stop_says_how_many_trades_nobody_will_manage(stage: Stage, bot: Freqtrade) -> None:
    proposed = ask(stage, "stop agent Momentum_BTC_v1")
    assert "nobody manages its open trades" in proposed
    assert "It is now running, 2 open trades, paper" in proposed
    bot.trades = 3
    with pytest.raises(ReporterError, match="3 open trades, paper now: ask anew"):
        ask(stage, f"confirm {code_of(proposed)}")
    assert bot.state == "running"
    assert "is stopped, 3 open trades, paper" in done(stage, "stop")


def test_a_pause_of_a_stopped_bot_says_that_it_starts_it(stage: Stage, bot: Freqtrade) -> None:
    bot.state = "stopped"
    assert "stopped, paper (a pause starts it" in ask(stage, "pause agent Momentum_BTC_v1")
    answer = done(stage, "pause")
    assert "pause Momentum_BTC_v1: failed" in answer if bot.old else "is paused, 2 open trades" in answer


def test_all_trades_are_closed_or_the_refusal_is_told(stage: Stage, bot: Freqtrade) -> None:
    assert "is running, 0 open trades" in done(stage, "exit")
    bot.state, bot.trades = "stopped", 2
    answer = done(stage, "exit")
    assert "exit Momentum_BTC_v1: failed" in answer
    assert "refuses (502: Error querying /api/v1/forceexit: trader is not running)" in answer
    assert audited(stage)[-1] == ("failed", "exit", "anna")


def test_a_bot_that_says_yes_and_does_nothing_has_failed(stage: Stage, bot: Freqtrade) -> None:
    bot.deaf = {"stopentry"}
    answer = done(stage, "pause")
    assert "pause Momentum_BTC_v1: failed" in answer
    assert "but is running, 2 open trades" in answer


def test_what_hangs_is_not_known(stage: Stage, bot: Freqtrade) -> None:
    bot.hangs = {"stopentry"}
    answer = done(stage, "pause")
    assert "pause Momentum_BTC_v1: not known" in answer
    assert "does not answer (ReadTimeout); whether it was done is not known" in answer
    assert "It is now running, paper" in answer
    assert audited(stage)[-1] == ("not known", "pause", "anna")


def test_a_reload_is_waited_for_while_the_bot_is_away(stage: Stage, bot: Freqtrade) -> None:
    assert "It is now running, paper" in ask(stage, "reload agent Momentum_BTC_v1")
    assert "is running, 2 open trades" in done(stage, "reload")
    bot.state, bot.initial = "stopped", "stopped"
    proposed = ask(stage, "reload agent Momentum_BTC_v1")
    assert "It is now stopped, paper (a reload ends that: initial_state of its config counts)." in proposed
    assert "is stopped, 2 open trades" in ask(stage, f"confirm {code_of(proposed)}")


def test_what_is_not_seen_afterwards_is_not_known(
    stage: Stage, bot: Freqtrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    for verb in ("exit", "reload"):
        monkeypatch.setitem(VERBS, verb, replace(VERBS[verb], pauses=(0.01,)))
    bot.fills, bot.reloading = False, 60
    assert 'open trades.", but is running, 2 open trades' in (answer := done(stage, "exit"))
    assert "exit Momentum_BTC_v1: not known" in answer
    proposed = ask(stage, "reload agent Momentum_BTC_v1")
    bot.limited, bot.calls = True, ["status"] * 19
    answer = ask(stage, f"confirm {code_of(proposed)}")
    assert "reload Momentum_BTC_v1: not known" in answer
    assert "then refuses (429: Rate limit exceeded. Try again later.); whether it was done is not known" in answer


def test_a_bot_that_is_away_or_refuses_the_login_is_told_at_once(stage: Stage, bot: Freqtrade) -> None:
    stage.environ["FT_PASSWORD"] = "wrong"
    with pytest.raises(ReporterError, match=r"refuses the login \(401: Incorrect username or password\)"):
        ask(stage, "pause agent Momentum_BTC_v1")
    assert bot.calls == []
    assert audited(stage)[-1] == ("refused", "pause", "anna")


def test_an_answer_nested_too_deep_to_be_read_is_told(stage: Stage, bot: Freqtrade) -> None:
    bot.garbled = b"[" * 100_000
    with pytest.raises(ReporterError, match="answers with no JSON: is this its address"):
        ask(stage, "pause agent Momentum_BTC_v1")


def test_a_bot_that_limits_requests_is_told(stage: Stage, bot: Freqtrade) -> None:
    if bot.old:
        pytest.skip("an old bot has no limit")
    bot.calls += ["reload_config"] * 5
    assert "refuses (429: Rate limit exceeded" in done(stage, "reload")
