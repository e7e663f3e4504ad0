package fakeorg

// LeadObject returns the standard Lead as far as scoring touches it, with the score fields of the sample configuration.
// The result is the caller's to change.
func LeadObject() Object {
	text := func(name, label string, length int) Field {
		return Field{Name: name, Label: label, Type: "string", Length: length,
			Nillable: true, Createable: true, Updateable: true}
	}
	required := func(f Field) Field { f.Nillable = false; return f }
	typed := func(f Field, typ string) Field { f.Type = typ; return f }
	number := func(name, label string, precision, scale int) Field {
		return Field{Name: name, Label: label, Type: "double", Precision: precision, Scale: scale,
			Nillable: true, Createable: true, Updateable: true}
	}
	key := text("Lead_Key__c", "Lead Key", 40)
	key.ExternalID, key.Unique = true, true

	return Object{
		Name: "Lead", Label: "Lead", Plural: "Leads", KeyPrefix: "00Q", Owned: true,
		Fields: []Field{
			required(text("LastName", "Last Name", 80)),
			text("FirstName", "First Name", 40),
			{Name: "Name", Label: "Full Name", Type: "string", Length: 121, Joins: []string{"FirstName", "LastName"}},
			required(text("Company", "Company", 255)),
			text("Title", "Title", 128),
			text("City", "City", 40),
			text("Country", "Country", 80),
			typed(text("Phone", "Phone", 40), "phone"),
			typed(text("Email", "Email", 80), "email"),
			{Name: "LeadSource", Label: "Lead Source", Type: "picklist", Nillable: true, Createable: true, Updateable: true,
				Picklist: []string{"Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"}},
			{Name: "Status", Label: "Lead Status", Type: "picklist", Createable: true, Updateable: true, Default: "New",
				Picklist: []string{"New", "Working", "Nurturing", "Qualified", "Unqualified"}},
			{Name: "IsConverted", Label: "Converted", Type: "boolean", Createable: true, Default: false},
			text("Vehicle_Interest__c", "Vehicle Interest", 80),
			key,
			number("Lead_Score__c", "Lead Score", 3, 0),
			text("Lead_Grade__c", "Lead Grade", 10),
			number("Lead_Score_Probability__c", "Lead Score Probability", 7, 6),
			text("Lead_Score_Model__c", "Lead Score Model", 80),
			number("Lead_Score_Version__c", "Lead Score Version", 18, 0),
			{Name: "Lead_Scored_At__c", Label: "Lead Scored At", Type: "datetime",
				Nillable: true, Createable: true, Updateable: true},
			text("Lead_Score_Reasons__c", "Lead Score Reasons", 255),
		},
	}
}
