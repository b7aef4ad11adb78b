# SPDX-License-Identifier: Apache-2.0
# Apart from read.mk: these need what cli/module.mk sets.
$(call OSB_UNIT,source/test_read,tests/support/torture_tree.c)
