# The project's commands; `make help` lists them. Each works from a clean clone.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: book test nightly run lab bench mutate parity clean help
.DELETE_ON_ERROR:

book: $(READY) ## Render HTML pages, PDF and EPUB to _book from the stored outputs
	@$(RUN) -m render

test: $(READY) ## Run the whole suite: every notebook's cells, and tests/
	@$(RUN) -m pytest -n 2 --dist loadscope

nightly: $(READY) ## Run every notebook alone in an empty folder, too
	@$(RUN) -m pytest -n 2 --dist loadscope -m ""

run: $(READY) ## Execute a notebook in place and normalise it: make run NB=notebooks/…
	@test -n "$(NB)" || { echo "which notebook? make run NB=notebooks/01-dynamical-systems.ipynb" >&2; exit 1; }
	@$(RUN) -m render.run $(NB)

lab: $(READY) ## Open the notebooks in JupyterLab
	@$(VENV)/bin/jupyter lab notebooks

bench: $(READY) ## Measure speed and weight, into _bench; or a part: make bench ONLY="build weight"
	@$(RUN) -m benchmarks.speed $(ONLY)

mutate: $(READY) ## Plant faults in the notebooks and count those they catch; NB=… for one of them
	@$(RUN) -m benchmarks.mutate $(NB)

parity: $(READY) ## Compare the book's numbers with Quarto's, if there is Quarto
	@$(RUN) -m benchmarks.parity

clean: ## Remove what the commands above made
	@rm -rf $(VENV) _book _bench _mutate .book-* .ruff_cache
	@find . -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

$(READY): requirements.txt
	@echo "setup $(VENV), once; it takes a minute or two"
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed; choose one: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
