# The verbs of the repository. Each one sets up what it needs first; `make` alone lists them.

export DO_NOT_TRACK := 1
export DAGSTER_DISABLE_TELEMETRY := 1

REFERA := .venv/bin/refera

.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage unit lock stress bench-cdc bench-warehouse bench-latency bench-lambda lambda_package terraform_plan terraform_apply lint types sql ui down clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z_-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

setup: ## .venv from the lock file, and MariaDB when missing; PYTHON=python3.12 chooses the Python
	@bin/setup.sh

demo: setup ## three days of business from a sample source to answers; DUMP=file.sql: your dump, SCALE=10: more rows
	@$(REFERA) demo $${DUMP:+--dump "$$DUMP"} $${SCALE:+--scale "$$SCALE"}

test: lint ## style, types and SQL, then every test; ARGS="-k words" chooses among the tests
	@.venv/bin/pytest -n 3 --dist loadscope --no-loadscope-reorder $(ARGS)

coverage: setup ## every test once more, measured, and which lines of the package none reaches; ARGS as for test
	@mkdir -p build/coverage && rm -f build/coverage/data*
	@.venv/bin/coverage run -m pytest -n 3 --dist loadscope --no-loadscope-reorder $(ARGS)
	@.venv/bin/coverage combine --quiet && .venv/bin/coverage report

unit: setup ## only the tests that need no server, in seconds; one test: .venv/bin/pytest path -k words
	@.venv/bin/pytest -m unit $(ARGS)

lock: ## the five lock files from their wishes; each keeps the pins of the one before it
	@bin/lock.sh

stress: setup ## rows that are killed and counted, and random lives of tables, each for SECONDS_EACH=3600
	@.venv/bin/pytest refera_platform_tests/ingest/test_counter_machine.py refera_platform_tests/ingest/test_random_days.py \
		refera_platform_tests/ingest/test_stream_memory.py refera_platform_tests/warehouse/test_increment.py \
		refera_platform_tests/warehouse/test_publish.py \
		--timeout=0 --stress-seconds=$${SECONDS_EACH:-3600}

bench-cdc: setup ## rows a second and memory of reading the log: this reader beside a bare python-mysql-replication loop
	@.venv/bin/python -m benchmarks.cdc $${ROWS:+--rows "$$ROWS"}

bench-warehouse: setup ## bytes, seconds and memory of a day on ten million order lines, beside a full rebuild; LINES=1000000
	@.venv/bin/python -m benchmarks.warehouse $${LINES:+--lines "$$LINES"}

bench-latency: setup ## what Dagster adds: loading, launching, dbt's frame, beside plain dbt
	@.venv/bin/python -m benchmarks.latency

bench-lambda: setup ## the functions of AWS Lambda: until they are ready, a day, a build, in 512 MB and 1 GB; SCALE=100
	@.venv/bin/python -m benchmarks.functions $${SCALE:+--scale "$$SCALE"}

lambda_package: setup ## the zip of the function that reads the source, in build/lambda; ARCH=arm64, PYTHON_RUNTIME=3.12
	@.venv/bin/python deploy/lambda/package.py --arch $${ARCH:-x86_64} --python $${PYTHON_RUNTIME:-3.12}

terraform_plan: ## what Terraform would make on AWS, out of deploy/terraform/terraform.tfvars and backend.hcl
	@cd deploy/terraform && terraform init -input=false -backend-config=backend.hcl && terraform plan -out=plan.tfplan

terraform_apply: ## make what terraform_plan showed, and nothing else
	@cd deploy/terraform && terraform apply plan.tfplan

lint: setup ## ruff, mypy and sqlfluff
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@$(MAKE) --no-print-directory --jobs=2 types sql

types: setup ## of lint only mypy
	@.venv/bin/mypy

sql: setup ## of lint only sqlfluff
	@.venv/bin/sqlfluff lint --disable-progress-bar dbt/models dbt/tests

ui: setup ## Dagster in the browser, on the local stack
	@$(REFERA) up --ui

down: setup ## stop the local stack; its data stays
	@$(REFERA) down

clean: ## stop the local stack and remove its data, .venv and every cache
	@if [ -x $(REFERA) ]; then $(REFERA) down --wipe; \
	elif [ -e .refera/stack.json ]; then \
		echo 'make clean: .refera belongs to a stack that only refera can stop: run make setup first.' >&2; exit 1; fi
	rm -rf .venv .refera .mypy_cache .pytest_cache .ruff_cache .hypothesis dbt/target dbt/logs logs build *.egg-info
	find refera_platform refera_platform_tests -name __pycache__ -type d -prune -exec rm -rf {} +
