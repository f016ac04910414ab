# make run needs Go, make and git, nothing else. The tests need more: make deps.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 30s
FAULTS_TIME ?= 2m

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: build
build: ## Build bin/gatehouse
	CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/gatehouse ./cmd/gatehouse

.PHONY: run
run: build ## Build and start on http://localhost:8080
	./bin/gatehouse serve

# Debian packages and how to see that one is missing. A postgres without initdb
# beside it is something else; a font counts if it has Hangul; the race detector
# needs a C compiler that finds its headers.
.PHONY: deps
deps: ## Install what the tests need, or say what is missing
	@missing=; \
	need() { if ! eval "$$1" >/dev/null 2>&1; then missing="$$missing $$2"; fi; }; \
	need 'command -v redis-server' redis-server; \
	need 'for d in $${PATH//:/ } /usr/lib/postgresql/*/bin; do [ -x $$d/postgres ] && [ -x $$d/initdb ] && exit_ok=1; done; [ -n "$${exit_ok:-}" ]' postgresql; \
	need 'command -v chromium || command -v chromium-browser || command -v google-chrome || command -v google-chrome-stable' chromium; \
	need 'command -v nginx || test -x /usr/sbin/nginx' nginx-light; \
	need 'fc-list :lang=ko | grep .' 'fontconfig fonts-noto-cjk'; \
	need 'echo "#include <stdlib.h>" | gcc -x c -fsyntax-only -' 'gcc libc6-dev'; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing:$$missing"; \
		apt-get update -q; \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; \
	else \
		echo "The tests need more than is installed. On Debian or Ubuntu:" >&2; \
		echo "  sudo apt-get update && sudo apt-get install --no-install-recommends$$missing" >&2; \
		exit 1; \
	fi

# The race detector looks at Go's memory only. SQLite, which is C translated into
# Go, has its own: watching it finds nothing and costs half of the time.
RACE = -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false

# A program built with the race detector rests before it ends, by default for a
# second. These tests end dozens of packages and hundreds of processes.
GORACE = atexit_sleep_ms=50

# Tests that hold the product to its time limits have the machine for themselves;
# those of redisdb that come after them wait for failovers, more than for processors.
# The interleavings play one step at a time, so the race detector would only cost
# them time.
ALONE = /cmd/gatehouse|/internal/bench$$
.PHONY: test
test: export CGO_ENABLED = 1
test: export GORACE := $(GORACE)
test: deps ## Run all tests on real servers, with the race detector
	go build $(RACE) ./...
	go test $(RACE) -count=1 -p 1 -timeout 12m $$(go list ./... | grep -E '$(ALONE)')
	go test $(RACE) -count=1 -parallel 3 -timeout 12m -skip '^TestInterleavings' ./internal/store/redisdb
	go test $(RACE) -count=1 -p 2 -timeout 12m -skip '^TestInterleavings' $$(go list ./... | grep -vE '$(ALONE)|/store/redisdb$$')
	go test -count=1 -p 2 -timeout 12m -run '^TestInterleavings' ./internal/store/...

.PHONY: interleavings
interleavings: deps ## Play all interleavings, those of a cluster too, in minutes
	go test -count=1 -timeout 20m -run '^TestInterleavings' ./internal/store/sqldb
	go test -count=1 -timeout 20m -run '^TestInterleavings' ./internal/store/redisdb -interleavings.every=1

.PHONY: check
check: ## Format, vet, staticcheck and the rules of the house
	@unformatted=$$(gofmt -l cmd internal migrations web); \
	if [ -n "$$unformatted" ]; then echo "gofmt -w" $$unformatted >&2; exit 1; fi
	go vet ./...
	go vet -tags faults ./internal/faults
	go tool -modfile=internal/tools/go.mod staticcheck ./...
	go tool -modfile=internal/tools/go.mod staticcheck -tags faults ./internal/faults
	go test -count=1 ./internal/house

# In the folder itself, because go test then shows what a passing test prints.
.PHONY: figures
figures: deps ## Measure the figures of the README, in a minute or two
	go test -C internal/figures -count=1 -timeout 10m -run '^TestFigures$$' -figures=full

# BENCH is for more flags: -bench.json=FILE, -bench.against=FILE of another
# commit, -bench.only=check+mypage, -bench.profile=FOLDER.
ROUND ?= full
.PHONY: bench
bench: deps ## Measure what a check costs beside a JWT: CPU, allocations, round trips
	go test -C internal/bench -count=1 -timeout 60m -run '^TestBench$$' -bench.round=$(ROUND) $(BENCH)

# NEIGHBOURS=million has a million sessions; BENCH may be -bench.json=FILE or
# -bench.only=flood+lists.
NEIGHBOURS ?= full
.PHONY: neighbours
neighbours: deps ## Measure what log-ins, lists and ends do to the checks of others
	go test -C internal/bench -count=1 -timeout 60m -run '^TestNeighbours$$' -bench.neighbours=$(NEIGHBOURS) $(BENCH)

# FAULTS is for more flags: -faults.seed=N repeats the plan of a run, -faults.logs=F
# keeps what the servers and nodes print. Not part of make test, nor with the race
# detector: it wants the machine for itself.
.PHONY: faults
faults: deps ## Let a nemesis loose on three nodes for FAULTS_TIME (2m)
	go test -C internal/faults -tags faults -count=1 -timeout 0 -v -run '^TestFaults$$|^TestChecker' -faults.time=$(FAULTS_TIME) $(FAULTS)

KILLS ?= 500
FAILOVERS ?= 200
.PHONY: faultstable
faultstable: deps ## Measure the table of faults, one kind at a time, in half an hour
	go test -C internal/faults -tags faults -count=1 -timeout 0 -v -run '^TestRedisKilled|^TestFailovers$$|^TestOldRDB|^TestStoreAway$$' \
		-faults.kills=$(KILLS) -faults.failovers=$(FAILOVERS) -faults.ends=100000 -faults.away=60s

# SOAK is for more flags: -soak.sessions=N. It wants the machine for itself.
SOAK_TIME ?= 10m
.PHONY: soak
soak: deps ## Let two nodes work on a million sessions for SOAK_TIME (10m): nothing may grow
	go test -C internal/soak -count=1 -timeout 0 -run '^TestSoak$$' -soak.time=$(SOAK_TIME) $(SOAK)

# CAPACITY is for flags: other rates and machines, -write for the READMEs, -help.
.PHONY: capacity
capacity: ## Compute what 10 thousand, 1 million and 100 million live sessions need
	@go run ./internal/capacity/show $(CAPACITY)

.PHONY: capacityfigures
capacityfigures: deps ## Measure anew what capacity is computed from, as make bench does
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	go test -C internal/bench -count=1 -timeout 60m -run '^TestBench$$' -bench.round=$(ROUND) -bench.only=check+log-in -bench.json="$$dir/bench.json"; \
	go test -C internal/capacity -count=1 -timeout 30m -run '^TestMeasure$$' -capacity.bench="$$dir/bench.json"; \
	go run ./internal/capacity/show -write

# In the folder itself, so that the other folder is named from there.
.PHONY: screenshots
screenshots: deps ## Take the pictures of the README anew
	mkdir -p web/shots
	go test -C cmd/gatehouse -count=1 -run '^TestBrowserScreenshots$$' -screenshots=../../web/shots

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (30s)
	@dirs=$$(grep -rl --include='*_test.go' '^func Fuzz' cmd internal migrations web | xargs -r -n1 dirname | sort -u) || true; \
	if [ -z "$$dirs" ]; then echo "there are no fuzz targets"; fi; \
	for dir in $$dirs; do \
		list=$$(go test -list '^Fuzz' ./$$dir) || { echo "$$list" >&2; exit 1; }; \
		for target in $$(grep '^Fuzz' <<<"$$list"); do \
			echo "$$dir $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) ./$$dir; \
		done; \
	done
