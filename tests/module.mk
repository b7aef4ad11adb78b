# Running the tests. Each part's fragment has added its programs to UNIT_TESTS, FUZZERS and INTEGRATION_TESTS.

RESULTS := $(O)/test-results
# How many test programs run at once.
TEST_JOBS ?= $(shell nproc)
RUN_TESTS := $(PYTHON3) tests/support/run-tests.py --results $(RESULTS) --jobs $(TEST_JOBS)
UNIT_TESTS := $(sort $(UNIT_TESTS))
FUZZERS := $(sort $(FUZZERS))
# Seconds that one fuzz target gets in `make check-fuzz`.
FUZZ_TIME ?= 20

.PHONY: check check-unit check-corpus check-san check-image check-unprivileged check-boot check-runtime check-runk check-agent check-fuzz check-kvm \
	check-demo check-results-begin check-results-end

check: check-results-begin
	$(Q)$(MAKE) -k --no-print-directory check-unit check-corpus check-cross check-image check-unprivileged check-boot check-selfcheck check-runtime check-runk check-agent; s=$$?; \
	$(RUN_TESTS) --total || s=1; exit $$s
check-results-begin:
	$(Q)rm -rf $(RESULTS) && mkdir -p $(RESULTS)

check-unit: $(UNIT_TESTS) $(G)/bin/kata-agent
	$(Q)KATA_BUILD=$(O) KATA_AGENT=$(G)/bin/kata-agent $(RUN_TESTS) --strip $(H)/test --timeout 120 $(UNIT_TESTS)

# Every corpus through its parser, in the plain build; with SAN= under sanitizers.
check-corpus: $(FUZZERS:%=$(H)/test/fuzz_%)
	$(Q)s=0; for f in $(FUZZERS); do \
		$(RUN_TESTS) --strip $(H)/test --timeout 120 --arg tests/fuzz/corpus/$$f $(H)/test/fuzz_$$f || s=1; done; exit $$s

# The unit tests and corpora once more, built with sanitizers.
check-san:
	$(Q)$(MAKE) --no-print-directory SAN=address,undefined check-unit check-corpus

check-fuzz: $(FUZZERS:%=$(O)/fuzz/bin/fuzz_%)
	$(Q)set -e; for f in $(FUZZERS); do mkdir -p $(O)/fuzz/corpus/$$f; echo "  FUZZ     $$f"; \
		$(O)/fuzz/bin/fuzz_$$f -max_total_time=$(FUZZ_TIME) -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
		$(O)/fuzz/corpus/$$f tests/fuzz/corpus/$$f 2>&1 | tail -n 4; done

# Integration tests, by what they need. Each is a program that prints TAP.
INTEGRATION_ENV = KATA_BUILD=$(abspath $(O)) KATA_BIN=$(abspath $(H))/bin KATA_AGENT=$(abspath $(G))/bin/kata-agent \
	KATA_KERNEL_DIR=$(abspath $(O))/kernel/$(ARCH) KATA_IMAGE_DIR=$(abspath $(O))/images/$(ARCH)/agent \
	KATA_CONFIG=$(abspath $(O))/demo/configuration.toml KATA_BOOT_PROBE=$(abspath $(G))/bin/init_probe
check-image: $(H)/bin/osbuilder $(G)/bin/kata-agent $(IMAGE_TEST_PROGS) cross-agents
	$(Q)$(INTEGRATION_ENV) $(RUN_TESTS) $(wildcard tests/integration/image_*.py)
# The image tests once more as in a plain container: without root, capabilities, loop devices and network. Those that read and write
# images most, and those of sources that need no mirror; comparing with loop mounts is all that is left out.
UNPRIVILEGED_TESTS := $(patsubst %,tests/integration/image_%.py,build cli lock measured old pack read sources torture)
check-unprivileged: $(H)/bin/osbuilder $(G)/bin/kata-agent $(IMAGE_TEST_PROGS)
	$(Q)$(INTEGRATION_ENV) $(PYTHON3) tests/support/unprivileged.py --results $(RESULTS) $(UNPRIVILEGED_TESTS)
check-boot: kernel rootfs-image initrd-image demo-config $(PROGRAMS) $(BOOT_TEST_PROGS)
	$(Q)$(INTEGRATION_ENV) $(RUN_TESTS) $(wildcard tests/integration/boot_*.py)
# The Debian image needs a package mirror; without one the tests of it are skipped, and say so.
check-runtime: demo-config kernel rootfs-image $(PROGRAMS)
	$(Q)$(MAKE) --no-print-directory rootfs-image RECIPE=debian || echo "  no Debian image: its tests are skipped"
	$(Q)$(INTEGRATION_ENV) $(RUN_TESTS) --timeout 1500 $(wildcard tests/integration/runtime_*.py)

# runk on this host: its commands, real clients, and the same bundles under crun and runc.
check-runk: $(G)/bin/runk
	$(Q)KATA_BUILD=$(abspath $(O)) KATA_RUNK=$(abspath $(G))/bin/runk $(RUN_TESTS) $(wildcard tests/integration/runk_*.py)

# The agent on this host, in namespaces of its own, driven by kata-agent-ctl and by clients that mean harm.
check-agent: $(H)/bin/kata-agent-ctl $(G)/bin/kata-agent
	$(Q)$(INTEGRATION_ENV) $(RUN_TESTS) $(wildcard tests/integration/agent_*.py)

check-kvm:
	@echo "check-kvm: the nested test host is not built yet" >&2; exit 1

include tests/cross.mk
