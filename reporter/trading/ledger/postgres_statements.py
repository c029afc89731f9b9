"""The pieces of a statement for PostgreSQL, and the functions that a statement may not call."""

from __future__ import annotations

import re

# Functions that a SELECT may call, also where only reading is allowed, and that stop others, send, lock, or leave
# something behind. PostgreSQL calls all of its own volatile but those that take a transaction id; it is asked for the
# rest, and this list is what can be refused before.
_ACTS = re.compile(
    r"pg_(?:terminate|cancel)_backend|pg_(?:try_)?advisory_\w+|pg_notify|pg_sleep\w*|pg_reload_conf|pg_promote"
    r"|pg_switch_wal|pg_create_\w+|pg_drop_\w+|pg_copy_\w+|pg_stat_(?:\w+_)?reset\w*|pg_rotate_logfile|pg_log\w+"
    r"|pg_wal_replay_\w+|pg_export_snapshot|pg_backup_\w+|pg_read_\w*file|pg_file_\w+|lo(?:_\w+|read|write)"
    r"|dblink\w*|set_config|setseed|nextval|setval|query_to_xml\w*|txid_current|pg_current_xact_id"
)
# What a statement for PostgreSQL is made of, as far as it matters here: what is no code, names, and brackets.
_PIECES = re.compile(
    r"""(?P<no_code>\s+ | --[^\n]* | /\*(?:(?!/\*|\*/).)*\*/ | [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*'
        | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$ )
      | (?P<strange>/\* | [uU]&"(?:[^"]|"")*" )
      | (?P<quoted>"(?:[^"]|"")*" )
      | (?P<name>[^\W\d][\w$]* )
      | (?P<operator>(?:(?!--|/\*)[-+*/<>=~!@\#%^&|`?])+ )
      | (?P<other>. )""",
    re.VERBOSE | re.DOTALL,
)


def acting(statement: str) -> str | None:
    """The first function in a statement for PostgreSQL that does more than read, where one is known to.

    A comment within a comment and a name in Unicode escapes are taken for one: they could hide it.
    """
    pieces = code_of(statement)
    for number, piece in enumerate(pieces):
        if piece.lastgroup == "strange":
            return piece[0][:2].upper()
        name = name_of(piece)
        if _ACTS.fullmatch(name) and (after(pieces, number) == "(" or before(pieces, number) == "."):
            return name
    return None


def code_of(statement: str) -> list[re.Match[str]]:
    return [piece for piece in _PIECES.finditer(statement) if piece.lastgroup != "no_code"]


def before(pieces: list[re.Match[str]], number: int) -> str:
    return pieces[number - 1][0] if number else ""


def after(pieces: list[re.Match[str]], number: int) -> str:
    return pieces[number + 1][0] if number + 1 < len(pieces) else ""


def name_of(piece: re.Match[str]) -> str:
    """A name as PostgreSQL reads it: without quotes it is the same in capitals and small letters."""
    if piece.lastgroup == "quoted":
        return piece[0][1:-1].replace('""', '"')
    return piece[0].lower() if piece.lastgroup == "name" else ""
