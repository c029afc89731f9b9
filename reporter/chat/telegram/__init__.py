"""The door in Telegram: commands and buttons, by long polling of the Bot API."""
