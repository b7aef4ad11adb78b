/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Ends a cut message visibly. `want` is what snprintf would have written. */
static void mark_cut(char *buf, size_t size, int want)
{
	if (want >= 0 && (size_t)want >= size)
		memcpy(buf + size - 4, "...", 4);
}

static _printf_(3, 0) void format(char *buf, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(buf, size, fmt, ap);

	if (n < 0)
		buf[0] = '\0';
	mark_cut(buf, size, n);
}

/* Appends or prepends through one bounded copy, so that overlapping buffers are never handed to snprintf. */
static void join(char *dst, const char *a, const char *sep, const char *b)
{
	char tmp[ERROR_MSG_MAX];
	int n = snprintf(tmp, sizeof(tmp), "%s%s%s", a, sep, b);

	mark_cut(tmp, sizeof(tmp), n);
	memcpy(dst, tmp, sizeof(tmp));
}

void error_set_(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;
	err->code = code;
	err->hint = NULL;
	va_start(ap, fmt);
	format(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
}

void error_sys_(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;
	err->code = code;
	err->hint = NULL;
	va_start(ap, fmt);
	format(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	join(err->msg, err->msg, ": ", strerror(-code));
}

int error_prefix(struct error *err, const char *fmt, ...)
{
	char text[ERROR_MSG_MAX];
	va_list ap;

	if (!err)
		return -EIO;
	va_start(ap, fmt);
	format(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!err->code)
		err->code = -EIO;
	join(err->msg, text, err->msg[0] ? ": " : "", err->msg);
	return err->code;
}

void error_wrap_(struct error *err, int code, const char *fmt, ...)
{
	char text[ERROR_MSG_MAX];
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	format(text, sizeof(text), fmt, ap);
	va_end(ap);
	join(err->msg, text, ": ", err->code ? err->msg : strerror(-code));
	err->code = code;
}

void error_hint_(struct error *err, const char *text)
{
	if (err)
		err->hint = text;
}

void error_clear(struct error *err)
{
	if (!err)
		return;
	err->code = 0;
	err->msg[0] = '\0';
	err->hint = NULL;
}

const char *error_text(const struct error *err)
{
	if (!err)
		return "unknown error";
	if (err->msg[0])
		return err->msg;
	return err->code ? strerror(-err->code) : "no error";
}
