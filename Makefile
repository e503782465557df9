# Everything here but the lab needs Go and make, nothing else. "make help" lists the targets.

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
PLANTED     = ./scenarios ./scenarios/campaign/reduce ./engine ./engine/control ./engine/dr ./engine/lease ./engine/mirror ./engine/pair ./engine/policy
# Test programs that nobody debugs are linked without what a debugger needs.
LIGHT       = -ldflags=-w
# What make test runs as it is, and what it runs under the race detector: the lab and the command, which need most of the libraries
# and so are built only once, and packages among the others that start goroutines. The table of planted bugs would take too long.
PLAIN       = ./engine/... ./faults/... ./reports/... ./scenarios/... ./sim/...
RACE       ?= ./cmd/... ./xen/... $(addprefix ./,$(patsubst %/,%,$(sort $(dir $(shell grep -rlE '^[[:space:]]+go [a-z]|\.Go.func|AfterFunc.' --include='*.go' --exclude=planted_table_test.go reports scenarios sim)))))
# Runs of each script with each driver in make lab-baseline; those that are done are not made again.
RUNS       ?= 10
# The longest that make lab-ci may take.
LAB_CI_TIME ?= 10m
# What the lab needs beyond Go, by the names of Debian's packages.
LAB_PACKAGES = qemu-system-x86 debian-archive-keyring dpkg e2fsprogs xz-utils
# A simulated pool is small and makes much garbage: collecting it at every doubling takes a fifth of the time.
export GOGC ?= 400
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The race detector needs a C compiler on most systems. Without one its run is left out, and said so.
HAVE_CC := $(shell command -v "$$($(GO) env CC)" >/dev/null 2>&1 && echo yes)

.DEFAULT_GOAL := build
.PHONY: help build certify campaign test plain race bench lint fmt fuzz planted lab-deps lab lab-test lab-ci lab-baseline clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 12

build: ## build bin/holdfast, static and without cgo
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/...
	@CGO_ENABLED=0 GOOS=linux GOARCH=amd64 $(GO) build -trimpath -buildvcs=false -ldflags='-s -w -buildid=' -o bin/holdfast-lab-init ./xen/lab/init

certify: build ## run all fault scenarios; writes out/certify/index.html, junit.xml, certificate.json
	bin/holdfast certify --out $(OUT)

campaign: build ## run SEEDS random plans of faults (default 1000); writes out/campaign/index.html and campaign.json
	bin/holdfast campaign --seeds $(SEEDS) $(CAMPAIGN)

test: ## run all tests, those of packages with goroutines under the race detector, and plant the bugs that they must find
ifeq ($(HAVE_CC),yes)
	@$(MAKE) --no-print-directory -j2 race plain
else
	$(GO) test ./...
	@$(MAKE) --no-print-directory planted
	@echo "make test: no C compiler found, so the race detector was not run (make race needs one)"
endif

plain:
	$(GO) test $(LIGHT) $(PLAIN)
	@$(MAKE) --no-print-directory planted

race: ## run the tests of packages with goroutines under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test $(LIGHT) -race -short $(RACE)

bench: ## run all benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

lint: ## check formatting, go vet and staticcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags planted ./...
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

planted: ## plant each of the protocol bugs: every one must be found; prints what found it (ROUNDS=3: statistics, 14 to 22 minutes)
	@mkdir -p out && rm -f out/planted.md
	HOLDFAST_ROUNDS=$(ROUNDS) HOLDFAST_BUGS=$(BUGS) HOLDFAST_TABLE=$(CURDIR)/out/planted.md \
	  $(GO) test $(LIGHT) -vet=off -count=1 -timeout 12h -tags planted -run Planted $(PLANTED); \
	  status=$$?; cat out/planted.md; exit $$status

lab-deps: ## install what the lab needs: QEMU and tools (Debian or a relative, as root)
	@command -v apt-get >/dev/null || { echo "make lab-deps: no apt-get here. The lab needs Debian's archive tools (apt-get, dpkg-deb), xz and QEMU 7.2 or newer (qemu-system-x86_64)."; exit 1; }
	@missing=""; for p in $(LAB_PACKAGES); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q ' installed' || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then echo "make lab-deps: everything is there"; exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then echo "make lab-deps: missing:$$missing. Run as root: make lab-deps, or: apt-get install --no-install-recommends$$missing"; exit 1; fi; \
	apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $$missing

lab: build ## start two real Xen hosts in emulated machines, with a guest, and check them; "bin/holdfast lab down" ends it
	bin/holdfast lab up --guest
	bin/holdfast lab check

lab-test: build ## test the lab with real Xen hosts, from start to end, and each of its faults from inside
	HOLDFAST_LAB=1 $(GO) test -count=1 -timeout 40m -p 1 -run 'Boot|FaultsOnHosts|EndsOnHosts' -v ./xen/lab ./xen/lab/certify

lab-ci: build ## a short job with real Xen hosts, if this machine can run them: one loss of power with each driver
	@command -v qemu-system-x86_64 >/dev/null || { echo "make lab-ci: skipped: there is no QEMU here (make lab-deps installs it)"; exit 0; }; \
	HOLDFAST_LAB=if-possible $(GO) test -count=1 -timeout $(LAB_CI_TIME) -run DriversOnHosts -v ./xen/lab/certify

lab-baseline: build ## measure today's ways to protect a VM, RUNS times each (default 10), and print tables like those of docs/baseline.md
	bin/holdfast lab baseline --runs $(RUNS)

clean: ## remove what the other targets wrote
	rm -rf bin out
