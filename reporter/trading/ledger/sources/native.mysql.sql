-- The native schema of reporter, for MariaDB 10.5, MySQL 8 and newer.
-- Your bot writes these tables; reporter only reads them. docs/native-schema.md explains every column.
-- A name is what it is to the letter (`_bin`): other collations take `Grid` and `grid` for one agent.
-- A time is UTC, whatever the session's zone: DATETIME has none of its own.

CREATE TABLE agents (
    name        VARCHAR(190)    NOT NULL PRIMARY KEY,
    strategy    VARCHAR(190),
    mode        VARCHAR(5)      NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'paper')),
    currency    VARCHAR(30)     NOT NULL CHECK (currency <> ''),
    capital     DECIMAL(38, 18) CHECK (capital > 0),
    status      VARCHAR(190),
    last_seen   DATETIME(6),
    created_at  DATETIME(6)     NOT NULL DEFAULT UTC_TIMESTAMP(6)
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE trades (
    id          BIGINT          NOT NULL PRIMARY KEY AUTO_INCREMENT,
    reference   VARCHAR(190)    UNIQUE,
    agent       VARCHAR(190)    NOT NULL,
    strategy    VARCHAR(190),
    market      VARCHAR(190)    NOT NULL,
    side        VARCHAR(30)     NOT NULL,
    mode        VARCHAR(5)      NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'paper')),
    currency    VARCHAR(30)     NOT NULL CHECK (currency <> ''),
    size        DECIMAL(38, 18),
    entry_price DECIMAL(38, 18),
    exit_price  DECIMAL(38, 18),
    pnl         DECIMAL(38, 18) NOT NULL CHECK (abs(pnl) < 1e18),
    fees        DECIMAL(38, 18) CHECK (abs(fees) < 1e18),
    opened_at   DATETIME(6),
    closed_at   DATETIME(6)     NOT NULL,
    entry_tag   VARCHAR(190),
    exit_reason VARCHAR(190),
    funding     DECIMAL(38, 18) CHECK (abs(funding) < 1e18),
    volume      DECIMAL(38, 18) CHECK (abs(volume) < 1e18),
    leverage    DECIMAL(38, 18) CHECK (leverage > 0 AND leverage < 1e18),
    INDEX trades_closed_at (closed_at)
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE positions (
    id             BIGINT          NOT NULL PRIMARY KEY AUTO_INCREMENT,
    reference      VARCHAR(190)    UNIQUE,
    agent          VARCHAR(190)    NOT NULL,
    strategy       VARCHAR(190),
    market         VARCHAR(190)    NOT NULL,
    side           VARCHAR(30)     NOT NULL,
    mode           VARCHAR(5)      NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'paper')),
    currency       VARCHAR(30)     NOT NULL CHECK (currency <> ''),
    size           DECIMAL(38, 18),
    entry_price    DECIMAL(38, 18),
    opened_at      DATETIME(6),
    current_price  DECIMAL(38, 18),
    unrealised_pnl DECIMAL(38, 18),
    priced_at      DATETIME(6),
    entry_tag      VARCHAR(190)
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE equity (
    id         BIGINT          NOT NULL PRIMARY KEY AUTO_INCREMENT,
    at         DATETIME(6)     NOT NULL,
    agent      VARCHAR(190),
    mode       VARCHAR(5)      NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'paper')),
    currency   VARCHAR(30)     NOT NULL CHECK (currency <> ''),
    equity     DECIMAL(38, 18) NOT NULL,
    deposited  DECIMAL(38, 18) NOT NULL DEFAULT 0,
    unrealised DECIMAL(38, 18),
    INDEX equity_at (at),
    INDEX equity_deposits (deposited)
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE events (
    id        BIGINT       NOT NULL PRIMARY KEY AUTO_INCREMENT,
    reference VARCHAR(190),
    kind      VARCHAR(190) NOT NULL,
    at        DATETIME(6)  NOT NULL DEFAULT UTC_TIMESTAMP(6),
    agent     VARCHAR(190),
    severity  VARCHAR(30),
    title     TEXT,
    text      TEXT,
    fields    JSON,
    until     DATETIME(6),
    slot      VARCHAR(190),
    seq       BIGINT
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
