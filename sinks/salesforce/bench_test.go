package salesforce

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
)

// BenchmarkBatch renders requests of 200 records and reads their answers, without the network.
func BenchmarkBatch(b *testing.B) {
	s := &Sink{cfg: Config{Object: "Lead", Operation: Upsert, ExternalID: "Lead_Key__c", Fields: []Field{
		{"Lead_Score__c", Score}, {"Lead_Grade__c", Grade}, {"Lead_Score_Probability__c", Probability},
		{"Lead_Score_Model__c", Model}, {"Lead_Score_Version__c", Version}, {"Lead_Scored_At__c", ScoredAt},
		{"Lead_Score_Reasons__c", Reasons},
	}}}
	changes := make([]pipeline.Change, maxRecords)
	for i := range changes {
		changes[i].Score = pipeline.Score{Key: fmt.Sprintf("L%06d", i), Probability: 0.123456789, Score: 87, Grade: "A",
			Reasons: "Up: visited 5 times this week; asked for a quote. Down: no call in 30 days."}
	}
	run := &pipeline.Run{Version: 1795353300000000, Started: time.Date(2026, 11, 22, 13, 15, 0, 0, time.UTC)}
	row := `{"id":"00QDn0000000001MAA","success":true,"errors":[],"created":false}`
	answer := []byte("[" + strings.Repeat(row+",", maxRecords-1) + row + "]")

	b.ReportAllocs()
	for b.Loop() {
		batch := s.prepare(run, "lead@0123abcd", changes, nil)
		if _, err := s.cfg.parseResults(answer, nil, len(batch.sent)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*maxRecords)/b.Elapsed().Seconds(), "rows/s")
}
