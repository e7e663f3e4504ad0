-- Loan applications: a row per application that is open as of :as_of, with 22 features of what was known of it by then.
--
-- Open means submitted before :as_of and not decided before it. A decision that lies ahead is invisible: it neither
-- chooses the rows nor enters a feature. Counts are 0 where nothing happened, times since are NULL.

CREATE TEMP TABLE open_applications AS
SELECT a.application_key, a.submitted_at,
       CASE WHEN a.amount > 0 THEN a.amount END AS amount
FROM bank.applications a
LEFT JOIN bank.decisions d ON d.application_key = a.application_key AND d.decided_at < :as_of
WHERE a.submitted_at < :as_of AND d.application_key IS NULL;

CREATE TEMP TABLE known_events AS
SELECT e.application_key, e.nth, e.activity, e.lifecycle, e.resource,
       CAST(:as_of AS DATE) - CAST(e.event_ts AS DATE) AS age  -- in days, 0 is today
FROM bank.events e
JOIN open_applications o ON o.application_key = e.application_key
WHERE e.event_ts < :as_of;

-- The application's way through the bank (A_), its offers (O_) and the work on it (W_). A_ACCEPTED and A_FINALIZED only
-- mean that an offer can be made: the loan is granted by A_APPROVED, which no row here has.
CREATE TEMP TABLE history AS
SELECT application_key,
       COUNT(*) AS events,
       SUM(CASE WHEN age < 7 THEN 1 ELSE 0 END) AS events_7d,
       MIN(age) AS days_quiet,
       COUNT(DISTINCT resource) AS people,
       MAX(CASE WHEN activity = 'A_PREACCEPTED' THEN 1 ELSE 0 END) AS preaccepted,
       MAX(CASE WHEN activity = 'A_ACCEPTED' THEN 1 ELSE 0 END) AS complete,
       MAX(CASE WHEN activity = 'A_FINALIZED' THEN 1 ELSE 0 END) AS finalized,
       SUM(CASE WHEN activity = 'O_CREATED' THEN 1 ELSE 0 END) AS offers,
       SUM(CASE WHEN activity = 'O_CANCELLED' THEN 1 ELSE 0 END) AS offers_withdrawn,
       SUM(CASE WHEN activity = 'O_SENT_BACK' THEN 1 ELSE 0 END) AS offers_returned,
       MIN(CASE WHEN activity = 'O_SENT' THEN age END) AS days_since_offer,
       MIN(CASE WHEN activity = 'O_SENT_BACK' THEN age END) AS days_since_return,
       SUM(CASE WHEN activity = 'W_Afhandelen leads' AND lifecycle = 'START' THEN 1 ELSE 0 END) AS lead_tasks,
       SUM(CASE WHEN activity = 'W_Completeren aanvraag' AND lifecycle = 'START' THEN 1 ELSE 0 END) AS intake_tasks,
       SUM(CASE WHEN activity = 'W_Nabellen offertes' AND lifecycle = 'START' THEN 1 ELSE 0 END) AS offer_calls,
       SUM(CASE WHEN activity = 'W_Nabellen incomplete dossiers' AND lifecycle = 'START' THEN 1 ELSE 0 END) AS file_calls,
       SUM(CASE WHEN activity = 'W_Valideren aanvraag' AND lifecycle = 'START' THEN 1 ELSE 0 END) AS validations
FROM known_events
GROUP BY application_key;

CREATE TEMP TABLE last_steps AS
SELECT application_key, activity
FROM (
    SELECT application_key, activity, ROW_NUMBER() OVER (PARTITION BY application_key ORDER BY nth DESC) AS nth_last
    FROM known_events
) ranked
WHERE nth_last = 1;

SELECT
    o.application_key,
    o.amount,                                                             -- euros asked for; 0 is unknown
    CAST(:as_of AS DATE) - CAST(o.submitted_at AS DATE) AS days_open,
    -- The customer's clock, summer time included; everything else is in UTC.
    DATE_PART('hour', o.submitted_at AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Amsterdam') AS submitted_hour,
    DATE_PART('dow', o.submitted_at AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Amsterdam') AS submitted_weekday,
    COALESCE(h.events, 0) AS events,
    COALESCE(h.events_7d, 0) AS events_7d,
    h.days_quiet,                                                         -- since the last event
    COALESCE(h.people, 0) AS people,                                      -- who worked on it; 112 is the web site
    COALESCE(h.preaccepted, 0) AS preaccepted,
    COALESCE(h.complete, 0) AS complete,
    COALESCE(h.finalized, 0) AS finalized,
    COALESCE(h.offers, 0) AS offers,
    COALESCE(h.offers_withdrawn, 0) AS offers_withdrawn,                  -- replaced by another
    COALESCE(h.offers_returned, 0) AS offers_returned,                    -- signed and sent back by the customer
    h.days_since_offer,
    h.days_since_return,
    COALESCE(h.lead_tasks, 0) AS lead_tasks,
    COALESCE(h.intake_tasks, 0) AS intake_tasks,
    COALESCE(h.offer_calls, 0) AS offer_calls,
    COALESCE(h.file_calls, 0) AS file_calls,                              -- about missing documents
    COALESCE(h.validations, 0) AS validations,
    l.activity AS last_step
FROM open_applications o
LEFT JOIN history h ON h.application_key = o.application_key
LEFT JOIN last_steps l ON l.application_key = o.application_key
ORDER BY o.application_key;
