"""What each kind of trading database calls its columns."""
