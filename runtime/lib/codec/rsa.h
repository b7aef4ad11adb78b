/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_RSA_H
#define CODEC_RSA_H

#include <stddef.h>
#include "base/error.h"
#include "codec/sha.h"

/* Checking RSA signatures (PKCS #1 v1.5, RFC 8017) through libcrypto, which only this module's source file includes. */

#define RSA_KEY_TEXT_MAX 16384 /* bytes of a public key file */
#define RSA_BITS_MIN	 2048

/*
 * Is `sig` the signature of `data` by the public key, a SubjectPublicKeyInfo in PEM? 0, -EKEYREJECTED when it is not, -EINVAL
 * for a key that cannot be used.
 */
int rsa_verify(const char *pem, size_t pem_len, enum sha_kind kind, const void *data, size_t len,
	       const void *sig, size_t sig_len, struct error *err);

#endif
