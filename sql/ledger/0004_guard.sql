-- What the guard goes by, and what a person said of the runs that it held.

-- JSON; NULL where the guard did not judge, and where nothing is compared with it any more.
ALTER TABLE runs ADD COLUMN profile TEXT;
ALTER TABLE runs ADD COLUMN ruling TEXT;  -- of a held run: released or discarded; NULL while nobody said
ALTER TABLE runs ADD COLUMN ruled INTEGER;

CREATE INDEX runs_judged ON runs (job, number) WHERE profile IS NOT NULL;
CREATE INDEX runs_held ON runs (job, number) WHERE outcome = 'held';
CREATE INDEX runs_undone ON runs (job) WHERE cause = 'undo';
