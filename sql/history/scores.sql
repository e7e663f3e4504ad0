-- The score history: a row for each score that differed from the one before, appended and never changed. A run whose
-- answer was lost may be followed by the same scores under the next version.
CREATE TABLE IF NOT EXISTS {schema}.scores (
    job         VARCHAR(64),
    score_key   VARCHAR(512),     -- what the score is of: the key of the dataprep result
    score       INTEGER,
    grade       VARCHAR(256),
    probability DOUBLE PRECISION,
    model       VARCHAR(128),
    version     BIGINT,
    as_of       TIMESTAMP,        -- UTC
    run_id      VARCHAR(128)
)
