/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Never written: setlen(0) on an empty buffer leaves it alone. */
char strbuf_empty[1];

void strbuf_init(struct strbuf *sb)
{
	sb->buf = strbuf_empty;
	sb->len = 0;
	sb->cap = 0;
}

void strbuf_release(struct strbuf *sb)
{
	if (sb->cap)
		free(sb->buf);
	strbuf_init(sb);
}

void strbuf_reset(struct strbuf *sb)
{
	strbuf_setlen(sb, 0);
}

int strbuf_grow(struct strbuf *sb, size_t extra)
{
	size_t want, cap;
	char *p;

	if (__builtin_add_overflow(sb->len, extra, &want) || __builtin_add_overflow(want, 1, &want))
		return -ENOMEM;
	if (want <= sb->cap)
		return 0;
	cap = sb->cap + sb->cap / 2 + 64;
	if (cap < want)
		cap = want;
	p = realloc(sb->cap ? sb->buf : NULL, cap);
	if (!p)
		return -ENOMEM;
	p[sb->len] = '\0';
	sb->buf = p;
	sb->cap = cap;
	return 0;
}

void strbuf_setlen(struct strbuf *sb, size_t len)
{
	if (!sb->cap)
		return;
	sb->len = len;
	sb->buf[len] = '\0';
}

int strbuf_add(struct strbuf *sb, const void *data, size_t len)
{
	int r;

	if (!len)
		return 0;
	r = strbuf_grow(sb, len);
	if (r < 0)
		return r;
	memcpy(sb->buf + sb->len, data, len);
	strbuf_setlen(sb, sb->len + len);
	return 0;
}

int strbuf_addstr(struct strbuf *sb, const char *s)
{
	return strbuf_add(sb, s, strlen(s));
}

int strbuf_addch(struct strbuf *sb, char c)
{
	return strbuf_add(sb, &c, 1);
}

int strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap)
{
	va_list again;
	int n, r;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return -EINVAL;
	r = strbuf_grow(sb, (size_t)n);
	if (r < 0)
		return r;
	vsnprintf(sb->buf + sb->len, (size_t)n + 1, fmt, ap);
	sb->len += (size_t)n;
	return 0;
}

int strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = strbuf_vaddf(sb, fmt, ap);
	va_end(ap);
	return r;
}

/* Stands in JSON as it is. */
static bool json_plain(unsigned char c)
{
	return c >= 0x20 && c != 0x7f && c != '"' && c != '\\';
}

int strbuf_add_json(struct strbuf *sb, const char *s)
{
	int r = 0;

	while (*s && r == 0) {
		const char *from = s;
		unsigned char c;

		while (json_plain((unsigned char)*s))
			s++;
		r = strbuf_add(sb, from, (size_t)(s - from));
		if (r < 0 || !*s)
			break;
		c = (unsigned char)*s++;
		if (c == '"' || c == '\\')
			r = strbuf_addf(sb, "\\%c", c);
		else if (c == '\n')
			r = strbuf_addstr(sb, "\\n");
		else if (c == '\t')
			r = strbuf_addstr(sb, "\\t");
		else
			r = strbuf_addf(sb, "\\u%04x", c);
	}
	return r;
}

void strbuf_consume(struct strbuf *sb, size_t n)
{
	if (!n)
		return;
	if (n >= sb->len) {
		strbuf_setlen(sb, 0);
		return;
	}
	memmove(sb->buf, sb->buf + n, sb->len - n);
	strbuf_setlen(sb, sb->len - n);
}

void strbuf_trim_end(struct strbuf *sb)
{
	size_t n = sb->len;

	while (n && isspace((unsigned char)sb->buf[n - 1]))
		n--;
	strbuf_setlen(sb, n);
}

char *strbuf_detach(struct strbuf *sb, size_t *ret_len)
{
	char *p;

	if (strbuf_grow(sb, 0) < 0)
		return NULL;
	p = sb->buf;
	if (ret_len)
		*ret_len = sb->len;
	strbuf_init(sb);
	return p;
}

int strbuf_read_fd(struct strbuf *sb, int fd, size_t max)
{
	for (;;) {
		ssize_t n;
		int r = strbuf_grow(sb, 16384);

		if (r < 0)
			return r;
		n = read(fd, sb->buf + sb->len, 16384);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		if (sb->len + (size_t)n > max)
			return -EFBIG;
		strbuf_setlen(sb, sb->len + (size_t)n);
	}
}

char *str_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

const char *str_after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}
