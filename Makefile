# `make` says what there is. `demo`, `test` and `bench` run `setup` themselves.

SWIFT ?= swift
PREFIX ?= /usr/local
# Where `demo` leaves its files.
DEMO_DIR ?= .build/demo
# `make demo REAL=1`: an OpenBao server in place of the embedded fakes.
REAL ?=
# More for `swift test`, such as `make test TEST_ARGS="--filter OpenBaoTests"`.
TEST_ARGS ?=
# More for scripts/bench, such as `make bench BENCH_ARGS="--rounds 9"`.
BENCH_ARGS ?=
# What `fuzz` runs, each for how many seconds.
FUZZ_TARGETS ?= $(notdir $(wildcard Tests/Fuzz/Corpora/*))
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 600

# The Swift runtime is linked in, so that a node needs libcurl and libssl only. Symbols are bound at the start, since binding
# them later leaves addresses of arguments on the stack, and left out, which makes the file a third of the size. Nothing is
# exported, so that what nobody calls can be left out too.
RELEASE := --configuration release --static-swift-stdlib --disable-local-rpath -Xswiftc -use-ld=lld -Xlinker --icf=safe \
  -Xlinker -z -Xlinker now -Xlinker -s \
  -Xswiftc -Xfrontend -Xswiftc -function-sections -Xlinker --gc-sections -Xlinker --no-export-dynamic
# Relocations in a thirtieth of the space, which is start-up time and memory; glibc reads them from 2.36 on.
GLIBC_MINOR := $(shell getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc 2\.//p')
ifeq ($(shell [ "$(GLIBC_MINOR)0" -ge 360 ] && echo yes),yes)
RELEASE += -Xlinker -z -Xlinker pack-relative-relocs
endif

.DEFAULT_GOAL := help
.PHONY: help setup build demo demo-daemon soak test test-asan test-tsan lint format bench bench-daemon docs fuzz install build-csi csi-protocol deb image image-csi sbom man \
  test-packages clean

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: ## Install what is missing: Debian packages, a Python environment in .venv
	@scripts/setup

build: ## Build secrets-agent and the fakes, in .build/release
	@scripts/setup build
	$(SWIFT) build $(RELEASE) --product secrets-agent
	$(SWIFT) build $(RELEASE) --product secrets-agent-fakes

demo: setup build ## Resolve config/examples/execution.json against a started store (REAL=1: OpenBao)
	@DEMO_DIR='$(DEMO_DIR)' REAL='$(REAL)' scripts/demo

demo-daemon: setup build ## Show the daemon: a rotation arrives, a workload is told, an execution stops
	@DEMO_DIR='$(DEMO_DIR)-daemon' scripts/demo-daemon

test: setup ## Run all tests, those against a real OpenBao server among them
	SECRETS_AGENT_BAO='$(CURDIR)/.venv/bin/bao' SECRETS_AGENT_PYTHON='$(CURDIR)/.venv/bin/python' \
	  SWIFT='$(SWIFT)' scripts/test $(TEST_ARGS)

test-asan: setup ## Run the tests with AddressSanitizer, in .build-asan
	SWIFT='$(SWIFT)' scripts/test-sanitized address $(TEST_ARGS)

test-tsan: setup ## Run the tests with ThreadSanitizer, in .build-tsan
	SWIFT='$(SWIFT)' scripts/test-sanitized thread $(TEST_ARGS)

lint: ## Check the format of every Swift file, and that the version is the same everywhere
	$(SWIFT) format lint --strict --parallel --recursive Package.swift Sources providers Tests
	@scripts/version --check

format: ## Put every Swift file in that format
	$(SWIFT) format --in-place --parallel --recursive Package.swift Sources providers Tests

bench: setup build ## Measure a cold resolve against the same work in C, curl, bao agent and hvac, on a local OpenBao
	@.venv/bin/python scripts/bench $(BENCH_ARGS)

bench-daemon: setup build ## Measure the daemon: start, idle, refreshes (BENCH_ARGS=--growth: how cost grows)
	@.venv/bin/python scripts/bench-daemon $(BENCH_ARGS)

docs: ## Write config/*.schema.json and docs/providers.md anew, from what providers and settings declare
	$(SWIFT) build --product secrets-agent
	for kind in execution agent policy; do \
	  .build/debug/secrets-agent schema $$kind > config/$$kind.schema.json || exit; \
	done
	(echo '# Providers'; echo; echo 'Made by `make docs` from what each provider declares.'; echo; \
	  .build/debug/secrets-agent providers --markdown) > docs/providers.md

soak: setup build ## Ten minutes of faults at random; wrong values, memory and metrics are watched (SOAK_SECONDS)
	@.venv/bin/python scripts/soak --seconds $(SOAK_SECONDS)

fuzz: ## Fuzz every parser of strangers' bytes with libFuzzer, a minute each (FUZZ_TARGETS, FUZZ_SECONDS)
	@scripts/setup build
	@for target in $(FUZZ_TARGETS); do scripts/fuzz $$target $(FUZZ_SECONDS) || exit; done

install: build ## Install the executable, its man pages and its shell completions (PREFIX, DESTDIR)
	scripts/generated .build/release/secrets-agent .build/generated
	install -D -m 0755 .build/release/secrets-agent '$(DESTDIR)$(PREFIX)/bin/secrets-agent'
	install -D -m 0644 -t '$(DESTDIR)$(PREFIX)/share/man/man1' .build/generated/man/*.1
	install -D -m 0644 -t '$(DESTDIR)$(PREFIX)/share/bash-completion/completions' .build/generated/bash/secrets-agent
	install -D -m 0644 -t '$(DESTDIR)$(PREFIX)/share/zsh/site-functions' .build/generated/zsh/_secrets-agent
	install -D -m 0644 -t '$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d' .build/generated/fish/secrets-agent.fish

deb: build ## Build dist/secrets-agent_VERSION_ARCH.deb
	@scripts/setup packages
	@SWIFT='$(SWIFT)' scripts/deb

image: build ## Build an OCI image, dist/secrets-agent_VERSION_ARCH.oci.tar (IMAGE: its name)
	@scripts/setup packages
	@SWIFT='$(SWIFT)' IMAGE='$(IMAGE)' scripts/image

build-csi: ## Build secrets-agent-csi, the provider of the Secrets Store CSI driver, in .build/release
	@scripts/setup build
	$(SWIFT) build $(RELEASE) --product secrets-agent-csi

image-csi: build-csi ## The same of the provider of the Secrets Store CSI driver
	@scripts/setup packages
	@SWIFT='$(SWIFT)' IMAGE='$(IMAGE)' PROGRAM=secrets-agent-csi scripts/image

csi-protocol: setup ## Write the CSI driver's messages anew from their .proto
	$(SWIFT) build --product protoc-gen-swift
	$(SWIFT) build --product protoc-gen-grpc-swift-2
	cd Sources/CSIDriverProtocol && '$(CURDIR)/.venv/bin/python' -m grpc_tools.protoc -I. \
	  --plugin=protoc-gen-swift='$(CURDIR)/.build/debug/protoc-gen-swift' \
	  --plugin=protoc-gen-grpc-swift='$(CURDIR)/.build/debug/protoc-gen-grpc-swift-2' \
	  --swift_out=. --swift_opt=Visibility=Package \
	  --grpc-swift_out=. --grpc-swift_opt=Visibility=Package,Client=false csi_driver_provider.proto

sbom: build ## Write the bill of materials, dist/secrets-agent.spdx.json
	@scripts/setup packages
	@mkdir -p dist
	@SWIFT='$(SWIFT)' scripts/sbom secrets-agent .build/release/secrets-agent dist/secrets-agent.spdx.json

man: build ## Write the man pages into dist/man
	@scripts/man .build/release/secrets-agent dist/man

test-packages: build ## Build package and image twice, and use both in roots of their own (SUITES, as "bookworm trixie")
	@scripts/setup test-packages
	@SWIFT='$(SWIFT)' scripts/test-packages

clean: ## Remove what was built and set up
	rm -rf .build .build-asan .build-fuzz .build-tsan .venv
