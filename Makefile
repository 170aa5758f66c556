PYTHON ?= python3
BIN := .venv/bin
FRESH ?=
ARGS ?=
TRANSFORMERS ?= 5.17.0 5.23.0

.PHONY: help profile test test-versions lint format lock clean

help: ## Show the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

# Made anew when the lock changes; otherwise set-up is quick. Bytecode is compiled here, once: where
# PYTHONDONTWRITEBYTECODE is set, every process that imports torch would do it again.
.venv/ready: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock \
		--python $(BIN)/python
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e .
	touch $@

profile: .venv/ready ## Measure the quickstart on this CPU (3 minutes); FRESH=1 measures anew, ARGS adds settings.
	$(BIN)/python profile.py sweep --config configs/profile/quickstart.yaml $(if $(FRESH),--fresh true) $(ARGS)

test: .venv/ready ## Run the tests.
	$(BIN)/python -m pytest -q

test-versions: .venv/ready ## Run the tests on the oldest and newest supported transformers.
	for version in $(TRANSFORMERS); do \
		$(BIN)/uv venv --quiet --clear .venv-versions && \
		$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock \
			--python .venv-versions/bin/python && \
		$(BIN)/uv pip install --quiet --python .venv-versions/bin/python transformers==$$version && \
		.venv-versions/bin/python -m pytest -q || exit 1; \
	done

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

clean: ## Remove the environment and everything that was made.
	rm -rf .venv .venv-versions runs lightning_logs build *.egg-info
