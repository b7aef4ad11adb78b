/* SPDX-License-Identifier: Apache-2.0 */
#include "disk/sha256_multi.h"

#include "base/alloc.h"
#include "codec/sha.h"

struct sha256_multi {
	enum sha256_multi_kind kind;
	uint8_t *salt; /* libcrypto */
	size_t salt_len;
	struct sha sha;
	struct sha256_salt start; /* SHA-NI */
};

void sha256_multi_free(struct sha256_multi *m)
{
	if (!m)
		return;
	sha_release(&m->sha);
	free(m->salt);
	free(m);
}

/* The initial hash value of FIPS 180-4, 5.3.3, run over the whole chunks of the salt. */
static void start_shani(struct sha256_salt *s, const uint8_t *salt, size_t len)
{
	static const uint32_t initial[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	size_t whole = len / 64;

	memcpy(s->state, initial, sizeof(s->state));
	sha256_shani_update(s->state, salt, whole);
	s->rest_len = len % 64;
	s->total = len;
	if (s->rest_len)
		memcpy(s->rest, salt + whole * 64, s->rest_len);
}

int sha256_multi_new(enum sha256_multi_kind kind, const uint8_t *salt, size_t salt_len,
		     struct sha256_multi **ret, struct error *err)
{
	_cleanup_sha256_multi_ struct sha256_multi *m = NULL;

	if (kind == SHA256_MULTI_SHANI && !sha256_shani_usable())
		return error_set(err, -ENOTSUP, "this processor has no SHA extensions");
	if (kind == SHA256_MULTI_AUTO)
		kind = sha256_shani_usable() ? SHA256_MULTI_SHANI : SHA256_MULTI_LIBCRYPTO;
	m = new0(struct sha256_multi);
	if (!m)
		return error_oom(err);
	m->kind = kind;
	m->sha = (struct sha)SHA_INIT;
	if (kind == SHA256_MULTI_SHANI) {
		start_shani(&m->start, salt, salt_len);
	} else {
		m->salt = (uint8_t *)mem_dup0(salt, salt_len);
		if (!m->salt)
			return error_oom(err);
		m->salt_len = salt_len;
	}
	*ret = steal_ptr(m);
	return 0;
}

int sha256_multi_hash(struct sha256_multi *m, const uint8_t *blocks, size_t n, uint8_t *out)
{
	uint8_t d[SHA_SIZE_MAX];
	int r = 0;

	if (m->kind == SHA256_MULTI_SHANI) {
		sha256_shani_blocks(&m->start, blocks, n, out);
		return 0;
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = sha_begin(&m->sha, SHA_KIND_256);
		r = r < 0 ? r : sha_update(&m->sha, m->salt, m->salt_len);
		r = r < 0 ? r
			  : sha_update(&m->sha, blocks + i * SHA256_MULTI_BLOCK,
				       SHA256_MULTI_BLOCK);
		r = r < 0 ? r : sha_finish(&m->sha, d);
		if (r == 0)
			memcpy(out + i * SHA256_MULTI_DIGEST, d, SHA256_MULTI_DIGEST);
	}
	return r;
}
