/* SPDX-License-Identifier: Apache-2.0 */
#include "disk/verity.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "codec/sha.h"

#define PER_BLOCK (VERITY_BLOCK / VERITY_DIGEST)
#define READ_SIZE (256u << 10)

static uint64_t blocks_over(uint64_t n)
{
	return (n + PER_BLOCK - 1) / PER_BLOCK;
}

uint64_t verity_hash_size(uint64_t data_size)
{
	uint64_t n = data_size / VERITY_BLOCK, sum = 0;

	while (n > 1) {
		n = blocks_over(n);
		sum += n;
	}
	return sum * VERITY_BLOCK;
}

static int digest(struct sha *s, const struct verity_params *p, const uint8_t *block, uint8_t *out)
{
	uint8_t d[SHA_SIZE_MAX];
	int r = sha_begin(s, SHA_KIND_256);

	r = r < 0 ? r : sha_update(s, p->salt, p->salt_len);
	r = r < 0 ? r : sha_update(s, block, VERITY_BLOCK);
	r = r < 0 ? r : sha_finish(s, d);
	if (r == 0)
		memcpy(out, d, VERITY_DIGEST);
	return r;
}

/* Digests of all data blocks, in zero-padded hash blocks. */
static int hash_data(int fd, const struct verity_params *p, struct sha *s, uint8_t *out,
		     struct error *err)
{
	_cleanup_free_ uint8_t *buf = malloc(READ_SIZE);

	if (!buf)
		return error_oom(err);
	for (uint64_t off = 0; off < p->data_size; off += READ_SIZE) {
		size_t n = (size_t)MIN(p->data_size - off, (uint64_t)READ_SIZE);
		uint64_t at = p->data_offset + off;
		int r = fd_pread_full(fd, buf, n, (off_t)at);

		for (size_t i = 0; r == 0 && i < n; i += VERITY_BLOCK, out += VERITY_DIGEST)
			r = digest(s, p, buf + i, out);
		if (r < 0)
			return error_sys(err, r, "verity: hash data at byte %llu",
					 (unsigned long long)at);
	}
	return 0;
}

int verity_write(int fd, const struct verity_params *p, uint8_t root[VERITY_DIGEST],
		 struct error *err)
{
	_cleanup_sha_ struct sha s = SHA_INIT;
	uint64_t n = blocks_over(p->data_size / VERITY_BLOCK);
	uint64_t at = p->hash_offset + verity_hash_size(p->data_size);
	_cleanup_free_ uint8_t *level = NULL;
	int r;

	if (!p->data_size || p->data_size % VERITY_BLOCK || p->data_size > VERITY_DATA_MAX)
		return error_set(err, -EINVAL,
				 "verity: %llu bytes of data are not a multiple of 4096 up to %llu",
				 (unsigned long long)p->data_size,
				 (unsigned long long)VERITY_DATA_MAX);
	if (p->salt_len > VERITY_SALT_MAX)
		return error_set(err, -EINVAL, "verity: a salt of %zu bytes is longer than %u",
				 p->salt_len, VERITY_SALT_MAX);
	level = calloc(n, VERITY_BLOCK);
	if (!level)
		return error_oom(err);
	r = hash_data(fd, p, &s, level, err);
	if (r < 0)
		return r;
	/* One block needs no tree: its digest is the root. */
	if (p->data_size == VERITY_BLOCK) {
		memcpy(root, level, VERITY_DIGEST);
		return 0;
	}
	/* Each level is written below the one before, and hashed in place into the next. */
	for (;;) {
		uint64_t up = blocks_over(n);

		at -= n * VERITY_BLOCK;
		r = fd_pwrite_full(fd, level, n * VERITY_BLOCK, (off_t)at);
		for (uint64_t i = 0; r == 0 && i < n; i++)
			r = digest(&s, p, level + i * VERITY_BLOCK, level + i * VERITY_DIGEST);
		if (r < 0)
			return error_sys(err, r, "verity: write the hash tree");
		if (n == 1)
			break;
		memset(level + n * VERITY_DIGEST, 0, up * VERITY_BLOCK - n * VERITY_DIGEST);
		n = up;
	}
	memcpy(root, level, VERITY_DIGEST);
	return 0;
}
