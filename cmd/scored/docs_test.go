package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scored/pipeline"
)

// messages finds what the product logs at level INFO and above.
func messages(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	visit := func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		at := map[string]int{"Info": 0, "Warn": 0, "Error": 0, "Log": 2}
		i, logs := at[method.Sel.Name]
		if !logs || i >= len(call.Args) {
			return true
		}
		if text, ok := call.Args[i].(*ast.BasicLit); ok && text.Kind == token.STRING {
			message, err := strconv.Unquote(text.Value)
			if err != nil {
				t.Fatal(err)
			}
			found[message] = true
		}
		return true
	}
	for _, root := range []string{"../../pipeline", "../../sinks", "."} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && slices.Contains([]string{"pgtest", "fakeorg", "testdata"}, d.Name()):
				return fs.SkipDir
			case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err == nil {
				ast.Inspect(file, visit)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func TestEveryLogLineIsDocumented(t *testing.T) {
	logged := messages(t)
	if len(logged) < 30 {
		t.Fatalf("only %d messages found", len(logged))
	}
	documented := map[string]bool{}
	inTable := false
	for line := range strings.Lines(read(t, "../../docs/run-log.md")) {
		if strings.HasPrefix(line, "| `msg` |") {
			inTable = true
		} else if !strings.HasPrefix(line, "|") {
			inTable = false
		}
		if !inTable || strings.HasPrefix(line, "| `msg` |") {
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(strings.Split(line, "|")[1], -1) {
			documented[m[1]] = true
		}
	}
	for message := range logged {
		if !documented[message] {
			t.Errorf("docs/run-log.md does not have %q", message)
		}
	}
	for message := range documented {
		if !logged[message] {
			t.Errorf("docs/run-log.md has %q, and nothing logs that", message)
		}
	}
}

func TestEveryExitCodeIsDocumented(t *testing.T) {
	text := read(t, "../../docs/exit-codes.md")
	for _, code := range []int{exitOK, exitFailed, exitUsage, exitPartial, exitHeld, exitTryAgain, exitConfiguration} {
		if !strings.Contains(text, fmt.Sprintf("\n| %d |", code)) {
			t.Errorf("docs/exit-codes.md has no row for %d", code)
		}
	}
	if rows := strings.Count(text, "\n| "); rows != 8 { // with the head
		t.Errorf("docs/exit-codes.md has %d rows", rows)
	}
}

// An operator who reads a class in the log or in the ledger finds it in the runbook.
func TestEveryClassOfErrorsIsInTheRunbook(t *testing.T) {
	runbook := read(t, "../../docs/runbook.md")
	for class := pipeline.Configuration; class <= pipeline.Outdated; class++ {
		if !strings.Contains(runbook, fmt.Sprintf("\n| `%s` | ", class)) {
			t.Errorf("docs/runbook.md has no row for %s", class)
		}
	}
	if _, err := pipeline.ParseClass((pipeline.Outdated + 1).String()); err == nil {
		t.Errorf("there is a class after %s", pipeline.Outdated)
	}
}

// What the runbook tells to type is there.
func TestTheRunbookNamesVerbsThatExist(t *testing.T) {
	verbs := regexp.MustCompile("`scored ((?:[a-z]+ ?)+)").FindAllStringSubmatch(read(t, "../../docs/runbook.md"), -1)
	if len(verbs) < 20 {
		t.Fatalf("only %d verbs found", len(verbs))
	}
	for _, verb := range verbs {
		args := strings.Fields(verb[1])
		if r := scored(t, append(args, "--help")...); r.code != exitOK || !strings.Contains(r.out, "scored "+args[0]) {
			t.Errorf("scored %s --help ended with %d, and said %s", verb[1], r.code, r.out)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
