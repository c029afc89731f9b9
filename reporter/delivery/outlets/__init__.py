"""Where messages go: Discord, the terminal, a web page."""
