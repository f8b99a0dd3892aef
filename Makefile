# SPDX-License-Identifier: Apache-2.0
# make demo [SECONDS=60] [ARGS=…] · make test [ARGS=…] · make setup [BENCH=1] · make bench [ARGS=--quick] [SUITES=queue]
.PHONY: setup demo test check bench soak docs clean
PREPARE = @python3 gateway/bootstrap.py
SUITES = queue matcher eta assignment decision loop policy fixes ingest sip
KERNELS = tests/unit/core_dispatch tests/unit/roads tests/unit/zones/test_ground.py tests/property/test_queue_laws.py tests/property/test_matcher_laws.py tests/property/test_ranking_laws.py tests/property/test_assignment_laws.py tests/property/test_index_laws.py tests/property/test_zone_laws.py

setup: ; $(PREPARE) $(if $(BENCH),bench,dev) --servers --peers
demo: ; $(PREPARE) run --servers && .venv/bin/gateway demo --seconds $(or $(SECONDS),60) $(ARGS)
test: ; $(PREPARE) dev --servers --peers && .venv/bin/pytest -q -rs -n 2 --dist loadscope $(ARGS) && NUMBA_DISABLE_JIT=1 .venv/bin/pytest -q -n 2 $(KERNELS)
check: ; $(PREPARE) dev && for step in "ruff format --check ." "ruff check ." mypy lint-imports "deptry core gateway device_adapters" codespell; do echo "$$step"; .venv/bin/$$step || exit 1; done
bench: ; $(PREPARE) bench --servers --peers && .venv/bin/pytest bench --benchmark-enable --benchmark-only -q && mkdir -p bench/results && for suite in $(SUITES); do .venv/bin/python -m bench.compare $$suite --json bench/results/$$suite.json $(ARGS) || exit 1; done && .venv/bin/python -m bench.compare.report
soak: ; $(PREPARE) dev --servers --peers && .venv/bin/pytest -q -m soak --timeout 3600 $(ARGS) && .venv/bin/pytest -q tests/property --hypothesis-profile soak --timeout 3600
docs: ; $(PREPARE) dev && .venv/bin/python -m gateway.contract && .venv/bin/towncrier build --draft --version next
clean: ; rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks gateway-data
