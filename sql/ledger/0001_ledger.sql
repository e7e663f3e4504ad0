-- The local record of runs, of what each target confirmed and of each job's schedule. Instants are Unix milliseconds, UTC.

CREATE TABLE runs (
    number    INTEGER PRIMARY KEY,      -- in order of beginning
    id        TEXT    NOT NULL UNIQUE,
    job       TEXT    NOT NULL,
    cause     TEXT    NOT NULL,         -- schedule, manual, fill, backfill
    slot      INTEGER,                  -- the schedule's instant; NULL for any other cause
    as_of     INTEGER NOT NULL,
    attempt   INTEGER NOT NULL,
    version   INTEGER NOT NULL,
    started   INTEGER NOT NULL,
    ended     INTEGER,                  -- NULL while the run is open
    outcome   TEXT,                     -- ok, partial, failed, interrupted
    reason    TEXT,
    summary   TEXT,                     -- JSON; NULL for a run that was found open
    cut       INTEGER NOT NULL DEFAULT 0, -- rows beyond those kept in rejected and refused
    published INTEGER NOT NULL DEFAULT 0, -- 1 once it is in the warehouse's run log
    UNIQUE (job, as_of, attempt),
    CHECK ((cause = 'schedule') = (slot IS NOT NULL)),
    CHECK ((ended IS NULL) = (outcome IS NULL))
) STRICT;

-- What is asked at every turn must not cost more with every run that was ever made.
CREATE INDEX runs_open ON runs (job) WHERE ended IS NULL;
CREATE INDEX runs_unpublished ON runs (job) WHERE ended IS NOT NULL AND published = 0;
CREATE INDEX runs_scheduled ON runs (job) WHERE cause = 'schedule';

-- A job's target, and the org (or database) it turned out to be.
CREATE TABLE targets (
    number   INTEGER PRIMARY KEY,
    job      TEXT NOT NULL,
    name     TEXT NOT NULL,
    identity TEXT NOT NULL,
    shape    TEXT NOT NULL DEFAULT '', -- its object and mapping, when it was last written to
    late     INTEGER,                  -- when the newest request left that was never answered and whose rows were sent again
    UNIQUE (job, name)
) STRICT;

-- What a target confirmed last, or refused for good, by key.
CREATE TABLE confirmed (
    target  INTEGER NOT NULL REFERENCES targets (number),
    key     TEXT    NOT NULL,
    score   INTEGER NOT NULL,
    grade   TEXT    NOT NULL,
    model   TEXT    NOT NULL,
    version INTEGER NOT NULL,
    doubted INTEGER NOT NULL DEFAULT 0, -- 1 until it is confirmed again
    filled  INTEGER NOT NULL,           -- 1 if it came from a backfill that only fills
    PRIMARY KEY (target, key)
) STRICT, WITHOUT ROWID;

-- Writes that may be on their way. A key has one from every run whose write of it was neither answered nor overtaken.
CREATE TABLE intents (
    target  INTEGER NOT NULL REFERENCES targets (number),
    key     TEXT    NOT NULL,
    run     INTEGER NOT NULL REFERENCES runs (number),
    score   INTEGER NOT NULL,
    grade   TEXT    NOT NULL,
    model   TEXT    NOT NULL,
    version INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (target, key, run)
) STRICT, WITHOUT ROWID;

-- Rows that the contract rejected.
CREATE TABLE rejected (
    run    INTEGER NOT NULL REFERENCES runs (number),
    row    INTEGER NOT NULL,
    key    TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    PRIMARY KEY (run, row)
) STRICT, WITHOUT ROWID;

-- Rows that a target did not accept, and those that it created unasked.
CREATE TABLE refused (
    run     INTEGER NOT NULL REFERENCES runs (number),
    row     INTEGER NOT NULL,
    target  TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    outcome TEXT    NOT NULL,
    code    TEXT    NOT NULL,
    fields  TEXT    NOT NULL,          -- JSON array
    message TEXT    NOT NULL,          -- the target's words: may hold personal data
    created INTEGER NOT NULL,
    PRIMARY KEY (run, row)
) STRICT, WITHOUT ROWID;

-- A run's log.
CREATE TABLE lines (
    run  INTEGER NOT NULL REFERENCES runs (number),
    row  INTEGER NOT NULL,
    line TEXT    NOT NULL,
    PRIMARY KEY (run, row)
) STRICT, WITHOUT ROWID;

-- Where each job's schedule stands.
CREATE TABLE jobs (
    name       TEXT PRIMARY KEY,
    accounted  INTEGER,                  -- the last slot that has a fate; NULL before the job's first turn
    paused     INTEGER,                  -- since when; NULL if it isn't
    paused_why TEXT NOT NULL DEFAULT '',
    seen       TEXT NOT NULL DEFAULT ''  -- its condition's value when that was last acted on
) STRICT, WITHOUT ROWID;

-- What became of each slot of a schedule: one row for a slot, or for several in a row with the same fate.
CREATE TABLE slots (
    number INTEGER PRIMARY KEY,          -- in order of recording
    job    TEXT    NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    count  INTEGER NOT NULL,
    fate   TEXT    NOT NULL,             -- run, skipped, missed
    reason TEXT    NOT NULL,
    run    TEXT    NOT NULL,             -- the id of the last run that was made for it, '' if none was
    at     INTEGER NOT NULL,             -- when this was recorded
    CHECK (first <= last AND count > 0)
) STRICT;

CREATE INDEX slots_by_job ON slots (job, number);
