"""The statistics of PostgreSQL 12 and later, in one statement that any role may run."""

from __future__ import annotations

# What counts from the server's start, or since its statistics were set to zero.
COUNTERS = ("blocks_found", "blocks_read", "deadlocks", "transactions")

# Statements that copy a whole database take long by nature.
_BACKUPS = "('pg_dump', 'pg_dumpall', 'pg_basebackup')"

# Where a role may not see others' sessions, their kind, state and times are null, but not their database.
_STATISTICS = """
SELECT
    split_part(current_setting('server_version'), ' ', 1) AS version,
    standby,
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all,
    extract(epoch FROM at - pg_postmaster_start_time())::float8 AS uptime,
    current_setting('max_connections')::int AS most,
    activity.*,
    {waiting} AS waiting,
    base.blks_hit AS blocks_found,
    base.blks_read AS blocks_read,
    base.deadlocks,
    base.xact_commit + base.xact_rollback AS transactions,
    (SELECT max(age(datfrozenxid)) FROM pg_database)::float8 / 2147483648 * 100 AS transaction_ids,
    extract(epoch FROM at - checkpoint.checkpoint_time)::float8 AS checkpoint,
    pg_wal_lsn_diff(here, checkpoint.redo_lsn)::float8 AS since_checkpoint,
    sent.*,
    (SELECT max(pg_wal_lsn_diff(here, restart_lsn)) FROM pg_replication_slots WHERE NOT active)::float8 AS kept_wal,
    fed,
    CASE
        WHEN NOT standby THEN NULL
        WHEN fed AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
        ELSE extract(epoch FROM at - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))
    END::float8 AS behind
FROM
    (SELECT clock_timestamp() AS at, pg_is_in_recovery() AS standby,
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS here,
        EXISTS (SELECT FROM pg_stat_wal_receiver) AS fed) AS now
    CROSS JOIN pg_control_checkpoint() AS checkpoint
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend')
                AS used,
            count(*) FILTER (WHERE ours AND state = 'active') AS active,
            count(*) FILTER (WHERE slow) AS slow,
            max(extract(epoch FROM at - query_start)) FILTER (WHERE slow)::float8 AS slowest,
            max(extract(epoch FROM at - state_change)) FILTER (WHERE ours AND state LIKE 'idle in transaction%')::float8
                AS idle
        FROM (
            SELECT *, ours AND state = 'active' AND application_name NOT IN {backups}
                AND at - query_start > interval '{slow_after} seconds' AS slow
            FROM (
                SELECT *, datname = current_database() AND backend_type = 'client backend'
                    AND application_name <> 'reporter' AS ours FROM pg_stat_activity
            ) AS sessions
        ) AS known
    ) AS activity
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS standbys,
            -- A standby that has fallen silent leaves its last lag behind, and the time of its last reply.
            extract(epoch FROM max(greatest(replay_lag, CASE WHEN replay_lsn < here THEN at - reply_time END)))::float8
                AS lag
        FROM pg_stat_replication WHERE application_name NOT IN {backups}
    ) AS sent
    LEFT JOIN pg_stat_database AS base ON base.datname = current_database()
"""

# Since 14 a lock says how long it has been waited for; before, a session's statement began no later than its waiting.
_WAITING = """(
        SELECT max(extract(epoch FROM at - {since}))::float8
        FROM pg_locks AS locks JOIN pg_stat_activity AS waiters USING (pid)
        WHERE NOT granted AND datname = current_database()
    )"""


def statistics(version: int, slow_after: float) -> str:
    """The statement for a server of a version such as 160014; it yields one row. Times are seconds, shares percent."""
    waiting = _WAITING.format(since="locks.waitstart" if version >= 140000 else "waiters.query_start")
    return _STATISTICS.format(waiting=waiting, backups=_BACKUPS, slow_after=f"{slow_after:f}")
