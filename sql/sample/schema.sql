-- The warehouse of a car dealer, as its loaders fill it: append-only, nothing enforced, every instant in UTC.
--
-- event_ts is when something happened, loaded_at when the row arrived. They are minutes apart as a rule, and days apart
-- for what arrives late. A loader that is retried appends the same row again, under the same id and a later loaded_at.

CREATE SCHEMA crm;

-- People and companies the dealer knows. Many are no lead, and many a lead is not among them.
CREATE TABLE crm.customers (
    customer_id   BIGINT       NOT NULL,
    event_ts      TIMESTAMP    NOT NULL,  -- when the customer was recorded
    first_name    VARCHAR(80),
    last_name     VARCHAR(80),
    age           INTEGER,
    city          VARCHAR(80),
    region        VARCHAR(40),
    country       VARCHAR(40),
    loaded_at     TIMESTAMP    NOT NULL
);

-- A row per version of a lead: the first when it is created, one more whenever somebody corrects it.
CREATE TABLE crm.leads (
    lead_key      VARCHAR(40)  NOT NULL,
    version       INTEGER      NOT NULL,
    event_ts      TIMESTAMP    NOT NULL,  -- when this version was written
    created_at    TIMESTAMP    NOT NULL,  -- when the lead was
    customer_id   BIGINT,                 -- NULL for a lead that is no customer yet
    first_name    VARCHAR(80),
    last_name     VARCHAR(80),
    company       VARCHAR(120),
    city          VARCHAR(80),
    region        VARCHAR(40),
    area          VARCHAR(20),            -- urban, suburban, rural
    distance_km   DOUBLE PRECISION,       -- to the nearest showroom, as geocoded
    interest      VARCHAR(120),           -- the vehicle asked for, in the lead's words
    owner_name    VARCHAR(80),            -- the sales rep
    loaded_at     TIMESTAMP    NOT NULL
);

-- What became of a lead: new, contacted, qualified, test_drive, converted, lost, reopened. The time of a sale is the
-- event_ts of converted.
CREATE TABLE crm.lead_status (
    status_id     BIGINT       NOT NULL,
    lead_key      VARCHAR(40),
    event_ts      TIMESTAMP    NOT NULL,
    status        VARCHAR(20),
    loaded_at     TIMESTAMP    NOT NULL
);

-- Visits of the web site. event_ts is the start; the row is written at the end, when the duration is known.
CREATE TABLE crm.visits (
    visit_id          BIGINT       NOT NULL,
    lead_key          VARCHAR(40),         -- NULL for a visitor nobody recognised
    event_ts          TIMESTAMP    NOT NULL,
    device            VARCHAR(40),
    traffic_source    VARCHAR(40),
    duration_seconds  INTEGER,
    loaded_at         TIMESTAMP    NOT NULL
);

-- Searches on the web site, with the filters that were set.
CREATE TABLE crm.searches (
    search_id     BIGINT       NOT NULL,
    lead_key      VARCHAR(40),
    event_ts      TIMESTAMP    NOT NULL,
    visit_id      BIGINT,
    brand         VARCHAR(40),
    body_type     VARCHAR(40),
    fuel          VARCHAR(40),
    price_max     NUMERIC(12,2),
    mileage_max   INTEGER,
    results       INTEGER,
    loaded_at     TIMESTAMP    NOT NULL
);

-- Pages viewed on the web site. vehicle_id and price are those of the offer that was shown, if it was one.
CREATE TABLE crm.page_views (
    page_view_id      BIGINT       NOT NULL,
    lead_key          VARCHAR(40),
    event_ts          TIMESTAMP    NOT NULL,
    visit_id          BIGINT,
    page_type         VARCHAR(40),
    vehicle_id        INTEGER,
    price             NUMERIC(12,2),
    seconds_on_page   INTEGER,
    loaded_at         TIMESTAMP    NOT NULL
);

-- Quotes asked for on the web site.
CREATE TABLE crm.quotes (
    quote_id      BIGINT       NOT NULL,
    lead_key      VARCHAR(40),
    event_ts      TIMESTAMP    NOT NULL,
    vehicle_id    INTEGER,
    list_price    NUMERIC(12,2),
    amount        NUMERIC(12,2),
    months        INTEGER,                -- of the financing asked for, NULL for cash
    loaded_at     TIMESTAMP    NOT NULL
);

-- Telephone calls, in and out.
CREATE TABLE crm.calls (
    call_id           BIGINT       NOT NULL,
    lead_key          VARCHAR(40),
    event_ts          TIMESTAMP    NOT NULL,
    direction         VARCHAR(10),        -- in, out
    outcome           VARCHAR(20),        -- answered, no_answer, voicemail, busy
    duration_seconds  INTEGER,
    note              VARCHAR(400),
    loaded_at         TIMESTAMP    NOT NULL
);

-- What happened to a message: a row each for sent, opened, clicked, replied, bounced.
CREATE TABLE crm.emails (
    email_event_id  BIGINT       NOT NULL,
    lead_key        VARCHAR(40),
    event_ts        TIMESTAMP    NOT NULL,
    email_id        BIGINT,               -- the message
    campaign        VARCHAR(40),          -- newsletter, follow_up, ...
    action          VARCHAR(20),
    loaded_at       TIMESTAMP    NOT NULL
);

-- Preferences a lead stated in the web site's configurator; the last one counts.
CREATE TABLE crm.vehicle_preferences (
    preference_id  BIGINT       NOT NULL,
    lead_key       VARCHAR(40),
    event_ts       TIMESTAMP    NOT NULL,
    brand          VARCHAR(40),
    body_type      VARCHAR(40),
    fuel           VARCHAR(40),
    budget         NUMERIC(12,2),
    mileage_max    INTEGER,
    loaded_at      TIMESTAMP    NOT NULL
);
