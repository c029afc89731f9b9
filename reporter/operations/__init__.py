"""What people and programs ask and do, declared once: every door leads to this table."""
