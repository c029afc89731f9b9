"""Events of other programs: one validation and one way, whichever door they come in by."""
