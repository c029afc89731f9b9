"""What a statement may reach in PostgreSQL: the functions that it runs by their names, and those that it does not name.

A transaction that only reads keeps a statement from changing tables. It does not keep a function from ending sessions,
locking or sending. A view, an operator, an aggregate, a policy or a cast runs functions too, and `t.f` calls `f(t)`.
So the server is asked what each of these leads to, before the statement is sent.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from reporter.probes.probe import CouldNotLookError
from reporter.trading.ledger.postgres_statements import acting, after, before, code_of, name_of

# What is asked, and at most how many rows are wanted.
Ask = Callable[[str, int], Awaitable[list[dict[str, Any]]]]

# A query leads to so many views, each within another, at most; and to so many findings of one of them.
_MOST_TEXTS, _MOST_ROWS = 200, 1000
_MAY_ACT = "{} calls {}, which may do more than read: if it does not, declare it STABLE"
_TOO_MUCH = "the query reaches too much to tell whether it only reads"

# Volatile because they answer otherwise each time, and not because they do anything; those of PostgreSQL itself, and of
# extensions that are asked for sizes.
_LOOKS = re.compile(
    r"random\w*|clock_timestamp|timeofday|gen_random_uuid|uuid\w+|currval|lastval|array_(?:sample|shuffle)"
    r"|pg_\w+_size|pg_is_\w+|pg_last_\w+|pg_current_(?:wal\w+|logfile)|pg_(?:safe_snapshot_)?blocking_pids"
    r"|pg_stat_(?:get_\w+|have_stats|statements(?:_info)?)|pg_lock_status|pg_partition_\w+|pg_xact_\w+|txid_status"
    r"|hypertable\w*_size|approximate_row_count|pgstat(?:tuple|\w*index)|pg_control_\w+|pg_get_wal_\w+"
    r"|pg_prepared_xact|pg_sequence_last_value|pg_notification_queue_usage|current_query"
)


@dataclass(frozen=True, slots=True)
class _Named:
    """The names in a text: called ones, without and with a schema; all of them; and operators."""

    plain: set[str] = field(default_factory=set)
    qualified: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    # `IN`, `BETWEEN` and `IS DISTINCT FROM` use these without naming them.
    operators: set[str] = field(default_factory=lambda: {"=", "<>", "<", ">", "<=", ">="})


async def insist_on_reading(ask: Ask, query: str) -> None:
    """Raises CouldNotLookError for a query that runs what may do more than read, as far as the server can tell.

    What its functions do inside is not looked at: a function counts by what it was declared to be.
    """
    seen, waiting = set[str](), [("the query", query)]
    while waiting:
        where, text = waiting.pop()
        if text in seen:
            continue
        seen.add(text)
        if len(seen) > _MOST_TEXTS:
            raise CouldNotLookError(_TOO_MUCH)
        if name := acting(text):
            raise CouldNotLookError(f"{where} calls {name}, which does more than read")
        found = await ask(_question(_named(text)), _MOST_ROWS)
        if len(found) == _MOST_ROWS:
            raise CouldNotLookError(_TOO_MUCH)
        for row in found:
            if row["text"] is not None:
                waiting.append((f"{row['what']} {row['name']}", row["text"]))
            elif not (row["known"] and _LOOKS.fullmatch(row["name"])):
                called = row["name"] if row["what"] == "function" else f"{row['what']} {row['name']}"
                raise CouldNotLookError(_MAY_ACT.format(where, called))


def _named(text: str) -> _Named:
    found, pieces = _Named(), code_of(text)
    for number, piece in enumerate(pieces):
        if piece.lastgroup == "operator":
            # `a*-1`: where an operator ends and the next one begins, the server knows.
            found.operators.update(
                piece[0][start:end] for start in range(len(piece[0])) for end in range(start + 1, len(piece[0]) + 1)
            )
        elif name := name_of(piece):
            found.names.add(name)
            dotted = before(pieces, number) == "."
            if after(pieces, number) == "(":
                (found.qualified if dotted else found.plain).add(name)
            elif dotted:  # a column, a table, or a function of the row before the dot
                found.plain.add(name)
    return found


def _question(named: _Named) -> str:
    """What the names may lead to: volatile functions, and texts that run more. A name counts whatever its arguments.

    `known` marks functions of PostgreSQL itself and of extensions.
    """
    plain, qualified, names, operators = map(_listed, (named.plain, named.qualified, named.names, named.operators))
    seen = "pg_catalog.pg_function_is_visible(f.oid)"
    called = f"(f.proname IN ({plain}) AND {seen} OR f.proname IN ({qualified}))"
    own = "NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
    return f"""
SELECT 'function' AS what, f.proname::text AS name, NULL::text AS text, pronamespace = 'pg_catalog'::regnamespace
    OR EXISTS (SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e') AS known
    FROM pg_catalog.pg_proc f WHERE provolatile = 'v' AND {called}
UNION ALL SELECT 'the default of', f.proname::text, pg_catalog.pg_get_expr(proargdefaults, 0), false
    FROM pg_catalog.pg_proc f WHERE {called} AND proargdefaults IS NOT NULL AND pronamespace {own}
UNION ALL SELECT 'the aggregate', f.proname::text, NULL, false
    FROM pg_catalog.pg_aggregate g JOIN pg_catalog.pg_proc f ON f.oid = aggfnoid
    JOIN pg_catalog.pg_proc part ON part.oid IN (aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn,
        aggmtransfn, aggminvtransfn, aggmfinalfn)
    WHERE part.provolatile = 'v' AND {called}
UNION ALL SELECT 'the operator', oprname::text, NULL, false
    FROM pg_catalog.pg_operator JOIN pg_catalog.pg_proc f ON f.oid = oprcode
    WHERE provolatile = 'v' AND oprname IN ({operators})
UNION ALL SELECT 'the cast to', typname::text, NULL, false
    FROM pg_catalog.pg_cast JOIN pg_catalog.pg_proc f ON f.oid = castfunc
    JOIN pg_catalog.pg_type t ON t.oid = casttarget
    WHERE provolatile = 'v' AND (typname IN ({names}) OR castcontext = 'i')
UNION ALL SELECT 'the type', typname::text, NULL, false
    FROM pg_catalog.pg_type JOIN pg_catalog.pg_proc f ON f.oid = typinput
    WHERE provolatile = 'v' AND typname IN ({names})
UNION ALL SELECT 'the type', typname::text, pg_catalog.pg_get_constraintdef(k.oid), false
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_type t ON t.oid = contypid
    WHERE typname IN ({names}) AND typnamespace {own}
UNION ALL SELECT 'the view', relname::text, pg_catalog.pg_get_viewdef(oid), false
    FROM pg_catalog.pg_class WHERE relkind = 'v' AND relname IN ({names}) AND relnamespace {own}
UNION ALL SELECT 'the policy', polname::text, pg_catalog.pg_get_expr(polqual, polrelid), false
    FROM pg_catalog.pg_policy JOIN pg_catalog.pg_class c ON c.oid = polrelid
    WHERE relrowsecurity AND polqual IS NOT NULL AND relname IN ({names})
ORDER BY 1, 2"""  # noqa: S608 - each name is quoted


def _listed(names: Iterable[str]) -> str:
    return ", ".join("'" + name.replace("'", "''") + "'" for name in sorted(names)) or "NULL"
