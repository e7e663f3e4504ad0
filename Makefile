# `make demo` runs the main job, `make test` passes every test; `make help` lists the rest.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO     ?= go
PYTHON ?= python3
VENV   := .venv
BENCH  := build/bench-venv
MATRIX := 1.6.0 1.9.1
JSFORCE := sinks/salesforce/fakeorg/jsforce
SFCLI  := sinks/salesforce/fakeorg/sfcli
LINT   := bin/tools/golangci-lint
TESTSUM := bin/tools/gotestsum

# The training world of the sample CRM ends 30 days, the labels' horizon, behind TRAIN_TO; the demo's world ends now. A
# step of 5 days and 7 hours gives snapshots at all hours of the day, as live runs are.
TRAIN_FROM := 2025-12-01T00:00:00Z
TRAIN_TO   := 2026-05-29T22:00:00Z
TRAIN_STEP := 127h

.PHONY: help build demo test test-go test-systemd test-python test-matrix test-sf lint fuzz crash interleave soak bench bench-run bench-delivery bench-docs bench-go model example-bpic2012 testdata prepare node clean FORCE

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

build: bin/scored bin/sandbox ## build the daemon and the sandbox into bin/

bin/scored bin/sandbox: FORCE
	CGO_ENABLED=0 $(GO) build -trimpath -o $@ ./cmd/$(@F)

demo: build ## run the main job in a world of its own until Ctrl-C; ONCE=1: one run
	bin/sandbox demo $(if $(ONCE),--once)

# The Go tests take longest: what goes on beside them is nice to them.
test: prepare ## everything: lint, Go with -race, Python, Node
	$(MAKE) --no-print-directory -j2 test-go lint test-python

test-go: node $(VENV)/ready build $(TESTSUM) ## the Go tests, with the race detector and real PostgreSQL
	@mkdir -p build
	GO="$(GO)" $(TESTSUM) --format pkgname --jsonfile build/test.json --raw-command -- .ci/gotest
	.ci/skips build/test.json docs/testing.md
	.ci/canaries build/test.json

test-systemd: ## the units, under a real systemd as PID 1 where this machine allows it
	$(GO) test -count=1 -v ./systemd/

test-python: $(VENV)/ready ## the exporter's tests, types and style
	cd python && ../$(VENV)/bin/ruff check --config pyproject.toml . ../docs/examples && ../$(VENV)/bin/ruff format --config pyproject.toml --check . ../docs/examples && ../$(VENV)/bin/mypy && nice ../$(VENV)/bin/pytest -q

test-matrix: $(MATRIX:%=build/matrix/%/ready) ## the exporter's tests with the oldest and the newest scikit-learn that it admits
	@cd python && status=0; for v in $(MATRIX); do \
	  ../build/matrix/$$v/bin/pytest -q -p no:cacheprovider --ignore tests/test_benchmark.py > ../build/matrix/$$v.log || { status=1; cat ../build/matrix/$$v.log; }; \
	  echo "scikit-learn $$v: $$(tail -n 1 ../build/matrix/$$v.log)"; \
	done; exit $$status

test-sf: $(SFCLI)/node_modules/.ready ## the Salesforce CLI against the emulated org; installs it, with its Node, for this alone
	SFCLI=1 $(GO) test -count=1 -v -timeout 30m ./$(SFCLI)

# The linter reads compiled packages: with the settings of the production build they are compiled once for both.
lint: $(LINT) ## golangci-lint, with the one configuration; go vet is part of it
	CGO_ENABLED=0 GOFLAGS=-trimpath nice $(LINT) run ./...

interleave: ## 10,000 live runs, backfills and undos in a random order, with faults; `make test` makes 1,000
	SCORED_RUNS=10000 $(GO) test -count=1 -run InAnyOrder -v ./cmd/scored | grep -v '^=== '

crash: ## kill the binary KILLS (1000) times at random, and CRASHES (20) times at each step of a delivery; SEED=n repeats it
	KILLS=$(or $(KILLS),1000) CRASHES=$(or $(CRASHES),20) SEED=$(SEED) $(GO) test -count=1 -v -timeout 2h ./cmd/scored/crash

soak: ## SLOTS (672) slots back to back, ROUNDS (10) of each fault on each wire, FLIPS (600) of a bit of the ledger; SEED=n repeats it
	SLOTS=$(or $(SLOTS),672) ROUNDS=$(or $(ROUNDS),10) FLIPS=$(or $(FLIPS),600) SEED=$(SEED) $(GO) test -count=1 -v -timeout 2h ./cmd/scored/faults

fuzz: ## fuzz every parser for FUZZTIME (30s) each
	.ci/fuzz $(or $(FUZZTIME),30s)

# Forests, conversions and builds are kept in build/bench; remove it to begin from nothing.
bench: $(BENCH)/ready ## the same forests and rows through every engine, then a whole run; QUICK=1: less of it, in 7 minutes
	@mkdir -p build/bench
	$(GO) build -trimpath -o build/bench/forest ./cmd/bench/forest
	cd python && ../$(BENCH)/bin/python -m bench --binary ../build/bench/forest --cache ../build/bench \
	  --out ../build/bench$(if $(QUICK),-quick.json --quick,.json)
	$(MAKE) --no-print-directory bench-run

bench-run: $(BENCH)/ready ## a run from PostgreSQL to decided changes: 1M rows, or 100k with QUICK=1
	@mkdir -p build/bench
	$(GO) build -trimpath -o build/bench/run ./cmd/bench/run
	build/bench/run --work build/bench/whole --python $(BENCH)/bin/python \
	  $(if $(QUICK),--rows 100000 --repetitions 1) | tee build/bench-run$(if $(QUICK),-quick).txt

bench-delivery: $(BENCH)/ready ## changes to the emulated org, beside simple-salesforce: 1k to 1M of them, or 10k with QUICK=1; then the calls of a day
	@mkdir -p build/bench
	$(GO) build -trimpath -o build/bench/deliver ./cmd/bench/deliver
	build/bench/deliver --python $(BENCH)/bin/python $(if $(QUICK),--most 10000) | tee build/bench-delivery$(if $(QUICK),-quick).txt
	$(GO) test -count=1 -run TestADayTakesAtMost300Calls -v ./sinks/salesforce | grep calls | tee -a build/bench-delivery$(if $(QUICK),-quick).txt

bench-docs: $(BENCH)/ready ## put what the last `make bench` printed into docs/benchmark.md; QUICK=1: the last quick one
	cd python && ../$(BENCH)/bin/python -m bench.tables ../build/bench$(if $(QUICK),-quick).json \
	  ../build/bench-run$(if $(QUICK),-quick).txt ../docs/benchmark.md

bench-go: ## the benchmarks of the Go packages: rates and allocations
	$(GO) test -run '^$$' -bench . -benchmem ./pipeline/... ./sinks/...

$(BENCH)/ready: python/bench/requirements.txt python/pyproject.toml
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install --quiet --disable-pip-version-check -r python/bench/requirements.txt -e python
	touch $@

model: build $(VENV)/ready ## make the data set with `scored dataset`, train, and write configs/bundles/lead_scoring
	@mkdir -p build
	bin/sandbox exec --world training -- bin/scored dataset lead_scoring --config configs/scored.yaml \
	  --from $(TRAIN_FROM) --to $(TRAIN_TO) --step $(TRAIN_STEP) --labels sql/dataprep/lead_scoring_labels.sql --out build/lead_scoring.csv
	$(VENV)/bin/python python/train_lead_scoring.py build/lead_scoring.csv configs/bundles/lead_scoring \
	  --columns sql/dataprep/lead_scoring_columns.toml

example-bpic2012: build $(VENV)/ready ## a public data set, from files in DATA=folder to the emulated CRM
	$(GO) run ./docs/examples/bpic2012 -data $(or $(DATA),$(error say where the files are: make example-bpic2012 DATA=folder))

testdata: $(VENV)/ready ## write the bundles that the Go tests read, with the real scikit-learn
	$(VENV)/bin/python python/make_testdata.py

prepare: ## install what the tests need where that is allowed (root or CI), else name the command
	.ci/prepare

build/matrix/%/ready: python/matrix/%.txt python/pyproject.toml
	$(PYTHON) -m venv build/matrix/$*
	build/matrix/$*/bin/pip install --quiet --disable-pip-version-check -r $< -e python
	touch $@

node: $(JSFORCE)/node_modules/.ready
$(JSFORCE)/node_modules/.ready: $(JSFORCE)/package-lock.json
	npm ci --prefix $(JSFORCE) --no-audit --no-fund
	touch $@

# The CLI needs a newer Node than the other tests: npm has it as a package for each platform. No script of a package runs.
$(SFCLI)/node_modules/.ready: $(SFCLI)/package-lock.json
	npm ci --prefix $(SFCLI) --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

$(VENV)/ready: python/requirements.txt python/pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r python/requirements.txt -e python
	touch $@

# The tools have a go.mod of their own: the product's go.mod lists what the product needs.
$(LINT): TOOL = github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TESTSUM): TOOL = gotest.tools/gotestsum
$(LINT) $(TESTSUM): .ci/tools/go.mod .ci/tools/go.sum
	@mkdir -p bin/tools
	CGO_ENABLED=0 nice $(GO) build -C .ci/tools -trimpath -o $(CURDIR)/$@ $(TOOL)
	@touch $@

clean: ## remove what the targets above made
	rm -rf bin build $(VENV) $(JSFORCE)/node_modules $(SFCLI)/node_modules
