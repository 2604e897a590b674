# Meshway. `make` alone lists the targets.

GO       ?= go
BUILD    := build
BINARY   := $(BUILD)/meshway
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  := -X main.version=$(VERSION)
FUZZTIME ?= 30s
ARGS     ?=

.DEFAULT_GOAL := help
.PHONY: help build run test unit check bench fuzz soak deps clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the binary, build/meshway
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BINARY) ./cmd/meshway

run: build ## build, and run a router on loopback port 5672 (ARGS="-c FILE" for another)
	@$(BINARY) run $(ARGS)

test: deps check unit ## everything a change must pass: tools, checks, all tests under the race detector

unit: ## the tests alone
	$(GO) test -race -shuffle=on -timeout 15m ./...

check: ## format, vet, staticcheck, known vulnerabilities, import directions, file lengths, six platforms
	@GO='$(GO)' .ci/check

bench: build ## measure the built binary beside a byte relay, and print the table
	@GO='$(GO)' .ci/bench $(ARGS)

fuzz: ## fuzz every target, FUZZTIME (30s) each
	@GO='$(GO)' .ci/fuzz $(FUZZTIME)

soak: ## the tests with many more seeds; hours
	MESHWAY_SOAK=1 $(GO) test -race -shuffle=on -count=1 -timeout 12h ./...

deps: ## install what the tests need and this machine lacks
	@.ci/deps

clean: ## remove what was built
	rm -rf $(BUILD)
