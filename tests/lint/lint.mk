# `make lint`: everything that needs no run. Each check is a target of its own.

LINT_C := $(shell git ls-files -co --exclude-standard '*.c' '*.h' 2>/dev/null)
LINT_SRCS := $(filter %.c,$(LINT_C))
LINT_HDRS := $(filter %.h,$(LINT_C))
LINT_SH := $(shell git ls-files -co --exclude-standard '*.sh' .ci/run 2>/dev/null)
LINT_CLANG_FLAGS := $(filter-out -Werror -fstack-protector-strong,$(HOST_CFLAGS))

.PHONY: lint format lint-format lint-limits lint-layers lint-headers lint-cppcheck lint-tidy lint-clang lint-shell lint-manuals
lint: lint-format lint-limits lint-layers lint-shell lint-manuals lint-headers lint-clang lint-cppcheck lint-tidy

format:
	$(Q)clang-format -i $(LINT_C)

lint-format:
	$(call say,LINT,format)clang-format --dry-run -Werror $(LINT_C)

# Function and file length, banned calls, SPDX lines, white space.
lint-limits:
	$(call say,LINT,limits)$(PYTHON3) tests/lint/limits.py $(LINT_C)

# Who may include whom, where include roots alone cannot tell.
lint-layers:
	$(call say,LINT,layers)$(PYTHON3) tests/lint/layers.py $(LINT_C)

lint-shell:
	$(call say,LINT,shell)shellcheck -s sh $(LINT_SH)

# Manual pages: their markup, and that the one of recipes names what the reader of recipes knows.
lint-manuals:
	$(call say,LINT,manuals)mandoc -T lint -W warning $(MANUALS) && \
		$(PYTHON3) tests/lint/manuals.py osbuilder/man/osbuilder-recipe.5 $(wildcard osbuilder/recipe/*.c)

# Every header compiles alone.
HDR_CHECKS := $(patsubst %.h,$(O)/lint/%.hdr,$(filter-out tests/%,$(LINT_HDRS)))
lint-headers: $(HDR_CHECKS)
$(O)/lint/%.hdr: %.h $(GEN)/.stamp
	$(call say,HEADER,$<)mkdir -p $(@D) && $(CC) $(filter-out -fPIE -O2 -D_FORTIFY_SOURCE=2,$(HOST_CFLAGS)) $(call inc_of,$<) -fsyntax-only -x c -include $< /dev/null && touch $@

# The programs and tests build with clang too, warnings being errors.
lint-clang:
	$(Q)$(MAKE) --no-print-directory CC=clang O=$(O)/clang all unit-programs
.PHONY: unit-programs
unit-programs: $(UNIT_TESTS) $(FUZZERS:%=$(H)/test/fuzz_%)

lint-cppcheck: $(GEN)/.stamp
	$(call say,LINT,cppcheck)cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability \
		--suppressions-list=tests/lint/cppcheck.txt -D_GNU_SOURCE -D__x86_64__ -DKATA_VERSION='"x"' -Iruntime/lib -Iruntime -Iosbuilder -Iguest-agent \
		-Ikernel -I$(GEN) -j $(shell nproc) $(filter-out tests/%,$(LINT_SRCS))

# A stamp a file: what did not change is not analysed again.
TIDY_CHECKS := $(patsubst %.c,$(O)/lint/%.tidy,$(filter-out tests/%,$(LINT_SRCS)))
lint-tidy: $(TIDY_CHECKS)
$(O)/lint/%.tidy: %.c .clang-tidy $(GEN)/.stamp
	$(call say,TIDY,$<)mkdir -p $(@D) && clang-tidy --quiet --warnings-as-errors='*' $< -- $(LINT_CLANG_FLAGS) $(call inc_of,$<) 2>$@.log || { cat $@.log; exit 1; }; touch $@
