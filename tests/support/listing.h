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
#define LISTING_XATTRS_MAX 64

struct listing {
	const char *path;
	uint32_t mode, uid, gid, nlink, major, minor, nsec;
	int64_t mtime;
	uint64_t size;
	uint32_t sum;
	char target[4097];
	char *xattrs[LISTING_XATTRS_MAX];
	int n_xattrs;
};

#define LISTING_SUM_INIT 2166136261u

#define LISTING_PRIME	 16777619u
/* Files are summed by pieces of this size. */
#define LISTING_PIECE (1u << 20)

/* FNV-1a: to tell contents apart, not against attacks. */
static inline uint32_t listing_sum_bytes(uint32_t sum, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n--)
		sum = (sum ^ *p++) * LISTING_PRIME;
	return sum;
}

/* The same over n zeros, in no time. */
static inline uint32_t listing_sum_zeros(uint32_t sum, uint64_t n)
{
	for (uint32_t power = LISTING_PRIME; n; n >>= 1) {
		if (n & 1)
			sum *= power;
		power *= power;
	}
	return sum;
}

static inline uint32_t listing_sum(uint32_t sum, const void *data, size_t n)
{
	const uint8_t *p = data;

	if (!n || p[0] || memcmp(p, p + 1, n - 1) != 0)
		return listing_sum_bytes(sum, data, n);
	return listing_sum_zeros(sum, n);
}

/* FNV-1a of 64 bits, for the lines of a whole directory. */
#define LISTING_SUM64_INIT UINT64_C(14695981039346656037)
static inline uint64_t listing_sum64(uint64_t sum, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n--)
		sum = (sum ^ *p++) * UINT64_C(1099511628211);
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

	if (l->n_xattrs < LISTING_XATTRS_MAX &&
	    asprintf(&l->xattrs[l->n_xattrs], "%s=%s", name, hex) > 0)
		l->n_xattrs++;
	free(hex);
}

static inline int listing_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The line of an entry; the fields that a format cannot keep are set to 0 before. */
static inline void listing_print(FILE *out, const char *tag, struct listing *l)
{
	char *path = listing_hex(l->path, strlen(l->path));
	char *target = listing_hex(l->target, strlen(l->target));

	fprintf(out, "%s %s %o %u:%u %u %u:%u %" PRIu64 " %" PRId64 ".%u %08x %s", tag, path,
		l->mode, l->uid, l->gid, l->nlink, l->major, l->minor, l->size, l->mtime, l->nsec,
		l->sum, target);
	if (l->n_xattrs)
		qsort(l->xattrs, (size_t)l->n_xattrs, sizeof(l->xattrs[0]), listing_cmp);
	for (int i = 0; i < l->n_xattrs; i++)
		fprintf(out, " %s", l->xattrs[i]);
	fprintf(out, "\n");
	free(path);
	free(target);
}

static inline void listing_release(struct listing *l)
{
	for (int i = 0; i < l->n_xattrs; i++)
		free(l->xattrs[i]);
}

#endif
