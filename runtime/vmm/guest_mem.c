/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/guest_mem.h"

#include <inttypes.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>

static bool overlaps(uint64_t a, uint64_t b, uint64_t a_size, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static int check_region(const struct guest_mem *m, uint64_t gpa, uint64_t user, uint64_t size,
			uint64_t offset, struct error *err)
{
	uint64_t end;

	if (m->n == GUEST_MEM_MAX_REGIONS)
		return error_set(err, -ENOSPC, "more than %d memory regions",
				 GUEST_MEM_MAX_REGIONS);
	if (!size || __builtin_add_overflow(gpa, size, &end) ||
	    __builtin_add_overflow(user, size, &end) ||
	    __builtin_add_overflow(offset, size, &end) || end > INT64_MAX || size > SIZE_MAX / 2)
		return error_set(err, -EINVAL,
				 "memory region at 0x%" PRIx64 ": bad size 0x%" PRIx64
				 " or offset 0x%" PRIx64,
				 gpa, size, offset);
	for (unsigned i = 0; i < m->n; i++)
		if (overlaps(gpa, m->r[i].gpa, size, m->r[i].size) ||
		    overlaps(user, m->r[i].user, size, m->r[i].size))
			return error_set(err, -EINVAL,
					 "memory region at 0x%" PRIx64
					 " overlaps the one at 0x%" PRIx64,
					 gpa, m->r[i].gpa);
	return 0;
}

int guest_mem_add(struct guest_mem *m, int fd, uint64_t gpa, uint64_t user, uint64_t size,
		  uint64_t offset, struct error *err)
{
	struct stat st;
	uint64_t unit, lead;
	size_t len;
	void *map;
	int r;

	r = check_region(m, gpa, user, size, offset, err);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return error_sys(err, -errno, "memory region at 0x%" PRIx64, gpa);
	/* A mapping beyond the end of the file would be a SIGBUS at the first touch. */
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < offset + size)
		return error_set(err, -EINVAL,
				 "memory region at 0x%" PRIx64
				 ": its file has %lld bytes, needed are %" PRIu64,
				 gpa, (long long)st.st_size, offset + size);

	/* Files of huge pages are mapped in units of a huge page, which is their block size. */
	unit = st.st_blksize >= 4096 && !(st.st_blksize & (st.st_blksize - 1))
		       ? (uint64_t)st.st_blksize
		       : 4096;
	lead = offset & (unit - 1);
	len = (size_t)((lead + size + unit - 1) & ~(unit - 1));
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
		   (off_t)(offset - lead));
	if (map == MAP_FAILED)
		return error_sys(err, -errno, "memory region at 0x%" PRIx64 ": cannot map", gpa);
	m->r[m->n++] = (struct guest_mem_region){
		.gpa = gpa,
		.user = user,
		.size = size,
		.host = (uint8_t *)map + lead,
		.map = map,
		.map_len = len,
	};
	return 0;
}

void guest_mem_release(struct guest_mem *m)
{
	for (unsigned i = 0; i < m->n; i++)
		munmap(m->r[i].map, m->r[i].map_len);
	m->n = 0;
}

void *guest_mem_at(const struct guest_mem *m, uint64_t gpa, uint64_t len)
{
	for (unsigned i = 0; i < m->n; i++) {
		const struct guest_mem_region *r = &m->r[i];

		if (gpa >= r->gpa && gpa - r->gpa < r->size && len <= r->size - (gpa - r->gpa))
			return r->host + (gpa - r->gpa);
	}
	return NULL;
}

void *guest_mem_at_user(const struct guest_mem *m, uint64_t user, uint64_t len)
{
	for (unsigned i = 0; i < m->n; i++) {
		const struct guest_mem_region *r = &m->r[i];

		if (user >= r->user && user - r->user < r->size &&
		    len <= r->size - (user - r->user))
			return r->host + (user - r->user);
	}
	return NULL;
}
