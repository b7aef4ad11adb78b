/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_BASE64_H
#define CODEC_BASE64_H

#include <stddef.h>
#include <stdint.h>
#include "base/strbuf.h"

/* Base64 (RFC 4648). */

/* Adds the encoded form, with padding. 0 or -ENOMEM. */
int base64_encode(struct strbuf *out, const void *data, size_t len);
/* Bytes that `len` characters can decode to, at most. */
#define BASE64_DECODED_MAX(len) ((len) / 4 * 3 + 3)
/*
 * Decodes into out, which has room for BASE64_DECODED_MAX(len). Accepts both alphabets ("+/" and "-_"), with or without padding, as
 * readers of protobuf's JSON do; nothing else, and no bits beyond the last byte. -EINVAL.
 */
int base64_decode(uint8_t *out, size_t *ret_len, const char *s, size_t len);

#endif
