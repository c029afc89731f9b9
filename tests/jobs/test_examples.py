"""The messages of a floor beside the examples that they were asked for by: the same facts, in the same order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reporter.inbox.send import send_events
from reporter.messages.message import plain_blocks
from reporter.store.database import open_store
from tests.inbox.test_send import NOW, hand_in, sent, settings
from tests.support import golden
from tests.support.paths import GOLDEN

# The facts of each example, as its reader finds them, and the golden file that has them.
REPORTS = {
    # The board has the ledgers and their agents first, then what is probed, in the order of the config.
    "system health": ("health_probe-well", "✅ System Health Check – All Systems Operational", "🟢", "online",
                      "Trading agents", "3/3 running", "redis", "online", "polymarket-api", "online", "up since"),
    "critical alert": ("alert-agent", "🚨 CRITICAL", "silent: Momentum", "last heartbeat at", "Since", "2026-10-30"),
    "daily loss limit": ("alert-daily-loss", "🚨 DAILY LOSS LIMIT REACHED", "Daily Loss", "-105.50", "Limit",
                         "-100.00"),
    "warning": ("alert-warning", "⚠️ Warning", "polymarket-api", "Measured", "2.3s", "500ms"),
    "agent started": ("agents_status", "🟢 Agent Started: Momentum_BTC_v1", "Mode", "Paper Trading", "Capital", "$50",
                      "Strategy", "Markets", "BTC-15m"),
    "agent stopped": ("agents_status_stopped", "🔴 Agent Stopped: Volume_ETH_v1", "Final Stats", "43% win rate", "P&L",
                      "Runtime", "Total Trades"),
    "capital reallocation": ("capital_allocation", "💵 Capital Reallocation", "$50.00 → $100.00 (+100%)",
                             "Total Allocated: $450.00 / $1,000.00 (45%)", "Available: $550.00"),
    "agent performance": ("agent_performance", "📊 Agent Performance Update", "⭐ Momentum_BTC_v1", "4 trades",
                          "75% (3W/1L)", "1h: **+12.30", "24h: +45.60", "🟢 Healthy", "📈 Mean_Reversion_ETH",
                          "⚠️ Monitoring", "📉 Volume_BTC_v2", "0 trades", "N/A"),
    "agent under review": ("agent_performance_demo", "📉", "⚠️ Under Review"),
    "trade executed": ("trades_executed", "📝 Trade Executed", "Agent", "Momentum_BTC_v1", "Market", "BTC-USD-UP-15m",
                       "Side", "YES", "Amount", "$20.00", "Price", "0.5423", "Fees", "Mode", "📄 Paper Trading",
                       "Time", "2026-01-30 14:23:45 UTC", "Trade ID"),
    "position closed": ("positions_closed", "💰 Position Closed – PROFIT", "Agent", "Market", "Side", "YES", "Entry",
                        "0.5423 @ 14:23:45", "Exit", "0.6891 @ 14:38:12", "Duration", "14m 27s", "Size", "$20.00",
                        "P&L", "+$5.94", "(+29.70%)", "Outcome", "Market resolved YES ✅"),
    "live P&L": ("pnl_realtime", "💹 Real-Time P&L", "Current Balance", "Starting Balance", "Total P&L", "+45.60",
                 "Unrealised P&L", "+12.30", "Realised P&L", "+33.30", "Today's Performance", "Trades", "Win Rate",
                 "Best Trade", "Worst Trade", "Fees Paid"),
    # A report opens with its P&L (docs/reports.md); the rest is in the example's order.
    "the day": ("daily_summary", "📊 Daily Performance Report", "Daily P&L", "Balance", "Trades", "Win Rate",
                "🏆 Top Performers", "1. Momentum_BTC_v1: **+28.40", "📉 Underperformers", "Mean_Reversion_ETH",
                "📈 Best Trade", "📉 Worst Trade", "💸 Fees Paid", "🎯 Targets", "Daily Target", "Win Rate Target",
                "Max Drawdown Limit"),
    "leaderboard": ("weekly_leaderboard", "🏆 Agent Leaderboard", "🥇", "Momentum_BTC_v1", "P&L: +234.50", "WR",
                    "Sharpe", "🥈", "🥉", "5️⃣", "6️⃣", "⚠️", "P&L: -120.00", "Status: Under Review"),
    "audit passed": ("audit_trades_passed", "✅ Trade Audit Passed", "Trade ID", "Agent", "Momentum_BTC_v1",
                     "Validations", "Position size: ✅ $20.00 (limit: $100.00)", "Daily loss: ✅", "Market: ✅"),
    "audit failed": ("audit_trades_failed", "❌ Trade Audit FAILED", "Trade ID", "Agent", "Mean_Reversion_ETH",
                     "Issue", "Position size", "exceeded limit", "$125", "Limit", "$100", "Overage", "+$25", "(25%)",
                     "Severity", "Medium"),
    "risk": ("alert-risk", "⚠️ Approaching Daily Loss Limit", "Volume_ETH_v1", "-85.30", "Limit", "-100.00",
             "85% used"),
    "market": ("market_update", "📈 BTC Market Update", "Current Price", "0.5734", "Change (15m)", "+4.25%", "Volume",
               "45,234", "Liquidity", "High", "Signals", "├─ Momentum: 🟢 BUY (strength: 0.82)",
               "├─ Mean Reversion: 🔴 SELL (strength: 0.45)", "└─ Volume: 🟡 NEUTRAL"),
    "database": ("database_status", "🗄️ Database Health Check", "online", "Latency: 5ms", "Connections: 8 of 50",
                 "Slow queries: 0", "Last checkpoint: 2 minutes ago", "234.0 MiB of 10.0 GiB (2.3%)"),
}  # fmt: skip

# What programs hand in, and the first lines of the message.
EVENTS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "agent deployed": (
        {"kind": "system", "title": "New Agent Deployed", "fields": {
            "agent": "Momentum_BTC_v2", "strategy": "Momentum", "capital_allocated": "$50",
            "status": "Paper Trading Mode"}},
        ("ℹ️ New Agent Deployed", "Agent", "Momentum_BTC_v2", "Strategy", "Momentum", "Capital Allocated", "$50",
         "Status", "Paper Trading Mode")),
    "agent removed": (
        {"kind": "decision", "title": "Floor Boss Decision: Agent Removal", "fields": {
            "agent": "Mean_Reversion_ETH_v1", "reason": "Win rate below threshold (42% over 7 days)",
            "threshold": "45%", "trades_analyzed": 156, "action": "Agent stopped and archived"}},
        ("🎯 Floor Boss Decision: Agent Removal", "Agent", "Mean_Reversion_ETH_v1", "Reason", "(42% over 7 days)",
         "Threshold", "45%", "Trades Analyzed", "156", "Action", "Agent stopped and archived")),
    "agent cloned": (
        {"kind": "decision", "title": "Floor Boss Decision: Agent Cloning", "fields": {
            "source_agent": "Momentum_BTC_v1", "performance": "64% win rate, +$234.50 P&L (14 days)",
            "new_agent": "Momentum_BTC_v2", "variation": "Increased lookback period (10 → 15)", "capital": "$75",
            "mode": "Paper Trading (7 day trial)"}},
        ("🎯 Floor Boss Decision: Agent Cloning", "Source Agent", "Performance", "64% win rate, +$234.50", "New Agent",
         "Variation", "(10 → 15)", "Capital", "$75", "Mode", "Paper Trading")),
    "capital moved": (
        {"kind": "allocation", "title": "Capital Reallocation", "fields": {
            "agent": "Momentum_BTC_v1", "before": "$50", "after": "$100", "change": "+100%",
            "total_allocated": "$450 / $1000 (45%)", "free": "$550", "reason": "Consistent outperformance"}},
        ("💵 Capital Reallocation", "Agent", "$50", "$100", "+100%", "Reason", "Consistent outperformance",
         "Total Allocated", "$450 / $1000 (45%)", "$550")),
    "agent started": (
        {"kind": "agent_started", "fields": {
            "mode": "Paper Trading", "capital": "$50", "strategy_config": "lookback=10, threshold=0.02",
            "markets": "BTC-15m-UP, BTC-15m-DOWN", "agent": "Momentum_BTC_v1"}},
        ("🟢 Agent Started", "Momentum_BTC_v1", "Mode", "Capital", "$50", "Markets", "BTC-15m-DOWN", "Strategy Config",
         "threshold=0.02")),
    "agent stopped": (
        {"kind": "agent_stopped", "fields": {
            "agent": "Volume_ETH_v1", "reason": "Performance below threshold", "runtime": "14 days", "pnl": "-$23.45",
            "win_rate": "43%", "trades": 87}},
        ("🔴 Agent Stopped", "Volume_ETH_v1", "Reason", "43%", "-$23.45", "Runtime", "14 days", "Trades", "87")),
    "risk": (
        {"kind": "risk_alert", "severity": "warning", "title": "Agent Approaching Daily Loss Limit", "fields": {
            "agent": "Volume_ETH_v1", "current_loss": "-$85.30", "limit": "-$100.00",
            "remaining": "$14.70 (85% used)", "action": "Reducing position sizes by 50%"}},
        ("⚠️ Agent Approaching Daily Loss Limit", "Agent", "Volume_ETH_v1", "Current Loss", "-$85.30", "Limit",
         "-$100.00", "Remaining", "(85% used)", "Action", "Reducing")),
    "signal": (
        {"kind": "signal_generated", "fields": {
            "asset": "Bitcoin", "signal": "LONG", "price": 117678.19, "strength": "STRONG", "confidence": 0.85,
            "position_size": 0.018, "stop_loss": 110000, "take_profit": 130000, "volatility": 0.1067,
            "volatility_ratio": "6.03x", "reason": "Volatility breakout: 10.67% > 5.95% threshold"}},
        ("📈 LONG Signal: Bitcoin", "💰 Price", "117,678.19", "💪 Strength", "STRONG", "🎯 Confidence", "85.0%",
         "📊 Position Size", "1.8%", "Stop Loss", "110,000", "🎯 Take Profit", "130,000", "📈 Volatility", "10.67%",
         "📊 Volatility Ratio", "6.03x", "Reason", "Volatility breakout: 10.67% > 5.95% threshold")),
}  # fmt: skip

# The kinds of a trading system's notices: mark, title and the order of the fields.
KINDS = {
    "build_success": ("✅ Build Successful", "repository commit duration artifacts"),
    "build_failure": ("❌ Build Failed", "repository error logs commit"),
    "deployment_started": ("🚀 Deployment Started", "service server version eta"),
    "deployment_success": ("🎉 Deployment Complete", "service server health_status logs"),
    "service_restart": ("🔄 Service Restarted", "service server reason status"),
    "trade_executed": ("💰 Trade Executed", "pair side amount price pnl"),
    "signal_generated": ("📊 Trading Signal", "pair signal confidence action"),
    "risk_alert": ("⚠️ Risk Alert", "type threshold current action"),
    "pnl_update": ("📈 P&L Update", "daily_pnl total_pnl open_positions exposure"),
    "service_down": ("🚨 Service Down", "service server duration impact"),
    "high_latency": ("🐌 High Latency Alert", "service latency threshold trend"),
    "connection_lost": ("🔌 Exchange Connection Lost", "exchange duration reconnect_attempts status"),
    "system_healthy": ("💚 All Systems Healthy", "services latency uptime performance"),
}


def in_order(text: str, facts: tuple[str, ...]) -> bool:
    """Whether each fact stands in the text, and behind the one before."""
    at = 0
    for fact in facts:
        at = text.find(fact, at)
        assert at >= 0, f"{fact!r} is missing, or stands before the fact that should precede it:\n{text}"
        at += len(fact)
    return True


def message_of(folder: Path, event: Mapping[str, object]) -> Any:
    store = open_store(str(folder / "store.sqlite"))
    hand_in(store, event)
    send_events(store, settings(), NOW)
    (message,) = sent(store)
    return message


@pytest.mark.parametrize("example", REPORTS)
def test_a_report_has_the_facts_of_its_example_in_order(example: str) -> None:
    name, *facts = REPORTS[example]
    assert in_order((GOLDEN / f"{name}.txt").read_text(encoding="utf-8"), tuple(facts))


@pytest.mark.parametrize("example", EVENTS)
def test_an_event_has_the_facts_of_its_example_in_order(tmp_path: Path, example: str) -> None:
    event, facts = EVENTS[example]
    name = f"event-{example.replace(' ', '-')}"
    assert golden.agrees(name, message_of(tmp_path, event))
    assert in_order((GOLDEN / f"{name}.txt").read_text(encoding="utf-8"), facts)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_its_mark_its_title_and_its_fields_in_order(tmp_path: Path, kind: str) -> None:
    title, fields = KINDS[kind]
    handed_in = {name: f"the {name}" for name in sorted(fields.split(), reverse=True)}
    message = message_of(tmp_path, {"kind": kind, "fields": handed_in})
    assert "".join(run.text for run in message.title) == title
    shown = ["\n".join(plain_blocks(field.blocks)) for field in message.fields]
    assert shown == [f"the {name}" for name in fields.split()]
