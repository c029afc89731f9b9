"""Discord: requests, limits, Markdown, and the setup of a server."""
