# Two commands do all the set-up: `make demo` and `make test`. Everything lives in .venv/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PINS := -c constraints.txt
export PIP_BUILD_CONSTRAINT := $(CURDIR)/constraints.txt
NATIVE := $(shell find cuda -type f)

.PHONY: help demo test check format test-wheel train-bundled bench gpu-smoke gpu-checkers bench-gpu soak soak-live clean
help:
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /: /'

# --- environment -------------------------------------------------------------------------------

$(VENV)/.created:
	@missing=""; \
	command -v $(PYTHON) >/dev/null || missing="$$missing python3"; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	$(PYTHON) -c 'import os, sysconfig; os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))' 2>/dev/null \
	  || missing="$$missing python3-dev"; \
	command -v g++ >/dev/null || missing="$$missing g++"; \
	command -v git >/dev/null || missing="$$missing git"; \
	if [ -n "$$missing" ]; then \
	  echo "Missing on this machine:$$missing. Run: apt-get install -y$$missing" >&2; exit 1; fi
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.core: $(VENV)/.created pyproject.toml constraints.txt $(NATIVE)
	$(PIP) install $(PINS) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.core
	$(PIP) install $(PINS) --group dev -e '.[clinical,documents,models]'
	@touch $@

# --- what people run ---------------------------------------------------------------------------

demo: $(VENV)/.core  ## analyse a clip that the engine makes itself, and say where the report is
	@rm -rf demo
	$(BIN)/videoengine demo --out demo

test: $(VENV)/.test  ## every test that needs no GPU; VIDEOENGINE_SHARED names the real clips
	$(BIN)/python -m pytest --durations=10

check: $(VENV)/.test  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright

format: $(VENV)/.test  ## rewrite the files as `make check` wants them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The wheel is installed without torch: what passes here needs none.
test-wheel: $(VENV)/.created  ## the test suite against the wheel, outside the checkout, without torch
	rm -rf build/wheel build/outside && mkdir -p build/wheel
	$(PIP) wheel --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv --clear build/outside
	build/outside/bin/python -m pip --quiet install --upgrade 'pip>=25.1'
	build/outside/bin/python -m pip --quiet install $(PINS) build/wheel/*.whl pytest hypothesis
	@folder=$$(mktemp -d) && cp -r tests pyproject.toml $$folder && \
	  outside=$(CURDIR)/build/outside/bin && shared=$${VIDEOENGINE_SHARED:-$(CURDIR)/../shared} && \
	  cd $$folder && VIDEOENGINE_REQUIRE= VIDEOENGINE_SHARED=$$shared $$outside/pytest ; \
	  status=$$?; rm -rf $$folder; exit $$status

BUDGET ?= 1
train-bundled: $(VENV)/.test  ## the weights that ship, from nothing but seeds: under 100 minutes on 2 cores; goes on where it was cut off
	$(BIN)/videoengine train bundled --budget $(BUDGET)

bench: $(VENV)/.test  ## every CPU benchmark, peers interleaved; JSON under docs/benchmarks/
	$(PIP) install $(PINS) --group bench
	$(BIN)/python tests/benchmarks/run.py

# A GPU machine has no registry: everything comes from what it holds already.
gpu-smoke:  ## on a machine with a CUDA device: build, memory check, parity with the CPU
	VIDEOENGINE_CUDA=on $(PYTHON) -m pip install --no-index --no-build-isolation --no-deps -e .
	VIDEOENGINE_REQUIRE=cuda $(PYTHON) -m pytest -m cuda tests/cuda
	if command -v compute-sanitizer >/dev/null; then \
	  compute-sanitizer --error-exitcode 1 $(PYTHON) -m pytest -q -m cuda tests/cuda; fi

gpu-checkers:  ## after gpu-smoke: races, barriers and memory that was never written, on a small scene of splats
	for tool in racecheck synccheck initcheck; do \
	  VIDEOENGINE_REQUIRE=cuda compute-sanitizer --tool $$tool --error-exitcode 1 \
	    $(PYTHON) -m pytest -q -m cuda tests/cuda -k small_scene_for_the_checkers || exit 1; done

bench-gpu: gpu-smoke  ## on a machine with a CUDA device: splats beside installed peers, frames of the simulator; docs/benchmarks/
	$(PYTHON) tests/benchmarks/splats_gpu.py
	$(PYTHON) tests/benchmarks/simulator.py --backend cuda --part frames

soak: $(VENV)/.test  ## the long versions: 50 kills, every spliced scene, 2 hours of media, 50 faults, 10 minutes of 4 feeds
	VIDEOENGINE_SOAK=1 $(BIN)/python -m pytest tests/integration/test_kill.py tests/integration/test_privacy.py
	$(BIN)/python tests/benchmarks/memory.py
	$(MAKE) soak-live

soak-live: $(VENV)/.test  ## of these, what concerns live feeds, then 2 hours of one feed with flat memory
	VIDEOENGINE_SOAK=1 $(BIN)/python -m pytest -s tests/integration/test_live_faults.py \
	  tests/integration/test_live_parity.py tests/integration/test_live_load.py
	$(BIN)/python tests/benchmarks/live_memory.py --hours 2

clean:  ## remove everything that make made
	rm -rf $(VENV) build demo
