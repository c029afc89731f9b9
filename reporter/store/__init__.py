"""The reporter's own database: outbox, incidents, owed periods, run log, migrations."""
