# One set of commands for people and CI. `make demo` and `make test` set up everything they need in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo demo-sagemaker test test-slow test-all lint bench serve automations lambda deploy-aws lock pin-images

# Only what these extras need, each file held against the hash in the lock; then the project itself, which has none.
define install
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m deployments.locked $(1) > $(VENV)/locked.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
	    --requirement $(VENV)/locked.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
endef

$(VENV)/core.stamp: pyproject.toml requirements.lock
	$(call install,)
	touch $@

$(VENV)/sandbox.stamp: pyproject.toml requirements.lock
	$(call install,sandbox)
	touch $@ $(VENV)/core.stamp

$(VENV)/dev.stamp: pyproject.toml requirements.lock
	$(call install,dev)
	touch $@ $(VENV)/core.stamp $(VENV)/sandbox.stamp

# An extra of pyproject.toml, on top of what is there: make install-aws, make install-onnx.
install-%:
	$(call install,$*)

demo: $(VENV)/core.stamp
	$(BIN)/flood-extent demo

demo-sagemaker: $(VENV)/sandbox.stamp
	$(BIN)/flood-extent demo --endpoint sagemaker

# In three processes even on two cores, for many tests wait for servers.
test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m "not slow" --numprocesses 3 --dist loadfile

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
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --output-file requirements.lock \
	    pyproject.toml

# The digests of the images that Dockerfile and compose.yaml name, as their registry has them. Needs Docker with buildx.
pin-images: $(VENV)/core.stamp
	$(BIN)/python -m deployments.pin_images
