package fakeorg

import "time"

// SetAnswerTime changes how long answers take; nil takes no time. See Config.AnswerTime.
func (o *Org) SetAnswerTime(of func(Request) time.Duration) { o.answers.Store(&of) }

// answerTime waits for as long as the answer to a request takes.
func (o *Org) answerTime(r Request) {
	if of := *o.answers.Load(); of != nil {
		time.Sleep(of(r))
	}
}
