"""A trading day in a minute: what a bot tells the reporter, from its first trade to its summary.

    export REPORTER_URL=http://127.0.0.1:8787 REPORTER_TOKEN=…
    python trading_day.py

Without a reporter it runs just the same: the events wait in a spool, and go out when a reporter is back.
"""

import asyncio
import os
import threading
import time

from reporter.client import Client

PAUSE = float(os.environ.get("PAUSE", "2"))  # seconds between two things that happen

bot = Client(source="demo-bot")


def trade() -> None:
    """A thread that trades: each call returns at once, whether the reporter is there or not."""
    bot.notify("agent_started", agent="momentum", mode="Paper Trading", capital="1000 USDT")
    time.sleep(PAUSE)
    bot.notify("signal_generated", pair="BTC/USDT", signal="LONG", confidence=0.85)
    bot.notify_trade_opened(
        {"symbol": "BTC/USDT", "side": "BUY", "entry_price": 45000, "quantity": 0.5, "stop_loss": 44000}
    )
    time.sleep(PAUSE)
    bot.send_portfolio_update({"total_value": 10250, "open_positions": 1, "unrealised_pnl": 250})
    time.sleep(PAUSE)
    bot.notify_trade_closed(
        {"symbol": "BTC/USDT", "side": "BUY", "entry_price": 45000, "exit_price": 45900, "quantity": 0.5, "pnl": 450}
    )
    bot.send_portfolio_update({"total_value": 10450, "open_positions": 0, "unrealised_pnl": 0})  # edits the first


async def watch() -> None:
    """A coroutine: a call may be awaited, and takes no time there either."""
    await asyncio.sleep(PAUSE)
    await bot.notify_error(ConnectionError("the exchange does not answer"), component="price feed")


def main() -> None:
    trader = threading.Thread(target=trade)
    trader.start()
    asyncio.run(watch())
    trader.join()
    bot.send_performance_metrics({"sharpe_ratio": 1.85, "win_rate": "60%", "max_drawdown": "-3.2%"})
    bot.send_daily_summary({"total_trades": 1, "winning_trades": 1, "total_pnl": 450})
    everything = bot.flush(timeout=5)
    print(bot.stats())
    print("the reporter has everything" if everything else "the reporter is away: the events wait in the spool")


if __name__ == "__main__":
    main()
