// Package salesforce writes scores into the records of a Salesforce org: a [pipeline.Sink] over OAuth 2.0, for a few
// changes by sObject Collections, for many by the Bulk API 2.0. It also reads scores back ([pipeline.Reader]), finishes the
// Bulk jobs of runs that died ([pipeline.Resumer]), and tells what the org allows a day ([pipeline.Meter]).
//
// # How simpleforce is used
//
// Every API request with a small answer is built by simpleforce (session, SOQL, Describe, the Tooling API, and through its
// ApexREST collections, limits and what is said of Bulk jobs) and made by an [http.RoundTripper] of ours. simpleforce takes
// no context, sets no deadline, swallows errors, panics on an error body of "[]", writes answers and URLs to the global log
// when a request fails, and changes a client's fields while it builds a URL. So a simpleforce client lives for one request
// and is shared by nobody; and the round tripper carries the context, the deadline and the headers, reads the whole answer,
// classifies it, keeps every failure for itself and shows simpleforce an empty success instead. None of the failing paths of
// simpleforce is ever taken, and nothing of ours reaches the global log. Its own login, which is SOAP, is not used.
//
// Bulk uploads and their results, which are streamed and never in memory as a whole, go past simpleforce, over the same
// connections.
//
// # What may be said of a request
//
// A request that was answered row by row is confirmed row by row. One that the org turned away as a whole, with an
// error code of its own below 500, and one for which no connection could be made, changed nothing: its rows are not
// reported. Whatever else happens to a request (a 5xx, a timeout, a lost connection, an answer that can't be read)
// leaves open whether it was applied: its rows are reported as Unknown and the delivery ends. The rows of a Bulk job are
// not reported until it is closed, for before that it can be aborted, and nothing was changed; from then on, those that are
// in none of its results are Unknown. Nothing is repeated here but a request that met an expired session, once, after a new
// login; the rest is for sinks.Retry.
//
// A row that the org did not take has its class from the org's error code. One that a validation rule refused with its
// error beside the field of the version is Stale: the record holds something newer. Preflight asks whether there is such a
// rule; with it, a request that arrives late can do no harm.
package salesforce
