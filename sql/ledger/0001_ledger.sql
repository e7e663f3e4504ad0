-- The local record of runs and of what each target confirmed. Instants are Unix milliseconds, UTC.

CREATE TABLE runs (
    number  INTEGER PRIMARY KEY,      -- in order of beginning
    id      TEXT    NOT NULL UNIQUE,
    job     TEXT    NOT NULL,
    slot    INTEGER,                  -- NULL for a run started by hand
    as_of   INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    version INTEGER NOT NULL,
    started INTEGER NOT NULL,
    ended   INTEGER,                  -- NULL while the run is open
    outcome TEXT,                     -- ok, partial, failed, interrupted
    reason  TEXT,
    summary TEXT,                     -- JSON; NULL for a run that was found open
    cut     INTEGER NOT NULL DEFAULT 0, -- rows beyond those kept in rejected and refused
    UNIQUE (job, as_of, attempt),
    CHECK ((ended IS NULL) = (outcome IS NULL))
) STRICT;

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
