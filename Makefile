# Everything here needs Go and make, nothing else. "make help" lists the targets.

GO         ?= go
OUT        ?= out/certify
SEEDS      ?= 1000
# More flags of "holdfast campaign", such as --unbounded.
CAMPAIGN   ?=
FUZZTIME   ?= 10s
# Rounds of random plans, of up to 2,000 seeds each, in which planted bugs are looked for; 0: one round of a few seeds.
ROUNDS     ?= 0
# Planted bugs, with commas between them, that the table of make planted is about; none: all.
BUGS       ?=
PLANTED     = ./scenarios ./scenarios/campaign/reduce ./engine/control ./engine/dr ./engine/lease ./engine/mirror ./engine/pair ./engine/policy
# Packages that start goroutines; make test runs them under the race detector as well.
RACE       ?= ./cmd/... ./reports/... ./scenarios/... ./xen/...
# A simulated pool is small and makes much garbage: collecting it at every doubling takes a third of the time.
export GOGC ?= 400
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The race detector needs a C compiler on most systems. Without one its run is left out, and said so.
HAVE_CC := $(shell command -v "$$($(GO) env CC)" >/dev/null 2>&1 && echo yes)

.DEFAULT_GOAL := build
.PHONY: help build certify campaign test race bench lint fmt fuzz planted clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  \1\t/' | expand -t 12

build: ## build bin/holdfast, static and without cgo
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/...

certify: build ## run all fault scenarios; writes out/certify/index.html, junit.xml, certificate.json
	bin/holdfast certify --out $(OUT)

campaign: build ## run SEEDS random plans of faults (default 1000); writes out/campaign/index.html and campaign.json
	bin/holdfast campaign --seeds $(SEEDS) $(CAMPAIGN)

test: ## run all tests, the planted bugs, and the packages with goroutines under the race detector
	$(GO) test ./...
	@$(MAKE) --no-print-directory planted
ifeq ($(HAVE_CC),yes)
	@$(MAKE) --no-print-directory race
else
	@echo "make test: no C compiler found, so the race detector was not run (make race needs one)"
endif

race: ## run the packages with goroutines under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short $(RACE)

bench: ## run all benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

lint: ## check formatting, go vet and staticcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

fmt: build ## format Go code and scenario scripts
	gofmt -w .
	bin/holdfast scenarios fmt -w scenarios/library/*/*.hfs

fuzz: ## fuzz every parser for FUZZTIME each (default 10s)
	@set -e; for package in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "== $$package $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
	  done; \
	done

planted: ## plant each of the protocol bugs: every one must be found; prints what found it (ROUNDS=3: statistics, an hour)
	@mkdir -p out && rm -f out/planted.md
	HOLDFAST_ROUNDS=$(ROUNDS) HOLDFAST_BUGS=$(BUGS) HOLDFAST_TABLE=$(CURDIR)/out/planted.md \
	  $(GO) test -count=1 -timeout 12h -tags planted -run Planted $(PLANTED); \
	  status=$$?; cat out/planted.md; exit $$status

clean: ## remove what the other targets wrote
	rm -rf bin out
