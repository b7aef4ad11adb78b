/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/toml_internal.h"

#include <string.h>

/* Hex digits of \u and \U. */
static int scan_code_point(struct toml_parser *ps, const char *at, int digits, uint32_t *ret)
{
	uint32_t v = 0;

	for (int i = 0; i < digits; i++, ps->p++) {
		char c = ps->p < ps->end ? *ps->p : '\0';
		uint32_t d;

		if (c >= '0' && c <= '9')
			d = (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			d = (uint32_t)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			d = (uint32_t)(c - 'A') + 10;
		else
			return toml_error(ps, at, "\\%c needs %d hex digits", at[1], digits);
		v = v << 4 | d;
	}
	if (v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return toml_error(ps, at, "U+%04X is no Unicode character", v);
	*ret = v;
	return 0;
}

static int add_utf8(struct strbuf *sb, uint32_t c)
{
	char b[4];
	size_t n;

	if (c < 0x80) {
		b[0] = (char)c;
		n = 1;
	} else if (c < 0x800) {
		b[0] = (char)(0xc0 | c >> 6);
		b[1] = (char)(0x80 | (c & 0x3f));
		n = 2;
	} else if (c < 0x10000) {
		b[0] = (char)(0xe0 | c >> 12);
		b[1] = (char)(0x80 | (c >> 6 & 0x3f));
		b[2] = (char)(0x80 | (c & 0x3f));
		n = 3;
	} else {
		b[0] = (char)(0xf0 | c >> 18);
		b[1] = (char)(0x80 | (c >> 12 & 0x3f));
		b[2] = (char)(0x80 | (c >> 6 & 0x3f));
		b[3] = (char)(0x80 | (c & 0x3f));
		n = 4;
	}
	return strbuf_add(sb, b, n);
}

/* A backslash before the end of a line joins the lines: everything up to the next visible character goes. */
static bool scan_line_join(struct toml_parser *ps)
{
	const char *p = ps->p + 1;

	while (p < ps->end && (*p == ' ' || *p == '\t'))
		p++;
	if (p == ps->end || (*p != '\n' && *p != '\r'))
		return false;
	while (p < ps->end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	ps->p = p;
	return true;
}

/* p is at the backslash. */
static int scan_escape(struct toml_parser *ps, bool multi_line)
{
	static const char plain[] = "b\bt\tn\nf\fr\r\"\"\\\\";
	const char *at = ps->p;
	uint32_t cp = 0;
	char seen[16];
	int r;

	if (multi_line && scan_line_join(ps))
		return 0;
	ps->p++;
	if (ps->p == ps->end)
		return toml_error(ps, at, "the string has no end");
	if (*ps->p == 'u' || *ps->p == 'U') {
		int digits = *ps->p == 'u' ? 4 : 8;

		ps->p++;
		r = scan_code_point(ps, at, digits, &cp);
		if (r < 0)
			return r;
		return add_utf8(&ps->scratch, cp) < 0 ? toml_oom(ps) : 0;
	}
	for (size_t i = 0; i + 1 < sizeof(plain); i += 2) {
		if (plain[i] == *ps->p) {
			ps->p++;
			return strbuf_addch(&ps->scratch, plain[i + 1]) < 0 ? toml_oom(ps) : 0;
		}
	}
	return toml_error(ps, at, "unknown escape: backslash and %s", toml_seen(ps, seen));
}

static size_t count_quotes(const struct toml_parser *ps, char quote)
{
	size_t n = 0;

	while (ps->p + n < ps->end && n < 6 && ps->p[n] == quote)
		n++;
	return n;
}

/* Both multi-line forms, after the three opening quotes. */
static int scan_multi_line(struct toml_parser *ps, const char *at, char quote)
{
	int r = 0;

	if (toml_at_newline(ps)) /* a line break right after the quotes is no part of it */
		ps->p += *ps->p == '\r' ? 2 : 1;
	while (ps->p < ps->end && r == 0) {
		if (*ps->p == quote) {
			size_t n = count_quotes(ps, quote);

			/* Up to two quotes may stand before the three that close. */
			if (n >= 3) {
				n = n > 5 ? 5 : n;
				ps->p += n;
				r = strbuf_add(&ps->scratch, (char[2]){ quote, quote }, n - 3);
				return r < 0 ? toml_oom(ps) : 0;
			}
		}
		if (*ps->p == '\\' && quote == '"') {
			r = scan_escape(ps, true);
		} else {
			if (*ps->p != '\r' && strbuf_addch(&ps->scratch, *ps->p) < 0)
				return toml_oom(ps);
			ps->p++;
		}
	}
	return r < 0 ? r : toml_error(ps, at, "the string has no end");
}

static int scan_single_line(struct toml_parser *ps, const char *at, char quote)
{
	int r = 0;

	while (ps->p < ps->end && !toml_at_newline(ps) && r == 0) {
		if (*ps->p == quote) {
			ps->p++;
			return 0;
		}
		if (*ps->p == '\\' && quote == '"') {
			r = scan_escape(ps, false);
		} else {
			if (strbuf_addch(&ps->scratch, *ps->p) < 0)
				return toml_oom(ps);
			ps->p++;
		}
	}
	return r < 0 ? r : toml_error(ps, at, "the string has no end on its line");
}

int toml_scan_string(struct toml_parser *ps, bool multi_line, const char **ret, size_t *ret_len)
{
	const char *at = ps->p;
	char quote = *at;
	int r;

	strbuf_reset(&ps->scratch);
	if (count_quotes(ps, quote) >= 3) {
		if (!multi_line)
			return toml_error(ps, at, "a key cannot be a multi-line string");
		ps->p += 3;
		r = scan_multi_line(ps, at, quote);
	} else {
		ps->p++;
		r = scan_single_line(ps, at, quote);
	}
	if (r < 0)
		return r;
	*ret = arena_memdup0(&ps->doc->arena, ps->scratch.buf, ps->scratch.len);
	if (!*ret)
		return toml_oom(ps);
	*ret_len = ps->scratch.len;
	return 0;
}
