package feature

// Block turns one raw column into features, by steps in order. docs/bundle.md words what each step does.
type Block struct {
	Column string `json:"column"`
	Steps  []Step `json:"steps"`
}

// Step is one step of a [Block]; which fields belong to it depends on Op.
type Step struct {
	Op         string     `json:"op"`                   // impute, one_hot, ordinal or is_missing
	Number     *float64   `json:"number,omitempty"`     // impute, of a number column
	Text       *string    `json:"text,omitempty"`       // impute, of a text column
	Width      *int       `json:"width,omitempty"`      // one_hot
	Categories []Category `json:"categories,omitempty"` // one_hot and ordinal
	Missing    *Rule      `json:"missing,omitempty"`    // one_hot and ordinal
	Unknown    *Rule      `json:"unknown,omitempty"`    // one_hot and ordinal
}

// Category is a value that an encoder knows, with its slot (one_hot) or its code (ordinal).
type Category struct {
	Number *float64 `json:"number,omitempty"`
	Text   *string  `json:"text,omitempty"`
	Slot   *int     `json:"slot,omitempty"`
	Code   *float64 `json:"code,omitempty"`
}

// Rule says what an encoder gives for a value that is missing or in no category.
type Rule struct {
	Action string   `json:"action"`         // refuse; zeros or slot (one_hot); code or missing (ordinal)
	Slot   *int     `json:"slot,omitempty"` // slot
	Code   *float64 `json:"code,omitempty"` // code
}
