"""The door in Discord: slash commands, written commands and buttons, by discord.py in a loop of its own."""
