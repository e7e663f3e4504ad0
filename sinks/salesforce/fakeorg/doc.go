// Package fakeorg answers HTTP as a Salesforce org does: OAuth (JWT bearer and client credentials), the REST API's
// describe, SOQL, single-record and collection calls, Bulk API 2.0 ingest jobs, the Tooling API's validation rules, daily
// limits, and a page with the Lead list as a rep sees it.
//
// It exists so that Salesforce clients can be tried without an org: this repository's own, and foreign ones such as
// jsforce, unchanged. It shares no code with the client. Whatever an org would refuse it refuses, with the org's
// status, error code and shape; what it does not emulate it refuses too, and says so. [Org.Inject] makes it fail as
// networks and busy orgs do.
//
//	org, err := fakeorg.New(fakeorg.Config{
//		Apps:  []fakeorg.App{{ClientID: "app", ClientSecret: "s3cret", RunAs: "scoring@example.com"}},
//		Users: []fakeorg.User{{Username: "scoring@example.com", Name: "Scoring"}},
//	})
//	id, err := org.Insert("Lead", map[string]any{"LastName": "Doe", "Company": "Acme", "Lead_Key__c": "L000001"})
//	server := httptest.NewServer(org)
//
// A Bulk job is processed while the request is answered that closes it: the answer says UploadComplete, the first poll
// JobComplete. [Org.HoldBulk] and [Org.StepBulk] take it batch by batch instead, Config.BulkTime by the org's clock. Its
// results come in an order of their own.
//
// Everything is in memory and safe for concurrent use. Not emulated: Bulk queries, Bulk API 1.0, relationships in the
// header of a Bulk file, composite graphs, Apex, sharing rules, aggregates and sub-selects in SOQL.
package fakeorg
