package main

import (
	"fmt"
	"strings"
	"time"

	"scored/pipeline"
)

// The fields that are written, six of them; the key finds the record.
const (
	keyField     = "Lead_Key__c"
	scoreField   = "Lead_Score__c"
	gradeField   = "Lead_Grade__c"
	modelField   = "Lead_Score_Model__c"
	versionField = "Lead_Score_Version__c"
	atField      = "Lead_Scored_At__c"
	reasonsField = "Lead_Score_Reasons__c"
)

const modelName = "lead_scoring@0a1b2c3d"

// reasonsLength is the length of each lead's reasons, in characters.
const reasonsLength = 100

// filler makes a number and a few words into reasons of the right length. The peer has the same.
const filler = " pages viewed this week; asked for a quote; opened 3 emails this month. Down: no call in thirty days."

// began is when the run of a round began, and what it is as of.
func began(round int) time.Time {
	return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).Add(time.Duration(round) * time.Minute)
}

func newRun(round int) (*pipeline.Run, error) {
	return pipeline.NewRun("bench", pipeline.Request{Trigger: pipeline.Manual, AsOf: began(round)}, 0, began(round))
}

func keyOf(lead int) string { return fmt.Sprintf("L%07d", lead) }

// scoreOf is a lead's score in a round: another one in each.
func scoreOf(lead, round int) int { return (lead*7 + round*13) % 101 }

func gradeOf(score int) string { return string("DCBA"[min(score/25, 3)]) }

func reasonsOf(lead, round int) string {
	text := fmt.Sprintf("Up: %d%s", (lead*31+round)%9973, filler)
	return text[:reasonsLength]
}

// makeChanges makes what a round delivers, in order of key. Each text has memory of its own, as in a run.
func makeChanges(count, round int) []pipeline.Change {
	changes := make([]pipeline.Change, count)
	for i := range changes {
		score := scoreOf(i, round)
		changes[i].Score = pipeline.Score{
			Key: keyOf(i), Probability: float64(score) / 101, Score: score, Grade: gradeOf(score),
			Reasons: strings.Clone(reasonsOf(i, round)),
		}
	}
	return changes
}
