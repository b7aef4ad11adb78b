/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/rsa.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

static EVP_PKEY *read_key(const char *pem, size_t len, struct error *err)
{
	BIO *bio = NULL;
	EVP_PKEY *key = NULL;

	if (len <= RSA_KEY_TEXT_MAX)
		bio = BIO_new_mem_buf(pem, (int)len);
	if (bio)
		key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (!key) {
		error_set(err, -EINVAL, "is not a public key in PEM");
		return NULL;
	}
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN)
		return key;
	EVP_PKEY_free(key);
	error_set(err, -EINVAL, "is not an RSA key of at least %d bits", RSA_BITS_MIN);
	return NULL;
}

int rsa_verify(const char *pem, size_t pem_len, enum sha_kind kind, const void *data, size_t len,
	       const void *sig, size_t sig_len, struct error *err)
{
	const EVP_MD *md = kind == SHA_KIND_512 ? EVP_sha512()
			   : kind == SHA_KIND_1 ? EVP_sha1()
						: EVP_sha256();
	EVP_PKEY *key = read_key(pem, pem_len, err);
	EVP_MD_CTX *ctx;
	int ok = 0;

	if (!key) {
		ERR_clear_error();
		return -EINVAL;
	}
	ctx = EVP_MD_CTX_new();
	if (ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1)
		ok = EVP_DigestVerify(ctx, sig, sig_len, data, len);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_clear_error(); /* the queue is the thread's, not ours to fill */
	return ok == 1 ? 0 : error_set(err, -EKEYREJECTED, "the signature is wrong");
}
