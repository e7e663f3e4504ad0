-- What the daemon needs: why a run was made, its log, and where each job's schedule stands. Every run before was made by hand.

UPDATE runs SET slot = NULL, summary = json_remove(json_set(summary, '$.trigger', 'manual'), '$.slot');

ALTER TABLE runs ADD COLUMN cause TEXT NOT NULL DEFAULT 'manual' -- schedule, manual, fill, backfill
    CHECK ((cause = 'schedule') = (slot IS NOT NULL));           -- slot: the schedule's instant; NULL for any other cause
ALTER TABLE runs ADD COLUMN published INTEGER NOT NULL DEFAULT 0; -- 1 once it is in the warehouse's run log
ALTER TABLE runs ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;      -- 1 while its rows and its log are kept

UPDATE runs SET kept = 1 WHERE summary IS NOT NULL;

-- What is asked at every turn must not cost more with every run that was ever made.
CREATE INDEX runs_open ON runs (job) WHERE ended IS NULL;
CREATE INDEX runs_unpublished ON runs (job) WHERE ended IS NOT NULL AND published = 0;
CREATE INDEX runs_scheduled ON runs (job) WHERE cause = 'schedule';
CREATE INDEX runs_kept ON runs (job, number, cause) WHERE kept = 1;

-- The newest version as of which a run that does not merely fill compared all its scores with the target.
ALTER TABLE targets ADD COLUMN swept INTEGER NOT NULL DEFAULT 0;

ALTER TABLE confirmed ADD COLUMN filled INTEGER NOT NULL DEFAULT 0; -- 1 if it came from a backfill that only fills
ALTER TABLE confirmed ADD COLUMN sweep INTEGER NOT NULL DEFAULT 0;  -- its target's swept by then: only a later one looked at it

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
CREATE INDEX slots_lost ON slots (job, number) WHERE fate <> 'run';
