package fakeorg

// duplicateIDs refuses the rows of an update that name the same record.
func duplicateIDs(rows []*row) map[*row]*RowError {
	return duplicates(rows, func(r *row) string {
		id, _ := normalizeID(r.id)
		return id
	}, func(r *row) *RowError {
		return rowError("DUPLICATE_VALUE", []string{"Id"}, "Duplicate id specified: %s", r.id)
	})
}

// duplicateKeys refuses the rows of an upsert that have the same external id.
func duplicateKeys(rows []*row, key *Field) map[*row]*RowError {
	return duplicates(rows, func(r *row) string {
		return fold(key, r.value(key))
	}, func(r *row) *RowError {
		return rowError("DUPLICATE_VALUE", []string{key.Name}, "Duplicate external id specified: %s",
			render(key, r.value(key)))
	})
}

// duplicates refuses every row whose identity ("" for none) occurs more than once: which one is right can't be told.
func duplicates(rows []*row, identity func(*row) string, err func(*row) *RowError) map[*row]*RowError {
	ids := make([]string, len(rows))
	seen := make(map[string]int, len(rows))
	for i, r := range rows {
		ids[i] = identity(r)
		seen[ids[i]]++
	}
	spoiled := map[*row]*RowError{}
	for i, r := range rows {
		if ids[i] != "" && seen[ids[i]] > 1 {
			spoiled[r] = err(r)
		}
	}
	return spoiled
}
