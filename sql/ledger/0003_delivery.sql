-- What delivery needs: what a run replaced, to undo it; rows that a target refuses; work that goes on at a target by itself.

ALTER TABLE runs ADD COLUMN wrote INTEGER; -- rows in replaced; NULL where what it replaced is not kept (any more)

ALTER TABLE runs ADD COLUMN untidy INTEGER NOT NULL DEFAULT 0; -- 1 while rows that are not kept any more are to be deleted

CREATE INDEX runs_untidy ON runs (job) WHERE untidy = 1;
CREATE INDEX runs_wrote ON runs (job, number) WHERE wrote > 0;
CREATE INDEX runs_started ON runs (started);

ALTER TABLE intents ADD COLUMN probability REAL;                  -- NULL where it is not known
ALTER TABLE intents ADD COLUMN reasons TEXT NOT NULL DEFAULT '';
ALTER TABLE intents ADD COLUMN scored_at INTEGER;                 -- NULL: when its run began
ALTER TABLE intents ADD COLUMN cleared INTEGER NOT NULL DEFAULT 0; -- 1 if it empties the score's fields
ALTER TABLE intents ADD COLUMN filled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE intents ADD COLUMN origin INTEGER;                    -- the version whose score an undo brings back; NULL: its own

ALTER TABLE confirmed ADD COLUMN cleared INTEGER NOT NULL DEFAULT 0;
ALTER TABLE confirmed ADD COLUMN origin INTEGER;

-- What rode along with a confirmed score, apart from it: every run reads all of confirmed, and nothing of this. A key has none
-- if its score is from before this table was.
CREATE TABLE details (
    target      INTEGER NOT NULL REFERENCES targets (number),
    key         TEXT    NOT NULL,
    probability REAL,                 -- NULL where it is not known
    reasons     TEXT    NOT NULL,
    scored_at   INTEGER NOT NULL,     -- when the run that made the score began
    PRIMARY KEY (target, key)
) STRICT, WITHOUT ROWID;

-- What was in confirmed, and in details, of each key that a run wrote for certain. All but run, target and key are NULL if that
-- was nothing.
CREATE TABLE replaced (
    run         INTEGER NOT NULL REFERENCES runs (number),
    target      INTEGER NOT NULL REFERENCES targets (number),
    key         TEXT    NOT NULL,
    score       INTEGER,
    grade       TEXT,
    model       TEXT,
    origin      INTEGER,              -- the version whose score it was
    filled      INTEGER,
    cleared     INTEGER,
    probability REAL,
    reasons     TEXT,
    scored_at   INTEGER,
    PRIMARY KEY (run, target, key)
) STRICT, WITHOUT ROWID;

-- Keys that a target refused, until it accepts them.
CREATE TABLE quarantine (
    target   INTEGER NOT NULL REFERENCES targets (number),
    key      TEXT    NOT NULL,
    attempts INTEGER NOT NULL,        -- that were refused, since a person or a changed mapping last lifted it
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    next     INTEGER,                 -- it is not offered before; NULL: never
    class    TEXT    NOT NULL,
    code     TEXT    NOT NULL,
    fields   TEXT    NOT NULL,        -- JSON array
    message  TEXT    NOT NULL,        -- the target's words: may hold personal data
    PRIMARY KEY (target, key)
) STRICT, WITHOUT ROWID;

-- Work that was handed to a target and whose outcomes are not confirmed yet.
CREATE TABLE remote_jobs (
    target INTEGER NOT NULL REFERENCES targets (number),
    run    INTEGER NOT NULL REFERENCES runs (number),
    id     TEXT    NOT NULL,          -- the target's name for it; '' while its creation is not answered
    since  INTEGER NOT NULL,          -- when its creation was about to be asked for
    PRIMARY KEY (target, run, id)
) STRICT, WITHOUT ROWID;

-- By their class a row that a person must look at is told from one that will pass.
ALTER TABLE refused ADD COLUMN class TEXT NOT NULL DEFAULT '';
