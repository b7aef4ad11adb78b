/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/toml_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"

void toml_locate(struct toml_parser *ps, const char *at, unsigned int *line, unsigned int *column)
{
	struct toml_cursor *c = &ps->cursor;

	if (at < c->at)
		*c = (struct toml_cursor){ ps->start, 1, 1 };
	for (; c->at < at; c->at++) {
		if (*c->at == '\n') {
			c->line++;
			c->column = 1;
		} else if (((unsigned char)*c->at & 0xc0) != 0x80) {
			c->column++;
		}
	}
	*line = c->line;
	*column = c->column;
}

void toml_report(struct toml_parser *ps, int code, const char *at, const char *fmt, ...)
{
	unsigned int line, column;
	char msg[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	toml_locate(ps, at, &line, &column);
	error_set(ps->err, code, "%s:%u:%u: %s", ps->doc->name, line, column, msg);
}

const char *toml_seen(const struct toml_parser *ps, char buf[16])
{
	unsigned char c;
	int n = 1;

	if (ps->p >= ps->end)
		return "the end of the file";
	c = (unsigned char)*ps->p;
	if (c == '\n' || c == '\r')
		return "a line break";
	if (c == '\t')
		return "a tab";
	if (c >= 0xc0) /* the whole of a UTF-8 sequence; the text was checked */
		n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	snprintf(buf, 16, "'%.*s'", n, ps->p);
	return buf;
}

int toml_check_text(struct toml_parser *ps)
{
	const char *p = ps->p;

	while (p < ps->end) {
		unsigned char c = (unsigned char)*p;
		size_t n = utf8_len((const unsigned char *)p, (size_t)(ps->end - p));

		if (n == 0)
			return toml_error(ps, p, "invalid UTF-8 (byte 0x%02x)", c);
		if (c == '\r' && (p + 1 == ps->end || p[1] != '\n'))
			return toml_error(ps, p, "carriage return without line feed");
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
			return toml_error(ps, p, "control character U+%04X is not allowed", c);
		p += n;
	}
	return 0;
}

void toml_skip_space(struct toml_parser *ps)
{
	while (ps->p < ps->end && (*ps->p == ' ' || *ps->p == '\t'))
		ps->p++;
}

bool toml_at_newline(const struct toml_parser *ps)
{
	return ps->p < ps->end && (*ps->p == '\n' || *ps->p == '\r');
}

static void skip_comment(struct toml_parser *ps)
{
	if (ps->p < ps->end && *ps->p == '#') {
		while (ps->p < ps->end && !toml_at_newline(ps))
			ps->p++;
	}
}

static void skip_newline(struct toml_parser *ps)
{
	if (*ps->p == '\r')
		ps->p++;
	ps->p++;
}

int toml_end_of_line(struct toml_parser *ps)
{
	char seen[16];

	toml_skip_space(ps);
	skip_comment(ps);
	if (ps->p == ps->end)
		return 0;
	if (!toml_at_newline(ps))
		return toml_error(ps, ps->p, "expected the end of the line, got %s",
				  toml_seen(ps, seen));
	skip_newline(ps);
	return 0;
}

void toml_skip_blank(struct toml_parser *ps)
{
	for (;;) {
		toml_skip_space(ps);
		skip_comment(ps);
		if (!toml_at_newline(ps))
			return;
		skip_newline(ps);
	}
}

bool toml_bare_key_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}
