/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/base64.h"

#include <errno.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_encode(struct strbuf *out, const void *data, size_t len)
{
	const uint8_t *p = data;
	char *o;

	if (len > SIZE_MAX / 4 - 4 || strbuf_grow(out, (len + 2) / 3 * 4) < 0)
		return -ENOMEM;
	o = out->buf + out->len;
	for (; len >= 3; len -= 3, p += 3) {
		*o++ = alphabet[p[0] >> 2];
		*o++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
		*o++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
		*o++ = alphabet[p[2] & 63];
	}
	if (len > 0) {
		uint8_t second = len > 1 ? p[1] : 0;

		*o++ = alphabet[p[0] >> 2];
		*o++ = alphabet[(p[0] & 3) << 4 | second >> 4];
		*o++ = '=';
		if (len > 1)
			o[-1] = alphabet[(second & 15) << 2];
		*o++ = '=';
	}
	strbuf_setlen(out, (size_t)(o - out->buf));
	return 0;
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

int base64_decode(uint8_t *out, size_t *ret_len, const char *s, size_t len)
{
	uint32_t bits = 0;
	unsigned int n_bits = 0;
	size_t n = 0, full = len;

	while (len > 0 && full - len < 2 && s[len - 1] == '=')
		len--;
	/* Padding, where there is any, completes a group of four. */
	if ((full != len && full % 4 != 0) || len % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		int d = digit(s[i]);

		if (d < 0)
			return -EINVAL;
		bits = (bits << 6 | (uint32_t)d) & 0xffff;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out[n++] = (uint8_t)(bits >> n_bits);
		}
	}
	if (bits & ((1u << n_bits) - 1))
		return -EINVAL;
	*ret_len = n;
	return 0;
}
