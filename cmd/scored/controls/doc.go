// Package controls proves that the tests of what keeps the CRM safe can fail: each row of its table builds a package without
// one guard, check or limit, and wants the test that stands for it to fail. It has tests only.
package controls
