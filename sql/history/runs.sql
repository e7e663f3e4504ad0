-- The run log: a row for each run that ended. Instants are UTC. What a run whose process died did not report is NULL.
CREATE TABLE IF NOT EXISTS {schema}.runs (
    run_id          VARCHAR(128),
    job             VARCHAR(64),
    run_trigger     VARCHAR(16),   -- schedule, manual, fill, backfill
    slot            TIMESTAMP,     -- NULL for a run that the schedule did not make
    as_of           TIMESTAMP,
    attempt         INTEGER,
    version         BIGINT,
    started         TIMESTAMP,
    ended           TIMESTAMP,
    outcome         VARCHAR(16),   -- ok, partial, held, failed, interrupted
    reason          VARCHAR(4096), -- why it did not end ok, cut to this length
    model           VARCHAR(128),
    model_digest    VARCHAR(64),
    sql_digest      VARCHAR(64),
    rows_read       INTEGER,
    rows_scored     INTEGER,
    rows_rejected   INTEGER,
    rows_unchanged  INTEGER,       -- from here to api_calls: the sum over the targets
    rows_superseded INTEGER,
    rows_ahead      INTEGER,
    rows_kept       INTEGER,
    rows_changed    INTEGER,
    rows_sent       INTEGER,
    rows_accepted   INTEGER,
    rows_refused    INTEGER,
    rows_unknown    INTEGER,
    rows_not_sent   INTEGER,
    rows_created    INTEGER,
    api_calls       INTEGER,
    read_ms         BIGINT,
    score_ms        BIGINT,
    decide_ms       BIGINT,
    deliver_ms      BIGINT,
    history_ms      BIGINT,
    dur_ms          BIGINT
)
