/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_LISTING_H
#define TESTS_SUPPORT_LISTING_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * One line for one entry of a file system, made alike by the host from a tree and by the guest from a mount. Names, targets
 * and attribute values are in hex, so any byte passes a console.
 */
struct listing {
	const char *path;
	uint32_t mode, uid, gid, nlink, major, minor, nsec;
	int64_t mtime;
	uint64_t size;
	uint32_t sum;
	char target[4097];
	char *xattrs[64];
	int n_xattrs;
};

#define LISTING_SUM_INIT 2166136261u

/* FNV-1a: to tell contents apart, not against attacks. */
static inline uint32_t listing_sum(uint32_t sum, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n--)
		sum = (sum ^ *p++) * 16777619u;
	return sum;
}

static inline char *listing_hex(const void *data, size_t n)
{
	const uint8_t *p = data;
	char *out = malloc(2 * n + 2);

	if (!out)
		abort();
	out[0] = '-';
	out[1] = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
	return out;
}

static inline void listing_xattr(struct listing *l, const char *name, const void *value, size_t n)
{
	char *hex = listing_hex(value, n);

	if (l->n_xattrs < 64 && asprintf(&l->xattrs[l->n_xattrs], "%s=%s", name, hex) > 0)
		l->n_xattrs++;
	free(hex);
}

static inline int listing_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void listing_print(const char *tag, struct listing *l)
{
	char *path = listing_hex(l->path, strlen(l->path));
	char *target = listing_hex(l->target, strlen(l->target));

	printf("%s %s %o %u:%u %u %u:%u %" PRIu64 " %" PRId64 ".%u %08x %s", tag, path, l->mode,
	       l->uid, l->gid, l->nlink, l->major, l->minor, l->size, l->mtime, l->nsec, l->sum,
	       target);
	if (l->n_xattrs)
		qsort(l->xattrs, (size_t)l->n_xattrs, sizeof(l->xattrs[0]), listing_cmp);
	for (int i = 0; i < l->n_xattrs; i++)
		printf(" %s", l->xattrs[i]);
	printf("\n");
	free(path);
	free(target);
}

static inline void listing_release(struct listing *l)
{
	for (int i = 0; i < l->n_xattrs; i++)
		free(l->xattrs[i]);
}

#endif
