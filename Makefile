# Weft. `make help` lists what there is to make. Everything runs on Debian with Go, as root where labs are built.

SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DEFAULT_GOAL := build

GO      ?= $(shell command -v go || echo /usr/local/go/bin/go)
export GO
# Builds do not depend on where the tree is, nor on who owns its .git.
export GOFLAGS := -trimpath -buildvcs=false $(GOFLAGS)

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X github.com/weft-sdn/weft/northbound/cli.stamped=$(VERSION)
TOOLS   := $(CURDIR)/build/tools

# Which end-to-end suite `make e2e` runs: main, carry, routing, security, lb, labs; all of them by default.
SUITE     ?= all
FUZZTIME  ?= 30s
# Packages that are tested side by side; each runs as many tests at once as there are cores. With 4, a machine with two cores stands
# still for a second at a time.
PARALLEL  ?= 2
TESTTIME  ?= 25m

E2E := $(if $(filter all,$(SUITE)),./test/e2e/...,./test/e2e/$(SUITE)/...)

.PHONY: help deps tools gen build lint test race e2e fuzz bench golden verify demo soak clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

deps: ## install the Debian packages that are missing
	@.ci/deps

tools: ## build buf, golangci-lint and the generators into build/tools
	@.ci/tools/build

gen: tools ## generate Go from proto/, and docs/pipeline.md
	@cd proto && $(TOOLS)/buf lint && $(TOOLS)/buf generate
	@if [ -d apps/pipeline/gen ]; then $(GO) run ./apps/pipeline/gen; fi

build: ## build weftd and weft into build/
	@mkdir -p build
	$(GO) build -ldflags '$(LDFLAGS)' -o build/ ./cmd/...

lint: tools ## gofmt, vet, golangci-lint, buf lint, shell syntax
	@unformatted=$$(gofmt -l $$(git ls-files '*.go' ':!*.pb.go')); \
	  if [ -n "$$unformatted" ]; then echo "not gofmt'ed: $$unformatted"; exit 1; fi
	$(GO) vet ./... ./.ci/report
	$(TOOLS)/golangci-lint run ./...
	@cd proto && $(TOOLS)/buf lint
	@for f in .ci/deps .ci/fresh .ci/fuzz .ci/golden .ci/run .ci/tools/build; do bash -n $$f; done

test: deps ## install what is missing and run all tests, those on real Open vSwitch included
	@mkdir -p build
	$(GO) test -json -count=1 -p $(PARALLEL) -timeout $(TESTTIME) ./... ./.ci/report 2>&1 | $(GO) run ./.ci/report -summary build/test.summary

race: deps ## all tests but the end-to-end ones, with the race detector
	$(GO) test -race -count=1 -timeout $(TESTTIME) $$($(GO) list ./... | grep -v -e /test/e2e -e /test/interop)

e2e: deps build ## tests on real Open vSwitch; SUITE=main for one capability's
	$(GO) test -count=1 -v -timeout $(TESTTIME) -p $(PARALLEL) $(E2E)

fuzz: ## every fuzz target for FUZZTIME
	@.ci/fuzz $(FUZZTIME)

bench: deps build ## benchmarks; ONLY=ctl for a part; writes docs/benchmarks.md (of a part, with DOC=1) and build/bench.json
	$(GO) run ./test/bench $(if $(ONLY),-only $(ONLY) $(if $(DOC),-document))

golden: ## rewrite the golden dumps
	@.ci/golden

verify: deps tools ## generated files are fresh, formatting, vet, lint, import directions
	@.ci/fresh
	@$(MAKE) --no-print-directory lint
	$(GO) test -count=1 ./test/imports

demo: deps build ## two tenants on three real hosts, start to end; KEEP=1 leaves it up
	$(GO) build -o build/demo ./test/demo
	build/demo $(if $(KEEP),-keep)

soak: deps build ## the long tests
	$(GO) test -tags soak -count=1 -v -timeout 4h -run Soak ./...

clean: ## remove what was built; build/tools stays, because it takes minutes
	@find build -mindepth 1 -maxdepth 1 ! -name tools -exec rm -rf {} + 2>/dev/null || true
