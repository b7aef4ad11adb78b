/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/sha.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include "base/alloc.h"
#include "base/parse.h"

#define SHA_READ_CHUNK (1u << 16)

/*
 * What libcrypto would do first without being asked: read the machine's openssl.cnf, make tables of error texts, and take it all down
 * at exit. That takes as long as hashing 3 MB, and what a hash is depends on no configuration; a static agent, too, should load no
 * provider that a guest's file names.
 */
static void prepare(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
				    OPENSSL_INIT_NO_ATEXIT,
			    NULL);
}

static const EVP_MD *md_of(enum sha_kind kind)
{
	return kind == SHA_KIND_512 ? EVP_sha512() : kind == SHA_KIND_1 ? EVP_sha1() : EVP_sha256();
}

int sha_begin(struct sha *s, enum sha_kind kind)
{
	/* Without a type libcrypto takes the last one again, which saves looking up its implementation. */
	const bool again = s->set && s->kind == kind;
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, prepare);
	if (!s->ctx)
		s->ctx = EVP_MD_CTX_new();
	if (!s->ctx)
		return -ENOMEM;
	s->kind = kind;
	s->set = EVP_DigestInit_ex(s->ctx, again ? NULL : md_of(kind), NULL) == 1;
	return s->set ? 0 : -EIO;
}

int sha_update(struct sha *s, const void *data, size_t len)
{
	return EVP_DigestUpdate(s->ctx, data, len) == 1 ? 0 : -EIO;
}

int sha_finish(struct sha *s, uint8_t out[SHA_SIZE_MAX])
{
	return EVP_DigestFinal_ex(s->ctx, out, NULL) == 1 ? 0 : -EIO;
}

void sha_release(struct sha *s)
{
	EVP_MD_CTX_free(s->ctx);
	s->ctx = NULL;
	s->set = false;
}

int sha_of(enum sha_kind kind, const void *data, size_t len, uint8_t out[SHA_SIZE_MAX])
{
	_cleanup_sha_ struct sha s = SHA_INIT;
	int r = sha_begin(&s, kind);

	if (r == 0)
		r = sha_update(&s, data, len);
	if (r == 0)
		r = sha_finish(&s, out);
	return r;
}

int sha_update_fd(struct sha *s, int fd, uint64_t off, uint64_t len, struct error *err)
{
	_cleanup_free_ uint8_t *buf = malloc(SHA_READ_CHUNK);
	bool to_end = len == UINT64_MAX;

	if (!buf)
		return error_oom(err);
	while (len > 0) {
		ssize_t n = pread(fd, buf, MIN(len, (uint64_t)SHA_READ_CHUNK), (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, -errno, "read at offset %llu",
					 (unsigned long long)off);
		if (n == 0 && to_end)
			return 0;
		if (n == 0)
			return error_set(err, -ENODATA,
					 "file ends at offset %llu, %llu bytes early",
					 (unsigned long long)off, (unsigned long long)len);
		if (sha_update(s, buf, (size_t)n) < 0)
			return error_set(err, -EIO, "libcrypto failed to hash");
		off += (uint64_t)n;
		len -= to_end ? 0 : (uint64_t)n;
	}
	return 0;
}

int sha_of_fd(enum sha_kind kind, int fd, uint64_t off, uint64_t len, uint8_t out[SHA_SIZE_MAX],
	      struct error *err)
{
	_cleanup_sha_ struct sha s = SHA_INIT;
	int r = sha_begin(&s, kind);

	if (r < 0)
		return error_set(err, r, "libcrypto has no SHA-%d",
				 kind == SHA_KIND_512 ? 512
				 : kind == SHA_KIND_1 ? 1
						      : 256);
	r = sha_update_fd(&s, fd, off, len, err);
	if (r < 0)
		return r;
	r = sha_finish(&s, out);
	return r < 0 ? error_set(err, r, "libcrypto failed to hash") : 0;
}

int sha_hex_of(enum sha_kind kind, const void *data, size_t len, char out[SHA_HEX_MAX])
{
	uint8_t digest[SHA_SIZE_MAX];
	int r = sha_of(kind, data, len, digest);

	if (r == 0)
		hex_encode(out, digest, sha_size(kind));
	return r;
}

int sha_hex_of_fd(enum sha_kind kind, int fd, uint64_t off, uint64_t len, char out[SHA_HEX_MAX],
		  struct error *err)
{
	uint8_t digest[SHA_SIZE_MAX];
	int r = sha_of_fd(kind, fd, off, len, digest, err);

	if (r == 0)
		hex_encode(out, digest, sha_size(kind));
	return r;
}
