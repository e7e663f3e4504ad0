package warehouse

import (
	"context"
	"fmt"
	"strings"

	"scored/pipeline"
)

// preserve keeps what the history says of later instants as it is. A score has a row where it differs from the one before;
// so where the job's next run found the very score that this batch is going to replace, it has no row, and would read as if
// it had found the new one. It gets its row now. Doing so before the batch makes a crash in between harmless, and doing it
// twice adds nothing. A slot's run has a later one only if it is late
// and a run by hand was made meanwhile; what it then leaves unsaid, the next run says, as the ledger doubts it.
func (w *scoreWriter) preserve(ctx context.Context, batch []pipeline.Change) error {
	if w.run.Trigger == pipeline.Scheduled {
		return nil
	}
	st := historyStatement{place: fmt.Sprintf("insert into %s.%s what later runs found", w.schema, w.table.name)}
	st.values.text(w.run.Job)
	st.values.integer(w.run.Version)
	st.values.text(w.run.ID)
	var keys strings.Builder
	for _, c := range batch {
		if c.Before == nil {
			continue
		}
		if keys.Len() > 0 {
			keys.WriteString(", ")
		}
		st.values.text(c.Key)
		fmt.Fprintf(&keys, "$%d::VARCHAR(%d)", len(st.values), maxScoreKey)
	}
	if keys.Len() == 0 {
		return nil
	}
	st.text = strings.NewReplacer("{schema}", w.schema, "{keys}", keys.String()).Replace(`INSERT INTO {schema}.scores
    (job, model, version, as_of, run_id, score_key, score, grade, probability)
SELECT before.job, before.model, following.version, following.as_of, $3::VARCHAR(128),
    before.score_key, before.score, before.grade, before.probability
FROM (
    SELECT job, model, score_key, score, grade, probability,
        ROW_NUMBER() OVER (PARTITION BY score_key, LENGTH(score_key) ORDER BY version DESC, run_id DESC) AS recency
    FROM {schema}.scores
    WHERE job = $1::VARCHAR(64) AND version < $2::BIGINT AND score_key IN ({keys})
) AS before
CROSS JOIN (
    SELECT version, as_of FROM {schema}.runs
    WHERE job = $1::VARCHAR(64) AND version > $2::BIGINT AND rows_scored > 0
    ORDER BY version LIMIT 1
) AS following
LEFT JOIN {schema}.scores AS later
    ON later.job = before.job AND later.score_key = before.score_key AND LENGTH(later.score_key) = LENGTH(before.score_key)
    AND later.version > $2::BIGINT AND later.version <= following.version
WHERE before.recency = 1 AND later.score_key IS NULL`)
	err := w.exec(ctx, w.session, w.run.ID, st)
	if isMissing(err) { // no table, no later run
		return nil
	}
	return err
}
