"""Posts to Telegram: messages and requests, HTML, limits, verdicts."""
