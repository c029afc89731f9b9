"""Control: what the owner configured to be done outside, by a request or a program, never on a trading database."""
