# The verbs of the project. They need git, make and Python 3.11 or newer, and nothing else.
# Settings: make run CONFIG=my.yaml HOST=127.0.0.1 PORT=4000
#           make test ARGS="-k stream"
#           make install PYTHON=/path/to/python3

MAKEFILE := $(lastword $(MAKEFILE_LIST))
ROOT := $(dir $(MAKEFILE))
STAMPS := $(ROOT).venv/.installed

PYTHON =
CONFIG = deploy/examples/quickstart.yaml
HOST = 127.0.0.1
PORT = 4000
URL = http://$(HOST):$(PORT)
ARGS =
IMAGE = headgate

# Every recipe runs in the project's folder, with the virtual environment's own interpreter.
IN_ROOT = cd "$(ROOT)" &&
PY = .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: install run test check fmt lint type cover bench bench-spend prices matrix fuzz fuzz-admin accept-claude-code accept-codex accept-kill9 accept-rates accept-faults accept-record image clean help

install: $(STAMPS)-run ## create .venv and install Headgate into it
	@echo "Headgate is installed in .venv"

run: $(STAMPS)-run ## serve on 127.0.0.1:4000 with the quickstart configuration
	@$(IN_ROOT) exec $(PY) -m proxy serve --config "$(CONFIG)" --host "$(HOST)" --port "$(PORT)"

test: $(STAMPS)-test ## install what the tests need, and run them
	@$(IN_ROOT) exec $(PY) -X dev -m pytest -n auto --dist loadfile $(ARGS)

check: lint type test ## everything that must pass before a commit: lint, type, test

fmt: $(STAMPS)-dev ## rewrite the sources in the project's format
	@$(IN_ROOT) $(PY) -m ruff check --fix . && $(PY) -m ruff format .

lint: $(STAMPS)-dev ## look for mistakes and for foreign format
	@$(IN_ROOT) $(PY) -m ruff check . && $(PY) -m ruff format --check .

type: $(STAMPS)-dev ## check the types, tests included
	@$(IN_ROOT) exec $(PY) -m mypy

cover: $(STAMPS)-dev ## run the tests and list the lines that none of them reaches
	@$(IN_ROOT) $(PY) -X dev -m coverage run -m pytest $(ARGS) && $(PY) -m coverage report

bench: $(STAMPS)-test ## measure speed and memory of this commit
	@$(IN_ROOT) $(PY) -m tests.bench $(ARGS) && $(PY) -m tests.bench.ledger \
	  && $(PY) -m tests.bench.whole && $(PY) -m tests.bench.record \
	  && exec $(PY) -m tests.bench.retention

bench-spend: $(STAMPS)-test ## measure the spend API over ten million calls in a PostgreSQL
	@$(IN_ROOT) exec $(PY) -m tests.bench.spend $(ARGS)

fuzz: $(STAMPS)-test ## feed broken bytes to every reader, client parser and gauge
	@$(IN_ROOT) exec $(PY) -m tests.fuzz $(ARGS)

fuzz-admin: $(STAMPS)-test ## call every admin route at URL with HEADGATE_KEY in thousands of ways (schemathesis)
	@$(IN_ROOT) $(PY) -m pip install --quiet "schemathesis>=4.32,<5" && exec .venv/bin/schemathesis \
	  --config-file tests/fuzz/admin.toml run "$(URL)/openapi.json" --url "$(URL)" $(ARGS)

matrix: $(STAMPS)-test ## let every client's SDK read every recording of a provider
	@$(IN_ROOT) exec $(PY) -m tests.matrix $(ARGS)

accept-claude-code: $(STAMPS)-test ## let Claude Code do a task through the gateway (needs node and npm)
	@$(IN_ROOT) exec $(PY) -X dev -m tests.accept.claude_code $(ARGS)

accept-codex: $(STAMPS)-test ## let Codex CLI do four tasks through the gateway (needs node and npm)
	@$(IN_ROOT) exec $(PY) -X dev -m tests.accept.codex $(ARGS)

accept-kill9: $(STAMPS)-test ## kill gateways in the midst of 200 calls, on every backend
	@$(IN_ROOT) exec $(PY) -X dev -m tests.accept.kill9 $(ARGS)

accept-rates: $(STAMPS)-test ## see how near to its limit a rate comes over ten windows
	@$(IN_ROOT) exec $(PY) -X dev -m tests.accept.rates $(ARGS)

accept-faults: $(STAMPS)-test ## see every fault of a provider under every routing strategy
	@$(IN_ROOT) exec $(PY) -X dev -m tests.accept.faults $(ARGS)

accept-record: $(STAMPS)-test ## kill a gateway ten times in 20,000 calls, and compare its records with the provider's bill
	@$(IN_ROOT) exec $(PY) -X dev -m tests.accept.record $(ARGS)

prices: $(STAMPS)-test ## write the table of prices anew from the genai-prices package
	@$(IN_ROOT) $(PY) -m pip install --quiet --upgrade genai-prices && $(PY) -m tests.prices

image: ## build the container image with podman or docker
	@$(IN_ROOT) engine=$$(command -v podman || command -v docker) || { \
	  echo "make image needs podman or docker, and neither is here." >&2; exit 1; }; \
	exec "$$engine" build --tag "$(IMAGE)" --file deploy/Containerfile .

clean: ## remove .venv and everything that was built
	@$(IN_ROOT) rm -rf .venv build dist htmlcov .coverage ./*.egg-info \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@$(IN_ROOT) find pipelines proxy tests -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## list the verbs
	@awk -F ':[^#]*## ' '/^[a-z-]+:[^#]*## / { printf "  make %-18s %s\n", $$1, $$2 }' "$(MAKEFILE)"

# One stamp for each set of dependencies, so that a second run installs nothing.
$(STAMPS)-run: $(ROOT)setup.cfg $(ROOT)pyproject.toml
	@$(call install,.)

$(STAMPS)-test: $(ROOT)setup.cfg $(ROOT)pyproject.toml
	@$(call install,.[test])

$(STAMPS)-dev: $(ROOT)setup.cfg $(ROOT)pyproject.toml
	@$(call install,.[dev])

# A command may exist and yet not run (a shim without its interpreter), or lack the module venv.
CANDIDATES = $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3 python)

define install
$(IN_ROOT) \
has() { "$$1" -c "import sys; assert sys.version_info >= (3, 11); import $$2" >/dev/null 2>&1; }; \
if ! has $(PY) pip; then \
  chosen=; bare=; \
  for one in $(CANDIDATES); do \
    if has "$$one" venv,ensurepip; then chosen=$$one; break; fi; \
    if [ -z "$$bare" ] && has "$$one" sys; then bare=$$one; fi; \
  done; \
  if [ -z "$$chosen" ] && [ -n "$$bare" ]; then \
    echo "$$bare runs, but lacks its modules venv and ensurepip, which Headgate needs." >&2; \
    echo "On Debian and Ubuntu they are in the package python3-venv." >&2; exit 1; \
  elif [ -z "$$chosen" ]; then \
    echo "Headgate needs Python 3.11 or newer, and none of these is one that runs:" >&2; \
    echo "  $(CANDIDATES)" >&2; \
    echo "Install one, or name it: make install PYTHON=/path/to/python3" >&2; exit 1; \
  fi; \
  echo "Creating .venv with $$("$$chosen" --version)"; \
  "$$chosen" -m venv --clear .venv || exit 1; \
fi; \
echo "Installing $(1) into .venv"; \
$(PY) -m pip install -qq --disable-pip-version-check --editable '$(1)' || exit 1; \
touch .venv/$(notdir $@)
endef
