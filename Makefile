# `make demo` shows the main job, `make test` tests all three languages. Needed: Rust, Python 3.10 or later, Node 20 or
# later, a C linker. Nothing is installed outside this folder.

SHELL := /bin/bash -o pipefail
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := $(CURDIR)/.venv
PY := $(VENV)/bin/python
LOGS := target/test-logs

# One profile, one target folder and one choice of packages and features for the binary, the wheel, the addon and the
# tests, so that every dependency is compiled once. PyO3 is left to maturin, which configures it in its own way.
CARGO_SCOPE := --release --locked -p aispm-core -p aispm-node --features aispm-core/cli,aispm-core/onnx
# where napi-derive notes types
export NAPI_TYPE_DEF_TMP_FOLDER := $(CURDIR)/target/napi-types

BROWSER := tests/browser

.PHONY: demo build test test-peers test-rust test-python test-node lint features bench fmt clean

demo: build
	target/release/aispm assess examples/estate
	target/release/aispm assess examples/estate --format html -o target/estate.html
	@echo "The same as a page: $(CURDIR)/target/estate.html"

build:
	@mkdir -p $(NAPI_TYPE_DEF_TMP_FOLDER)
	cargo build $(CARGO_SCOPE)

test: lint features test-rust test-python test-node
	@echo "rust: $$(awk '/^test result: ok/ { n += $$4 } END { print n + 0 }' $(LOGS)/rust.log) passed"
	@echo "python: $$(grep -oE '[0-9]+ passed' $(LOGS)/python.log | tail -1)"
	@echo "node: $$(awk '/^# pass/ { n += $$3 } END { print n + 0 }' $(LOGS)/node.log) passed"

# With ONNX Runtime's library as the Python package brings it.
test-rust: $(VENV)/ready | $(LOGS)
	@mkdir -p $(NAPI_TYPE_DEF_TMP_FOLDER)
	ORT_DYLIB_PATH=$$(echo $(VENV)/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*) \
		cargo test $(CARGO_SCOPE) 2>&1 | tee $(LOGS)/rust.log
	target/release/examples/quickstart > $(LOGS)/quickstart-rust.log

test-python: wheel | $(LOGS)
	cd aispm-py && $(PY) -m mypy python ../tests/python ../examples/quickstart.py
	cd aispm-py && $(PY) -m mypy.stubtest aispm._aispm
	$(PY) -m pytest -c aispm-py/pyproject.toml tests/python 2>&1 | tee $(LOGS)/python.log

test-node: addon | $(LOGS)
	cd aispm-node && npm test 2>&1 | tee ../$(LOGS)/node.log
	node examples/quickstart.mjs > $(LOGS)/quickstart-node.log

# What needs system packages: the HTML report in Chromium. Installs Chromium if there is none.
test-peers: build | $(LOGS)
	@command -v chromium chromium-browser google-chrome google-chrome-stable > /dev/null || test -x "$$CHROMIUM" \
		|| (apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium)
	cd $(BROWSER) && npm ci --ignore-scripts --no-audit --no-fund && npm test 2>&1 | tee ../../$(LOGS)/browser.log
	@echo "browser: $$(awk '/pass [0-9]+/ { n += $$NF } END { print n + 0 }' $(LOGS)/browser.log) passed"

# The wheel, installed into .venv.
.PHONY: wheel
wheel: $(VENV)/ready build
	rm -rf target/wheels
	cd aispm-py && $(VENV)/bin/maturin build --release --locked --out ../target/wheels
	$(PY) -m pip install --quiet --force-reinstall --no-deps target/wheels/*.whl

$(VENV)/ready: aispm-py/requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

# The addon with its loader and typings, where tests and examples find it as `aispm`.
.PHONY: addon
addon: aispm-node/node_modules/.package-lock.json build
	cd aispm-node && npm run build
	mkdir -p node_modules && ln -sfn ../aispm-node node_modules/aispm

aispm-node/node_modules/.package-lock.json: aispm-node/package-lock.json
	cd aispm-node && npm ci --ignore-scripts
	touch $@

# What is published, in dist/: the wheel and the npm package, a third of the size, optimised across crates; the wheel is packed
# anew at deflate's best. All is compiled anew and linked slowly, so that tests do without. Across crates little is inlined and
# unrolled: that is 1 MB of the wheel, and no time in texts (`benches/text.rs`).
DIST_FLAGS := $(addprefix -C llvm-args=,-inline-threshold=25 -inlinehint-threshold=50 -unroll-runtime=false)

.PHONY: dist
dist: $(VENV)/ready aispm-node/node_modules/.package-lock.json
	@mkdir -p dist
	cd aispm-py && $(VENV)/bin/maturin build --profile dist --locked --out ../dist -- $(DIST_FLAGS)
	$(PY) aispm-py/repack.py dist/*.whl
	cd aispm-node && PROFILE=dist RUSTC_FLAGS='$(DIST_FLAGS)' npm run build && npm pack --pack-destination ../dist

# Steps in a Kubernetes cluster beside the edges that KubeHound's tests expect, in the file DATA.
# Labs with known answers, once without each permission that they need, and the smallest account for each published
# rule; DATA is a folder as the tool describes.
.PHONY: check-labs
check-labs: build
	$(PYTHON) tests/tools/labs.py $(DATA)

.PHONY: check-kubehound
check-kubehound: build
	$(PYTHON) tests/tools/kubehound.py $(DATA)

lint:
	cargo fmt --all --check
	cargo clippy $(CARGO_SCOPE) --all-targets -- --deny warnings

# The four named feature sets: none, default, cli, all.
features:
	cargo check --release --locked -p aispm-core --no-default-features
	cargo check --release --locked -p aispm-core
	cargo check --release --locked -p aispm-core --features cli
	cargo check --release --locked -p aispm-core --all-features

# Each fix of each attack path makes that path vanish: over exports or labs, DATA=folder.
.PHONY: check-kill-switches
check-kill-switches: build
	$(PYTHON) tests/tools/kill_switches.py $(DATA)

bench:
	cargo bench --locked -p aispm-core --features cli,rego

# The attack-graph engine beside petgraph, then beside networkx, rustworkx and igraph in an environment of their own.
.PHONY: bench-path-peers
bench-path-peers:
	cargo bench --locked -p aispm-core --features cli --bench path
	$(PYTHON) benches/peers/path.py $${CARGO_TARGET_DIR:-target}/bench-path

# The detectors of sensitive data, then beside Presidio, detect-secrets and @arcjet/redact.
.PHONY: bench-text-peers
bench-text-peers:
	cargo bench --locked -p aispm-core --features cli --bench text -- --write $${CARGO_TARGET_DIR:-$(CURDIR)/target}/bench-text
	$(PYTHON) benches/peers/text.py $${CARGO_TARGET_DIR:-$(CURDIR)/target}/bench-text

fmt:
	cargo fmt --all

clean:
	cargo clean
	rm -rf $(VENV) node_modules aispm-node/node_modules aispm-node/*.node aispm-node/native.js

$(LOGS):
	mkdir -p $@
