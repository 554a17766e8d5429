# Everything a developer needs; `make` alone lists it.
# PYTHON: the interpreter of the environment (3.11 or newer). VENV: where the environment is; an existing one is used.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.sidestep-installed

# tests start a thousand processes and collect ten thousand tests again and again: what was compiled once is kept
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check quick quick-covered quick-others slow slow-covered slow-others cover guarantees long newest newest-environment soak chart format lint bench bench-validate evaluate profile schemas lock certs image images sbom advisories clean

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps -e .
	touch $@

demo: $(STAMP)  ## see it work: broker, name server, workers, services
	$(BIN)/sidestep demo

# recursive: the rest must not begin, with -j2 either, before what computes has ended, and build/coverage been emptied
test: $(STAMP)  ## all tests, with kills and rebalances, and the floor of coverage: an hour
	$(MAKE) quick
	$(MAKE) slow

check: $(STAMP)  ## the tests that need no broker: some minutes
	$(BIN)/pytest -m "$(QUICK)"

# neither starts a broker nor waits for one: two such runs disturb nobody, each on a processor of its own
QUICK := not slow and not broker and not long
REST := (slow or broker) and not long

# what shows that decide/ and runtime/ work, but for kills (their workers leave no figures) and what looks at the clock
COVERED := tests/decide tests/runtime tests/snapshots $(addprefix tests/explain/test_,find.py witness.py) \
	$(addprefix tests/guarantees/test_,fencing.py hostile_input.py lost_logs.py rebalance.py)

# what mostly waits: for sessions, leases, brokers that start
WAITING := tests/guarantees tests/secure

quick: quick-covered quick-others  ## the tests of `make test` that need no broker: with -j2 in half the time

slow: guarantees slow-others slow-covered  ## the tests that `make quick` leaves out, and the floor of coverage

cover: $(STAMP)  ## branch coverage of decide/ and runtime/, with a floor: minutes
	$(MAKE) quick-covered
	$(MAKE) slow-covered

quick-covered: $(STAMP)
	rm -rf build/coverage
	mkdir -p build/coverage
	$(BIN)/coverage run -m pytest -m "$(QUICK)" $(COVERED)

slow-covered: $(STAMP)
	$(BIN)/coverage run -m pytest -m "$(REST)" $(COVERED)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

guarantees: $(STAMP)  ## kills, rebalances, lost brokers, mutual TLS, but for what `make cover` runs of them
	$(BIN)/pytest -m "not long" $(WAITING) $(addprefix --ignore=,$(COVERED))

quick-others: $(STAMP)
	$(BIN)/pytest -m "$(QUICK)" $(addprefix --ignore=,$(COVERED) $(WAITING))

slow-others: $(STAMP)
	$(BIN)/pytest -m "$(REST)" $(addprefix --ignore=,$(COVERED) $(WAITING))

long: $(STAMP)  ## the tests of which each takes minutes: three brokers, bad networks, a log of 200,000 events proved
	$(BIN)/pytest -m long tests/guarantees

newest: $(STAMP)  ## `make check` on the newest Python that is here
	$(BIN)/python .ci/newest.py

newest-environment: $(STAMP)
	$(BIN)/python .ci/newest.py --prepare

# how long, which faults, how many intents a second; more: python -m tests.soak --help
SECONDS := 180
SEED := 1
RATE := 1500
SOAK :=

soak: $(STAMP)  ## random faults under load: SECONDS=1800 SEED=1 RATE=1500 SOAK="--kafka 4.3.1"
	$(BIN)/python -m tests.soak --seconds $(SECONDS) --seed $(SEED) --rate $(RATE) $(SOAK)

# Helm's engine as a program (.ci/helm), for tests/helm. Not optimised: a third less to compile, and it runs for a second
GO ?= $(firstword $(shell command -v go) $(wildcard /usr/local/go/bin/go))

chart:  ## builds what the tests of the Helm chart render it with; needs Go, a minute for the first time
ifeq ($(GO),)
	@echo "chart: no Go here; the tests that render the Helm chart will be skipped"
else
	.ci/helm/build $(GO)
endif

format: $(STAMP)  ## lays the code out as ruff does, imports sorted
	$(BIN)/ruff check --quiet --fix-only --select I .
	$(BIN)/ruff format .

lint: $(STAMP)  ## ruff, mypy, the import contracts, stale schemas
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m sidestep.schemas.generate --check

bench: $(STAMP)  ## events a second and latency on this machine
	$(BIN)/python -m tests.bench.run

bench-validate: $(STAMP)  ## latency of POST /v1/validate at 1,000 requests a second
	$(BIN)/python -m tests.bench.validate

evaluate: $(STAMP)  ## how well Sidestep judges, on simulated companies: docs/evaluation.md (EVALUATE_SEED, EVALUATE_JSON)
	$(BIN)/python -m tests.evaluate

profile: $(STAMP)  ## where Decide's time goes: stacks in the folder stacks/
	$(BIN)/python -m tests.bench.run --quick --only decide --profile stacks

schemas: $(STAMP)  ## writes schemas/json from the models
	$(BIN)/python -m sidestep.schemas.generate

# pip-tools in an environment of its own: it must not get into the lock
lock:  ## brings requirements.lock up to date with pyproject.toml
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet pip-tools
	build/lock/bin/pip-compile --quiet --extra worker --extra xlsx --extra dev --build-deps-for editable --allow-unsafe --generate-hashes \
		--strip-extras --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--annotation-style line --output-file requirements.lock pyproject.toml

# what docker-compose.yml mounts; again and again does no harm: what is there and lasts is kept
SERVICES :=
RENEW :=

certs: $(STAMP)  ## certificates and secrets for docker-compose.yml (SERVICES="billing crm", RENEW="decide tokens")
	@$(BIN)/python .deploy/certs.py --services "$(SERVICES)" --renew "$(RENEW)"

image:  ## the container image; the same commit gives the same image (needs docker buildx)
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) docker buildx build --tag sidestep:0.1.0 \
		--build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) --output type=docker,rewrite-timestamp=true .

PIN := [a-z0-9./-]+:v?[0-9][a-z0-9.-]*@sha256:[0-9a-f]{64}

images:  ## whether the images that are pinned by digest have newer ones under the same name (needs docker buildx, network)
	@grep -ohE '$(PIN)' docker-compose.yml Dockerfile | sort -u | while IFS=@ read -r name pinned; do \
		now=$$(docker buildx imagetools inspect "$$name" --format '{{.Manifest.Digest}}') || exit 1; \
		[ "$$now" = "$$pinned" ] && echo "same   $$name" || echo "newer  $$name  pinned $$pinned  now $$now"; done

# both in environments of their own: they must not get into the lock
sbom:  ## the bill of materials, CycloneDX: build/sbom.cdx.json
	test -x build/sbom/bin/python || $(PYTHON) -m venv build/sbom
	build/sbom/bin/python -m pip install --quiet "cyclonedx-python-lib[json-validation]==11.12.0"
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) build/sbom/bin/python .deploy/sbom.py build/sbom.cdx.json

advisories:  ## known weaknesses of what requirements.lock pins (needs the network)
	test -x build/advisories/bin/python || $(PYTHON) -m venv build/advisories
	build/advisories/bin/python -m pip install --quiet "pip-audit==2.10.1"
	build/advisories/bin/pip-audit --strict --requirement requirements.lock --require-hashes --disable-pip

clean:  ## removes what was built, not the environment
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis stacks
