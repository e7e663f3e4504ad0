package warehouse

import (
	"context"
	"fmt"

	"scored/pipeline"
)

// ScoresOf returns the newest scores of one key below a version, n at most, newest first. A score is given once, as it was
// first found: rows that repeat score and grade, be it by another model, are left out.
func (h *History) ScoresOf(ctx context.Context, job, key string, below int64, n int) ([]pipeline.Confirmed, error) {
	if !fits(key) {
		return nil, nil
	}
	// Redshift takes texts for equal that differ in blanks at their end, and has neither WINDOW nor IS DISTINCT FROM.
	st := historyStatement{
		place: fmt.Sprintf("select from %s.scores", h.schema),
		text: fmt.Sprintf(`/* scored %[1]s history */ SELECT score_key, score, grade, model, version FROM (
    SELECT score_key, score, grade, model, version, run_id,
        LAG(score) OVER (ORDER BY version, run_id) AS score_before, LAG(grade) OVER (ORDER BY version, run_id) AS grade_before
    FROM %[2]s.scores
    WHERE job = $1::VARCHAR(64) AND version < $2::BIGINT
        AND score_key = $3::VARCHAR(%[3]d) AND LENGTH(score_key) = LENGTH($3::VARCHAR(%[3]d))) AS ordered
WHERE score_before IS NULL OR score_before <> score OR grade_before <> grade
ORDER BY version DESC, run_id DESC LIMIT %[4]d`, plain(job), h.schema, maxScoreKey, n),
	}
	st.values.text(job)
	st.values.integer(below)
	st.values.text(key)
	return h.confirmed(ctx, job, st)
}
