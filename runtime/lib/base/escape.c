/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#include <stdint.h>

size_t utf8_len(const unsigned char *p, size_t n)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

static int add_hex(struct strbuf *out, const unsigned char *p, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = strbuf_addf(out, "\\x%02x", p[i]);
	return r;
}

int escape_name(struct strbuf *out, const char *s)
{
	int r = 0;

	for (const unsigned char *p = (const unsigned char *)s; *p && r == 0; p++)
		r = *p < 0x20 || *p >= 0x7f || *p == '\\' ? add_hex(out, p, 1)
							  : strbuf_addch(out, (char)*p);
	return r;
}

/* What a terminal shows in its place: see the header. The ranges are those of general categories Cc, Cf, Zl, Zp and Co. */
static bool is_shown(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = { { 0x00, 0x1f },	     { 0x7f, 0x9f },	   { 0xad, 0xad },
		       { 0x600, 0x605 },     { 0x61c, 0x61c },	   { 0x6dd, 0x6dd },
		       { 0x70f, 0x70f },     { 0x180e, 0x180e },   { 0x200b, 0x200f },
		       { 0x2028, 0x202e },   { 0x2060, 0x206f },   { 0xe000, 0xf8ff },
		       { 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },   { 0xfff0, 0xfffb },
		       { 0xe0000, 0xe0fff }, { 0xf0000, 0x10ffff } };

	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (c >= hidden[i].first && c <= hidden[i].last)
			return false;
	return true;
}

static uint32_t utf8_value(const unsigned char *p, size_t n)
{
	static const unsigned char mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = p[0] & mask[n];

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

int escape_text(struct strbuf *out, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	int r = 0;

	while (*p && r == 0) {
		size_t n = utf8_len(p, 4);

		if (n && is_shown(utf8_value(p, n)))
			r = strbuf_add(out, p, n);
		else
			r = add_hex(out, p, n ? n : 1);
		p += n ? n : 1;
	}
	return r;
}

int escape_utf8(struct strbuf *out, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	int r = 0;

	while (*p && r == 0) {
		size_t n = utf8_len(p, 4);

		r = n ? strbuf_add(out, p, n) : add_hex(out, p, 1);
		p += n ? n : 1;
	}
	return r;
}
