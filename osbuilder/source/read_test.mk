# SPDX-License-Identifier: Apache-2.0
# Apart from read.mk: these need what cli/module.mk sets.
$(call OSB_UNIT,source/test_read,tests/support/torture_tree.c)
$(call OSB_UNIT,source/test_installed)
$(call OSB_UNIT,test_diff)
$(foreach f,erofs ext4 cpio installed,$(eval $(call fuzz,$(f),osbuilder codec base,$(OSBUILDER_LDLIBS))))
$(call OSB_UNIT,writer/test_tar,tests/support/torture_tree.c tests/support/tree_same.c)
$(call OSB_UNIT,writer/test_erofs_lz4,tests/support/torture_tree.c tests/support/tree_same.c)
$(call OSB_UNIT,compat/test_la,tests/support/make_archive.c,-larchive)
$(call OSB_UNIT,compat/test_zin)
$(call OSB_UNIT,compat/test_elf)
