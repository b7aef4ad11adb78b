# SPDX-License-Identifier: Apache-2.0
# The library of all parts (the engine links it too), the program, and the image targets.
OSBUILDER_SRCS := $(OSB_TREE_SRCS) $(OSB_SOURCE_SRCS) $(OSB_PASS_SRCS) $(OSB_RECIPE_SRCS) $(OSB_WRITER_SRCS) \
	$(OSB_DISK_SRCS) osbuilder/manifest.c osbuilder/agent_file.c osbuilder/check.c osbuilder/image.c osbuilder/image_write.c osbuilder/initrd.c osbuilder/progress.c osbuilder/record.c osbuilder/recipe_lock.c osbuilder/sbom.c osbuilder/sbom_out.c osbuilder/measure.c osbuilder/verify.c
# What a program that links libosbuilder, libcodec and libbase needs. libarchive is loaded when it is used (compat/la_lib.h).
OSBUILDER_LDLIBS := -lelf $(OSB_WRITER_LDLIBS) -ljansson -lcrypto
$(eval $(call lib,osbuilder,$(OSBUILDER_SRCS)))
# The commands, as a library of their own for their tests.
OSB_CLI_SRCS := $(addprefix osbuilder/cli/,command.c commands.c options.c report.c report_line.c $(patsubst %,cmd_%.c,build lock inspect verify extract diff \
	seal pack new))
$(eval $(call lib,osbcli,$(OSB_CLI_SRCS)))
$(eval $(call prog,$(H),osbuilder,osbuilder/cli/main.c,osbcli osbuilder codec base,$(OSBUILDER_LDLIBS)))
PROGRAMS += $(H)/bin/osbuilder
MANUALS += osbuilder/man/osbuilder.1 osbuilder/man/osbuilder-recipe.5
# The torture tree of full size, for tests/integration/image_torture.py.
IMAGE_TEST_PROGS += $(H)/bin/torture-big $(G)/bin/boot-init
BOOT_TEST_PROGS += $(H)/bin/torture-big
$(eval $(call prog,$(H),torture-big,tests/support/torture_main.c tests/support/torture_big.c $(LISTING_SRCS),osbuilder codec base,$(OSBUILDER_LDLIBS)))

OSB_UNIT = $(eval $(call unit,osbuilder/$(1),osbuilder codec base,$(OSBUILDER_LDLIBS) $(3),tests/support/tool.c $(2)))
$(foreach t,tree/test_tree source/test_dir source/test_apt recipe/test_recipe recipe/test_scaffold pass/test_pass test_manifest test_agent_file test_progress test_record test_sbom source/test_lock source/test_store source/test_watch,$(call OSB_UNIT,$(t)))
$(call OSB_UNIT,source/test_unpack,tests/support/make_archive.c,-larchive)
$(foreach t,command report manual,$(eval $(call unit,osbuilder/cli/test_$(t),osbcli osbuilder codec base,$(OSBUILDER_LDLIBS))))
$(call OSB_UNIT,pass/test_users,tests/support/tree_text.c)
$(call OSB_UNIT,pass/test_systemd,tests/support/tree_text.c)
$(call OSB_UNIT,source/test_unpacked,tests/support/make_archive.c,-larchive)
$(call OSB_UNIT,pass/test_depmod,tests/support/tree_text.c)
$(call OSB_UNIT,pass/test_closure,tests/support/tree_text.c)
$(call OSB_UNIT,pass/test_scripts,tests/support/tree_text.c)
$(call OSB_UNIT,source/test_apk,tests/support/make_archive.c,-larchive)
$(call OSB_UNIT,source/test_rpm,tests/support/make_rpm.c,-larchive)
$(call OSB_UNIT,source/test_owner)
$(call OSB_UNIT,source/test_oci,tests/support/make_archive.c,-larchive)
$(call OSB_UNIT,writer/test_dir,tests/support/torture_tree.c)
$(eval $(call fuzz,manifest,osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(eval $(call fuzz,deb,osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(eval $(call fuzz,apkindex,osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(eval $(call fuzz,unpacked,osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(eval $(call fuzz,rpm,osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(eval $(call fuzz,elf_needs,osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(eval $(call fuzz,pass_text,osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(eval $(call fuzz,lock,osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(eval $(call fuzz,oci_layout,osbuilder codec base,$(OSBUILDER_LDLIBS)))
