"""The neutral message, and the way from a template to it: Markdown, formats, pictures."""
