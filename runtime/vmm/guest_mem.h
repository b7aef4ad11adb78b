/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_GUEST_MEM_H
#define VMM_GUEST_MEM_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/*
 * The guest's memory as this process sees it: regions of descriptors, mapped shared. Every address that comes from the guest or
 * from the hypervisor goes through the look-ups below, which refuse what does not lie wholly inside one region.
 */
#define GUEST_MEM_MAX_REGIONS 32

struct guest_mem_region {
	uint64_t gpa; /* guest physical address */
	uint64_t
		user; /* address in the hypervisor's process, as vhost-user's ring addresses use it */
	uint64_t size;	/* bytes */
	uint8_t *host;	/* where gpa is in this process */
	void *map;	/* the mapping, which may begin before host */
	size_t map_len; /* bytes */
};

struct guest_mem {
	struct guest_mem_region r[GUEST_MEM_MAX_REGIONS];
	unsigned n;
};
#define GUEST_MEM_INIT       \
	{                    \
		{ { 0 } }, 0 \
	}

/*
 * Maps `size` bytes of fd from `offset` on as guest physical memory at gpa. The descriptor stays the caller's and may be closed.
 * -EINVAL: empty, overflowing or overlapping, or the file is shorter than that; -ENOSPC: too many regions; or mmap's error.
 */
int guest_mem_add(struct guest_mem *m, int fd, uint64_t gpa, uint64_t user, uint64_t size,
		  uint64_t offset, struct error *err);
/* Unmaps everything. */
void guest_mem_release(struct guest_mem *m);

/* `len` bytes at a guest physical address / an address of the hypervisor's process; NULL unless all of it is inside one region. */
void *guest_mem_at(const struct guest_mem *m, uint64_t gpa, uint64_t len);
void *guest_mem_at_user(const struct guest_mem *m, uint64_t user, uint64_t len);

#endif
