/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPAT_ELF_H
#define COMPAT_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* Bytes at the start of a file that elf_identify() wants (an Elf64_Ehdr). */
#define ELF_HEAD_SIZE 64

struct elf_ident {
	bool is_elf;
	bool is_64;
	bool little_endian;
	uint16_t machine; /* EM_* */
	uint16_t type;	  /* ET_* */
};

/* Looks at the first bytes of a file (fewer than ELF_HEAD_SIZE make it "not ELF"). Never fails. */
void elf_identify(const void *head, size_t len, struct elf_ident *ret);

/* "x86_64", "aarch64", "ppc64le", "s390x", or NULL for what we have no name for. */
const char *elf_arch_name(const struct elf_ident *id);
/* True when an ELF file of this kind runs on (or is data for) `arch`; 32-bit x86 does not count as x86_64. */
bool elf_matches_arch(const struct elf_ident *id, const char *arch);

/*
 * Reads an executable: checks that it is ELF, of `arch`, an executable or PIE, and statically linked (no PT_INTERP).
 * -ENOEXEC with the reason otherwise.
 */
int elf_check_static(int fd, const char *arch, struct error *err);

/*
 * Finds the note section or segment note with this owner name and type; copies its description as a string of at most
 * buf_len - 1 bytes (ended by NUL). -ENOENT when there is none.
 */
int elf_find_note(int fd, const char *owner, uint32_t type, char *buf, size_t buf_len,
		  struct error *err);

#endif
