# One set of commands for people and CI. `make demo` and `make test` set up everything they need in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo demo-sagemaker test test-slow test-all lint bench serve automations lambda deploy-aws lock

# Installing with the lock as constraints pins everything and installs only what the extras ask for.
$(VENV)/core.stamp: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable .
	touch $@

$(VENV)/sandbox.stamp: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable ".[sandbox]"
	touch $@ $(VENV)/core.stamp

$(VENV)/dev.stamp: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable ".[dev]"
	touch $@ $(VENV)/core.stamp $(VENV)/sandbox.stamp

demo: $(VENV)/core.stamp
	$(BIN)/flood-extent demo

demo-sagemaker: $(VENV)/sandbox.stamp
	$(BIN)/flood-extent demo --endpoint sagemaker

# In two processes, for most tests wait for servers.
test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist loadfile

test-slow: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m slow --numprocesses 2 --dist loadfile

test-all: test test-slow

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint infra/aws/template.yaml

bench: $(VENV)/dev.stamp
	$(BIN)/python tests/benchmarks

serve: $(VENV)/core.stamp
	$(BIN)/flood-extent serve

# On the server at PREFECT_API_URL.
automations: $(VENV)/core.stamp
	$(BIN)/python -m deployments.automations

lambda: $(VENV)/core.stamp
	$(BIN)/python -m infra.aws.package_sweeper dist/sweeper.zip

# With the ECS worker, whose package describes the pool.
deploy-aws: $(VENV)/sandbox.stamp
	$(BIN)/python -m deployments.aws

lock: $(VENV)/dev.stamp
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras --no-emit-index-url \
	    --custom-compile-command "make lock" --output-file requirements.lock pyproject.toml
