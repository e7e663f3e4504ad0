-- The two files as they are. Their times carry +02:00 until 30 October 2011 and +01:00 from then on: as TIMESTAMPTZ they
-- become instants. Without the offset, the events of one October night would stand an hour off.
CREATE SCHEMA raw;

CREATE TABLE raw.cases (
    case_id     VARCHAR(20)  NOT NULL,
    reg_date    TIMESTAMPTZ  NOT NULL,
    amount_req  INTEGER,
    n_events    INTEGER,
    accepted    INTEGER,
    declined    INTEGER,
    cancelled   INTEGER
);

CREATE TABLE raw.events (
    case_id     VARCHAR(20)  NOT NULL,
    seq         INTEGER      NOT NULL,
    activity    VARCHAR(60)  NOT NULL,
    lifecycle   VARCHAR(20)  NOT NULL,
    ts          TIMESTAMPTZ  NOT NULL,
    resource    VARCHAR(20)
);
