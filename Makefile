PYTHON ?= python3
BIN := .venv/bin
FRESH ?=
ARGS ?=
# Ends in one sentence where a Python is of a version that pyproject.toml does not allow.
VERSION_FITS := import sys; version = sys.version_info[:2]; (3, 11) <= version <= (3, 14) or sys.exit("error: \
	`PYTHON` must be 3.11 to 3.14, got %d.%d: name one, as in `make profile PYTHON=python3.12`" % version)
# Processes that may not keep the bytecode of the project would compile it at every start.
export PYTHONDONTWRITEBYTECODE :=
# Sets of versions that `make test-versions` tries; everything else is as in the lock.
OLDEST := torch==2.11.0 torchvision==0.26.0 torchaudio==2.11.0 transformers==5.17.0
NEWEST := torch==2.14.1 torchvision==0.29.2 torchaudio==2.11.0 transformers
# The newest torchaudio cannot be imported beside this torch.
WITHOUT_TORCHAUDIO := torch==2.15.0 torchvision==0.29.2 transformers

# The tests that import no torch; `--no-torch` holds them to it.
QUICK := $(addprefix tests/profiling/,analysis distributions planning report rows test_arguments.py \
	test_compare.py test_data_settings.py) $(addprefix tests/datamodules/,batching/test_policies.py \
	test_lengths.py test_sampling.py)

# A worker per core, each with a thread of its own (tests/conftest.py); the tests of a file stay
# together, because they share what one of them built, and files that take long begin first. A worker
# that dies ends the tests, which would wait for ever for what it had to do.
SIDE_BY_SIDE := --numprocesses=logical --maxprocesses=4 --dist=loadscope --no-loadscope-reorder \
	--max-worker-restart=0

.PHONY: help profile test quick test-versions test-oldest test-newest test-without-torchaudio \
	lint format lock clean

help: ## Show the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

# Made anew when the lock changes; otherwise set-up is quick. Bytecode is compiled here, once: where
# PYTHONDONTWRITEBYTECODE is set, every process that imports torch would do it again. An environment is
# made where there is none of a version that fits, or one that `venv` left without pip, such as without
# Debian's python3-venv.
.venv/ready: requirements.lock pyproject.toml
	@{ $(BIN)/python -c '$(VERSION_FITS)' && $(BIN)/python -m pip --version; } >/dev/null 2>&1 \
		|| { $(PYTHON) -c '$(VERSION_FITS)' && $(PYTHON) -m venv --clear .venv; }
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock \
		--python $(BIN)/python
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e .
	touch $@

profile: .venv/ready ## Measure the quickstart on this CPU (3 minutes); FRESH=1 measures anew, ARGS adds settings.
	$(BIN)/python profile.py sweep --config configs/profile/quickstart.yaml $(if $(FRESH),--fresh true) $(ARGS)

test: .venv/ready ## Run the tests (7 to 11 minutes on two cores, 30 on slow ones).
	$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) $(ARGS)

quick: lint ## Check the style and run the tests that need no torch (under a minute).
	$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) --no-torch --ignore-glob='*_in_browser.py' $(QUICK)

test-versions: test-oldest test-newest test-without-torchaudio ## Run the tests on other versions of torch and transformers.

# $(call test-with,VERSIONS,MARKERS,OPTIONS OF THE RESOLVER): 5 GB and the whole tests.
define test-with
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-versions
	cp requirements.lock .venv-versions/set.lock
	printf '%s\n' $(1) | $(BIN)/uv pip compile pyproject.toml - --quiet --extra dev $(3) \
		--upgrade-package transformers --python .venv-versions/bin/python --generate-hashes \
		--no-header --no-annotate -o .venv-versions/set.lock
	$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes .venv-versions/set.lock \
		--python .venv-versions/bin/python
	.venv-versions/bin/python -m pytest -q $(SIDE_BY_SIDE) -m "$(2)" $(ARGS)
endef

test-oldest: .venv/ready
	$(call test-with,$(OLDEST),not gpu)

test-newest: .venv/ready
	$(call test-with,$(NEWEST),not gpu)

test-without-torchaudio: .venv/ready
	$(call test-with,$(WITHOUT_TORCHAUDIO),not gpu and not torchaudio,--no-emit-package torchaudio)

lint: .venv/ready ## Check style, types and the direction of imports.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/ready ## Format the code.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: .venv/ready ## Write requirements.lock from pyproject.toml.
	$(BIN)/uv pip compile pyproject.toml --quiet --extra dev --group locked --universal --generate-hashes \
		--no-header --no-annotate -o requirements.lock

clean: ## Remove the environment and what was built; measurements and trained models stay.
	rm -rf .venv .venv-versions build *.egg-info
