-- The native schema of reporter, for SQLite 3.20 and newer.
-- Your bot writes these tables; reporter only reads them. docs/native-schema.md explains every column.
-- A time is UTC text, `2026-10-30 23:59:59` with or without a fraction of a second; the checks refuse every other form,
-- because SQLite compares times as text. `PRAGMA journal_mode = WAL` lets a reader and a writer work side by side.

CREATE TABLE agents (
    name        TEXT    NOT NULL PRIMARY KEY,
    strategy    TEXT,
    mode        TEXT    NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'paper')),
    currency    TEXT    NOT NULL CHECK (currency <> ''),
    capital     NUMERIC CHECK (capital > 0),
    status      TEXT,
    last_seen   TEXT
        CHECK (datetime(julianday(substr(last_seen, 1, 19))) IS substr(last_seen, 1, 19)
               AND substr(last_seen, 20, 1) IN ('', '.') AND substr(last_seen, 21) NOT GLOB '*[^0-9]*'),
    created_at  TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP
        CHECK (datetime(julianday(substr(created_at, 1, 19))) IS substr(created_at, 1, 19)
               AND substr(created_at, 20, 1) IN ('', '.') AND substr(created_at, 21) NOT GLOB '*[^0-9]*')
);

CREATE TABLE trades (
    id          INTEGER PRIMARY KEY,
    reference   TEXT    UNIQUE,
    agent       TEXT    NOT NULL,
    strategy    TEXT,
    market      TEXT    NOT NULL,
    side        TEXT    NOT NULL,
    mode        TEXT    NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'paper')),
    currency    TEXT    NOT NULL CHECK (currency <> ''),
    size        NUMERIC,
    entry_price NUMERIC,
    exit_price  NUMERIC,
    pnl         NUMERIC NOT NULL CHECK (typeof(pnl) IN ('integer', 'real') AND abs(pnl) < 1e18),
    fees        NUMERIC CHECK (typeof(fees) IN ('integer', 'real', 'null') AND abs(fees) < 1e18),
    opened_at   TEXT
        CHECK (datetime(julianday(substr(opened_at, 1, 19))) IS substr(opened_at, 1, 19)
               AND substr(opened_at, 20, 1) IN ('', '.') AND substr(opened_at, 21) NOT GLOB '*[^0-9]*'),
    closed_at   TEXT    NOT NULL
        CHECK (datetime(julianday(substr(closed_at, 1, 19))) IS substr(closed_at, 1, 19)
               AND substr(closed_at, 20, 1) IN ('', '.') AND substr(closed_at, 21) NOT GLOB '*[^0-9]*'),
    entry_tag   TEXT,
    exit_reason TEXT,
    funding     NUMERIC CHECK (typeof(funding) IN ('integer', 'real', 'null') AND abs(funding) < 1e18),
    volume      NUMERIC CHECK (typeof(volume) IN ('integer', 'real', 'null') AND abs(volume) < 1e18),
    leverage    NUMERIC CHECK (typeof(leverage) IN ('integer', 'real', 'null') AND leverage > 0 AND leverage < 1e18)
);

CREATE INDEX trades_closed_at ON trades (closed_at);

CREATE TABLE positions (
    id             INTEGER PRIMARY KEY,
    reference      TEXT    UNIQUE,
    agent          TEXT    NOT NULL,
    strategy       TEXT,
    market         TEXT    NOT NULL,
    side           TEXT    NOT NULL,
    mode           TEXT    NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'paper')),
    currency       TEXT    NOT NULL CHECK (currency <> ''),
    size           NUMERIC,
    entry_price    NUMERIC,
    opened_at      TEXT
        CHECK (datetime(julianday(substr(opened_at, 1, 19))) IS substr(opened_at, 1, 19)
               AND substr(opened_at, 20, 1) IN ('', '.') AND substr(opened_at, 21) NOT GLOB '*[^0-9]*'),
    current_price  NUMERIC,
    unrealised_pnl NUMERIC,
    priced_at      TEXT
        CHECK (datetime(julianday(substr(priced_at, 1, 19))) IS substr(priced_at, 1, 19)
               AND substr(priced_at, 20, 1) IN ('', '.') AND substr(priced_at, 21) NOT GLOB '*[^0-9]*'),
    entry_tag      TEXT
);

CREATE TABLE equity (
    id         INTEGER PRIMARY KEY,
    at         TEXT    NOT NULL
        CHECK (datetime(julianday(substr(at, 1, 19))) IS substr(at, 1, 19)
               AND substr(at, 20, 1) IN ('', '.') AND substr(at, 21) NOT GLOB '*[^0-9]*'),
    agent      TEXT,
    mode       TEXT    NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'paper')),
    currency   TEXT    NOT NULL CHECK (currency <> ''),
    equity     NUMERIC NOT NULL,
    deposited  NUMERIC NOT NULL DEFAULT 0,
    unrealised NUMERIC
);

CREATE INDEX equity_at ON equity (at);
CREATE INDEX equity_deposits ON equity (at) WHERE deposited <> 0;

CREATE TABLE events (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT,
    kind      TEXT    NOT NULL,
    at        TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP
        CHECK (datetime(julianday(substr(at, 1, 19))) IS substr(at, 1, 19)
               AND substr(at, 20, 1) IN ('', '.') AND substr(at, 21) NOT GLOB '*[^0-9]*'),
    agent     TEXT,
    severity  TEXT,
    title     TEXT,
    text      TEXT,
    fields    TEXT,
    until     TEXT
        CHECK (datetime(julianday(substr(until, 1, 19))) IS substr(until, 1, 19)
               AND substr(until, 20, 1) IN ('', '.') AND substr(until, 21) NOT GLOB '*[^0-9]*'),
    slot      TEXT,
    seq       INTEGER
);
