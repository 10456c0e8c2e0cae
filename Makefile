# Every target is one script of Scripts/, so that it can be read, linted and run without make.
.DEFAULT_GOAL := help
.PHONY: help run test bench lint build install fuzz clean

PREFIX ?= /usr/local
DESTDIR ?=

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

run: ## The gateway in front of a Flask app, on this machine, until Ctrl-C
	@Scripts/run.sh

test: ## Lint, unit and simulation tests, end-to-end tests
	@Scripts/test.sh

bench: ## The comparison with nginx, HAProxy, Envoy and Caddy (SCENARIOS= ROUNDS= SECONDS= PEERS=)
	@SCENARIOS='$(SCENARIOS)' ROUNDS='$(ROUNDS)' SECONDS_EACH='$(SECONDS)' PEERS='$(PEERS)' \
		Benchmarks/bench.sh

lint: ## swift-format, and the scripts' own check
	@Scripts/setup.sh build
	@Scripts/lint.sh

build: ## The release binary, .build/release/gateway
	@Scripts/setup.sh build
	@Scripts/build.sh

install: build ## The binary, unit, default config and man pages, under $(DESTDIR)$(PREFIX)
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' Scripts/install.sh

fuzz: ## Every fuzz target for a minute (FUZZ_SECONDS=)
	@Scripts/setup.sh build
	@# Swift's own backtrace helper can wait for ever on a process that libFuzzer is ending.
	@SWIFT_BACKTRACE=enable=no sh Fuzz/run.sh $(or $(FUZZ_SECONDS),60)

clean: ## Everything that was built, and the Python environments
	rm -rf .build Fuzz/.build .venv run Benchmarks/work
