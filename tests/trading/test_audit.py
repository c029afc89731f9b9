from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from reporter.periods.weekly_hours import weekly_hours
from reporter.trading.audit import Auditor, AuditRule, AuditVerdict, TradeAudit
from reporter.trading.trades import Mode, Money, Trade

NOON = datetime(2026, 10, 30, 12, tzinfo=UTC)


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def trade(**given: Any) -> Trade:
    whole: dict[str, Any] = {
        "id": "1", "ledger": "bot", "agent": "Momentum", "strategy": None, "market": "BTC/USD", "side": "long",
        "opened_at": NOON - timedelta(hours=2), "closed_at": NOON, "size": Decimal(2), "entry_price": Decimal(50),
        "pnl": usd("-5"), "fees": usd("0.4"), "volume": usd("200"), "mode": Mode.LIVE,
    }  # fmt: skip
    return Trade(**{**whole, **given})


def judged(rule: dict[str, Any], *trades: Trade, zone: str = "UTC") -> TradeAudit:
    auditor = Auditor([AuditRule(name="rule", **rule)], zone)
    return [auditor.look(one) for one in trades][-1]


@pytest.mark.parametrize(("rule", "given", "verdict"), [
    ({"position": {"USD": usd("100")}}, {}, "passed"),
    ({"position": {"USD": usd("99")}}, {}, "failed"),
    ({"position": {"USD": usd("99")}}, {"size": None}, "not judged"),
    ({"position": {"EUR": usd("99")}}, {}, "not judged"),
    ({"loss": {"USD": usd("5")}}, {}, "passed"),
    ({"loss": {"USD": usd("4.99")}}, {}, "failed"),
    ({"markets": ("btc/*",)}, {}, "passed"),
    ({"markets": ("ETH/*",)}, {}, "failed"),
    ({"sides": ("LONG",)}, {}, "passed"),
    ({"sides": ("short",)}, {}, "failed"),
    ({"leverage": Decimal(3)}, {"leverage": Decimal("3.0")}, "passed"),
    ({"leverage": Decimal(3)}, {"leverage": Decimal("3.1")}, "failed"),
    ({"leverage": Decimal(3)}, {}, "not judged"),
    ({"holding": timedelta(hours=2)}, {}, "passed"),
    ({"holding": timedelta(hours=1)}, {}, "failed"),
    ({"holding": timedelta(hours=1)}, {"opened_at": None}, "not judged"),
    ({"hours": weekly_hours("08:00-20:00")}, {}, "passed"),
    ({"hours": weekly_hours("mon-fri 09:30-16:00 Europe/Berlin")}, {}, "passed"),
    ({"hours": weekly_hours("mon-fri 09:30-16:00 America/New_York")}, {}, "failed"),
    ({"hours": weekly_hours("mon-thu 08:00-20:00")}, {}, "failed"),
    ({"hours": weekly_hours("22:00-06:00")}, {}, "failed"),
    ({"hours": weekly_hours("08:00-20:00")}, {"opened_at": None}, "not judged"),
    ({"fee_share": Decimal("0.002")}, {}, "passed"),
    ({"fee_share": Decimal("0.001")}, {}, "failed"),
    ({"fee_share": Decimal("0.001")}, {"fees": None}, "not judged"),
])  # fmt: skip
def test_a_check_has_three_verdicts(rule: dict[str, Any], given: dict[str, Any], verdict: str) -> None:
    assert judged(rule, trade(**given)).verdict == verdict


def test_a_violation_says_by_how_much() -> None:
    [check] = judged({"position": {"USD": usd("80")}}, trade()).failed
    assert (check.expected, check.actual) == (usd("80"), usd("100"))
    assert (check.excess, check.share) == (usd("20"), Decimal("0.25"))


def test_leverage_reads_as_it_is_written() -> None:
    [check] = judged({"leverage": Decimal("3.0")}, trade(leverage=Decimal("20.0"))).failed
    assert (check.expected, check.actual, check.excess) == ("3×", "20×", "17×")


def test_the_loss_of_a_day_adds_up_and_starts_over_at_midnight() -> None:
    rule = {"daily_loss": {"USD": usd("8")}}
    assert judged(rule, trade(), trade()).verdict is AuditVerdict.FAILED
    assert judged(rule, trade(), trade(agent="Other")).verdict is AuditVerdict.PASSED
    assert judged(rule, trade(), trade(closed_at=NOON + timedelta(days=1))).verdict is AuditVerdict.PASSED
    late = trade(closed_at=NOON + timedelta(hours=11))
    assert judged(rule, late, trade(closed_at=NOON + timedelta(hours=13)), zone="America/New_York").failed


def test_a_pace_counts_the_trades_of_an_agent_in_the_span() -> None:
    rule = {"pace": (2, timedelta(hours=1))}
    close = [trade(closed_at=NOON + timedelta(minutes=20 * n)) for n in range(3)]
    assert [check.actual for check in judged(rule, *close).failed] == [3]
    assert (
        judged(rule, close[0], close[1], trade(closed_at=NOON + timedelta(minutes=60))).verdict is AuditVerdict.PASSED
    )


@pytest.mark.parametrize(("scope", "judges"), [
    ({"agents": ("Mom*",)}, True), ({"agents": ("Vol*",)}, False), ({"mode": Mode.PAPER}, False),
    ({"in_markets": ("BTC*",)}, True), ({"in_markets": ("ETH*",)}, False),
])  # fmt: skip
def test_a_rule_judges_whom_it_is_about(scope: dict[str, Any], judges: bool) -> None:
    assert bool(judged({"sides": ("long",), **scope}, trade()).checks) is judges


def test_what_could_not_be_judged_never_passed() -> None:
    rules = {"sides": ("long",), "leverage": Decimal(2)}
    assert judged(rules, trade()).verdict is AuditVerdict.NOT_JUDGED
    assert judged({**rules, "sides": ("short",)}, trade()).verdict is AuditVerdict.FAILED
