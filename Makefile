# One set of commands for people and CI. `make demo` and `make test` set up everything they need in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := demo
.PHONY: help demo demo-sagemaker test test-slow test-all lint bench serve automations lambda deploy-aws lock pin-images scaling

# Each target with what stands behind its two hashes.
help: ## this list
	@sed -n 's/^\([a-z%-]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

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
install-%: ## an extra of pyproject.toml: make install-aws, make install-onnx
	$(call install,$*)

demo: $(VENV)/core.stamp ## set up .venv and run the demo
	$(BIN)/flood-extent demo

demo-sagemaker: $(VENV)/sandbox.stamp ## the same on a local AWS
	$(BIN)/flood-extent demo --endpoint sagemaker

# In three processes even on two cores, for many tests wait for servers.
test: $(VENV)/dev.stamp ## the fast tests
	$(BIN)/python -m pytest -m "not slow" --numprocesses 3 --dist loadfile

# In four: more of them wait, and for longer.
test-slow: $(VENV)/dev.stamp ## the slow tests
	$(BIN)/python -m pytest -m slow --numprocesses 4 --dist loadfile

test-all: test test-slow ## all tests

lint: $(VENV)/dev.stamp ## ruff, mypy, imports, the stack's template
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint infra/aws/template.yaml

bench: $(VENV)/dev.stamp ## the benchmarks
	$(BIN)/python tests/benchmarks

scaling: $(VENV)/core.stamp ## renew docs/scaling.md
	$(BIN)/python -m deployments.scaling

serve: $(VENV)/core.stamp ## the dashboard on this machine
	$(BIN)/flood-extent serve

# On the server at PREFECT_API_URL.
automations: $(VENV)/core.stamp ## the automations, on the server at hand
	$(BIN)/python -m deployments.automations

lambda: $(VENV)/core.stamp ## the sweeper's zip
	$(BIN)/python -m infra.aws.package_sweeper dist/sweeper.zip

# With the ECS worker, whose package describes the pool.
deploy-aws: $(VENV)/sandbox.stamp ## the deployments on ECS
	$(BIN)/python -m deployments.aws

lock: $(VENV)/dev.stamp ## renew requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --output-file requirements.lock \
	    pyproject.toml

# The digests of the images that Dockerfile and compose.yaml name, as their registry has them. Needs Docker with buildx.
pin-images: $(VENV)/core.stamp ## the digests of the base images
	$(BIN)/python -m deployments.pin_images
