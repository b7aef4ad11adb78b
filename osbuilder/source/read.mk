# SPDX-License-Identifier: Apache-2.0
# Images read back.
OSB_SOURCE_SRCS += $(addprefix osbuilder/,source/fsread.c source/ext4.c source/erofs.c source/erofs_z.c source/cpio.c \
	source/installed.c compat/e2read.c compat/zin.c image_read.c diff.c output.c seal.c)
