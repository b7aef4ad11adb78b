# SPDX-License-Identifier: Apache-2.0
OSB_PASS_SRCS := osbuilder/pass/layout.c osbuilder/pass/clean.c osbuilder/pass/summary.c osbuilder/pass/text.c osbuilder/pass/accounts.c \
	osbuilder/pass/users.c osbuilder/pass/preset.c osbuilder/pass/systemd.c osbuilder/pass/chrony.c osbuilder/pass/run.c osbuilder/pass/defaults.c osbuilder/pass/tmpfiles.c osbuilder/pass/pam.c osbuilder/pass/closure.c \
	osbuilder/pass/library.c osbuilder/compat/elf_dynamic.c \
	osbuilder/pass/alternatives.c osbuilder/pass/certs.c \
	osbuilder/pass/depmod.c osbuilder/pass/depmod_read.c osbuilder/pass/module_index.c osbuilder/compat/elf_module.c
