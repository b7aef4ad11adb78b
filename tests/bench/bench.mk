# SPDX-License-Identifier: Apache-2.0
# Measurements against other programs: ratios, each beside its target. BENCH_ARGS: see tests/bench/bench_image.py --help.
BENCH_ARGS ?=
.PHONY: bench bench-image
bench: bench-image
bench-image: $(H)/bin/osbuilder $(H)/bin/verity-format $(G)/bin/kata-agent
	$(Q)$(INTEGRATION_ENV) $(PYTHON3) tests/bench/bench_image.py $(BENCH_ARGS)
$(eval $(call prog,$(H),verity-format,tests/bench/verity_format.c,osbdisk codec base,-lcrypto))

# runk beside crun and runc: create, start and delete of /bin/true, BENCH_COUNT (100) times.
.PHONY: bench-runk
bench-runk: $(G)/bin/runk
	$(Q)KATA_RUNK=$(abspath $(G))/bin/runk $(PYTHON3) tests/bench/runk.py

# Guest kernels: what `make kernel` and `make kernel KERNEL_TYPE=microvm` have built, and Debian's. Builds no kernel.
.PHONY: bench-kernel
bench-kernel: $(G)/bin/insn_init $(H)/bench/insn_count.so
	$(Q)KATA_BUILD=$(abspath $(O)) $(PYTHON3) tests/bench/bench_kernel.py $(BENCH_ARGS)
$(eval $(call prog,$(G),insn_init,tests/bench/insn_init.c,,))
# Loaded by QEMU, whose functions it leaves undefined.
$(H)/bench/insn_count.so: tests/bench/insn_count.c
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) -std=gnu17 -O2 -Wall -Wextra -Werror -fPIC -shared -o $@ $<
