/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

char *mem_dup0(const void *p, size_t n)
{
	char *s;

	if (n == (size_t)-1)
		return NULL;
	s = malloc(n + 1);
	if (!s)
		return NULL;
	if (n)
		memcpy(s, p, n);
	s[n] = '\0';
	return s;
}

int array_reserve(void *array, size_t *cap, size_t want, size_t size)
{
	void **slot = array;
	size_t n = *cap, bytes;
	void *p;

	if (want <= n)
		return 0;
	if (__builtin_add_overflow(n, n / 2 + 8, &n) || n < want)
		n = want;
	if (__builtin_mul_overflow(n, size, &bytes))
		return -ENOMEM;
	p = realloc(*slot, bytes);
	if (!p)
		return -ENOMEM;
	*slot = p;
	*cap = n;
	return 0;
}

void mem_forget(void *p, size_t keep, size_t size)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)p;
	uintptr_t from, to;

	if (!p || keep >= size)
		return;
	from = (at + keep + page - 1) / page * page;
	to = (at + size) / page * page;
	if (from < to) /* whole pages inside the allocation: the allocator keeps nothing there */
		madvise((uint8_t *)p + (from - at), to - from, MADV_DONTNEED);
}
