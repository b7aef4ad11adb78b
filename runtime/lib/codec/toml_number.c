/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/toml_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool token_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c == '+' || c == '-' || c == '.' || c == ':';
}

static int digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/*
 * Digits of a base with single underscores between them, copied to the scratch buffer without the underscores. Returns
 * how many bytes of s were taken, 0 when there is no digit or an underscore has no digit on both sides.
 */
static ssize_t take_digits(struct toml_parser *ps, const char *s, size_t len, int base)
{
	size_t i = 0;

	while (i < len) {
		if (s[i] == '_') {
			if (i == 0 || i + 1 == len || s[i - 1] == '_' ||
			    digit_value(s[i + 1]) >= base)
				return 0;
		} else if (digit_value(s[i]) >= base) {
			break;
		} else if (strbuf_addch(&ps->scratch, s[i]) < 0) {
			return toml_oom(ps);
		}
		i++;
	}
	return (ssize_t)i;
}

/* The digits in scratch as a signed integer. */
static int digits_to_integer(struct toml_parser *ps, const char *at, bool negative, int base,
			     struct toml_value *v)
{
	uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	uint64_t n = 0;

	for (const char *d = ps->scratch.buf; *d; d++) {
		uint64_t digit = (uint64_t)digit_value(*d);

		if (__builtin_mul_overflow(n, (uint64_t)base, &n) ||
		    __builtin_add_overflow(n, digit, &n) || n > limit)
			return toml_error(ps, at, "the integer does not fit in 64 bits");
	}
	v->type = TOML_INTEGER;
	v->i = negative ? (int64_t)(0 - n) : (int64_t)n;
	return 0;
}

/* After 0x, 0o, 0b. */
static int scan_prefixed(struct toml_parser *ps, const char *s, size_t len, struct toml_value *v)
{
	int base = s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : 2;
	ssize_t n;

	strbuf_reset(&ps->scratch);
	n = take_digits(ps, s + 2, len - 2, base);
	if (n < 0)
		return (int)n;
	if (n == 0 || (size_t)n != len - 2)
		return toml_error(ps, s, "'%.*s' is no number of base %d", (int)MIN(len, 64u), s,
				  base);
	return digits_to_integer(ps, s, false, base, v);
}

/* Fraction and exponent behind the integer part; everything up to len must belong to them. */
static int scan_float_rest(struct toml_parser *ps, const char *s, size_t len, size_t i)
{
	ssize_t n;

	if (i < len && s[i] == '.') {
		if (strbuf_addch(&ps->scratch, '.') < 0)
			return toml_oom(ps);
		i++;
		n = take_digits(ps, s + i, len - i, 10);
		if (n <= 0)
			return n < 0 ? (int)n : -EINVAL;
		i += (size_t)n;
	}
	if (i < len && (s[i] == 'e' || s[i] == 'E')) {
		if (strbuf_addch(&ps->scratch, 'e') < 0)
			return toml_oom(ps);
		i++;
		if (i < len && (s[i] == '+' || s[i] == '-')) {
			if (strbuf_addch(&ps->scratch, s[i++]) < 0)
				return toml_oom(ps);
		}
		n = take_digits(ps, s + i, len - i, 10);
		if (n <= 0)
			return n < 0 ? (int)n : -EINVAL;
		i += (size_t)n;
	}
	return i == len ? 0 : -EINVAL;
}

static int scan_number(struct toml_parser *ps, const char *s, size_t len, struct toml_value *v)
{
	bool sign = s[0] == '+' || s[0] == '-', negative = s[0] == '-';
	size_t i = sign ? 1 : 0;
	ssize_t n;
	int r;

	if (len - i == 3 && (memcmp(s + i, "inf", 3) == 0 || memcmp(s + i, "nan", 3) == 0)) {
		v->type = TOML_FLOAT;
		v->f = s[i] == 'i' ? (double)INFINITY : (double)NAN;
		v->f = negative ? -v->f : v->f;
		return 0;
	}
	if (!sign && len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'o' || s[1] == 'b'))
		return scan_prefixed(ps, s, len, v);
	strbuf_reset(&ps->scratch);
	n = take_digits(ps, s + i, len - i, 10);
	if (n < 0)
		return (int)n;
	if (n == 0)
		return toml_error(ps, s, "'%.*s' is no value%s", (int)MIN(len, 64u), s,
				  digit_value(s[0]) > 9 && toml_bare_key_char((unsigned char)s[0])
					  ? " (a string needs quotes)"
					  : "");
	if (n > 1 && s[i] == '0')
		return toml_error(ps, s, "a number cannot start with 0");
	if (i + (size_t)n == len)
		return digits_to_integer(ps, s, negative, 10, v);
	r = scan_float_rest(ps, s, len, i + (size_t)n);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return toml_error(ps, s, "'%.*s' is no number", (int)MIN(len, 64u), s);
	/* strtod takes the decimal point of LC_NUMERIC, which is "C": no program here calls setlocale(). */
	v->type = TOML_FLOAT;
	v->f = strtod(ps->scratch.buf, NULL);
	v->f = negative ? -v->f : v->f;
	return 0;
}

/* n digits at s as a number, or -1. */
static int fixed_digits(const char *s, size_t len, size_t at, int n)
{
	int v = 0;

	if (at + (size_t)n > len)
		return -1;
	for (int i = 0; i < n; i++) {
		if (!is_digit(s[at + (size_t)i]))
			return -1;
		v = v * 10 + (s[at + (size_t)i] - '0');
	}
	return v;
}

/* "YYYY-MM-DD" at s; 0, or -EINVAL. */
static int take_date(const char *s, size_t len, struct toml_datetime *dt)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int y = fixed_digits(s, len, 0, 4), m = fixed_digits(s, len, 5, 2);
	int d = fixed_digits(s, len, 8, 2);
	bool leap = y >= 0 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

	/* The numbers first: that they are there says that the bytes between them are. */
	if (y < 0 || m < 1 || m > 12 || d < 1 || s[4] != '-' || s[7] != '-')
		return -EINVAL;
	if (d > days[m - 1] + (m == 2 && leap ? 1 : 0))
		return -EINVAL;
	dt->year = (int16_t)y;
	dt->month = (uint8_t)m;
	dt->day = (uint8_t)d;
	return 0;
}

/* "HH:MM:SS[.fraction]" at s: the bytes taken, or -EINVAL. */
static ssize_t take_time(const char *s, size_t len, struct toml_datetime *dt)
{
	int h = fixed_digits(s, len, 0, 2), m = fixed_digits(s, len, 3, 2);
	int sec = fixed_digits(s, len, 6, 2);
	uint32_t scale = 100000000;
	size_t i = 8;

	if (h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60 || s[2] != ':' || s[5] != ':')
		return -EINVAL;
	dt->hour = (uint8_t)h;
	dt->minute = (uint8_t)m;
	dt->second = (uint8_t)sec;
	if (i < len && s[i] == '.') {
		i++;
		if (i == len || !is_digit(s[i]))
			return -EINVAL;
		for (; i < len && is_digit(s[i]); i++, scale /= 10)
			dt->nanosecond += scale * (uint32_t)(s[i] - '0');
	}
	return (ssize_t)i;
}

/* "Z" or "+HH:MM", all of s. */
static int take_offset(const char *s, size_t len, struct toml_datetime *dt)
{
	int h, m;

	if (len == 1 && (s[0] == 'Z' || s[0] == 'z'))
		return 0;
	h = fixed_digits(s, len, 1, 2);
	m = fixed_digits(s, len, 4, 2);
	if (len != 6 || (s[0] != '+' && s[0] != '-') || s[3] != ':' || h < 0 || h > 23 || m < 0 ||
	    m > 59)
		return -EINVAL;
	dt->offset_minutes = (int16_t)(s[0] == '-' ? -(h * 60 + m) : h * 60 + m);
	return 0;
}

int toml_scan_datetime(struct toml_parser *ps, const char *at, const char *s, size_t len,
		       struct toml_value *v)
{
	struct toml_datetime dt = { 0 };
	ssize_t n;

	if (len > 2 && s[2] == ':') {
		n = take_time(s, len, &dt);
		if (n < 0 || (size_t)n != len)
			goto bad;
		v->type = TOML_LOCAL_TIME;
	} else {
		if (take_date(s, len, &dt) < 0)
			goto bad;
		v->type = TOML_LOCAL_DATE;
		if (len > 10) {
			if (s[10] != 'T' && s[10] != 't' && s[10] != ' ')
				goto bad;
			n = take_time(s + 11, len - 11, &dt);
			if (n < 0)
				goto bad;
			n += 11;
			v->type = (size_t)n == len ? TOML_LOCAL_DATETIME : TOML_OFFSET_DATETIME;
			if ((size_t)n < len && take_offset(s + n, len - (size_t)n, &dt) < 0)
				goto bad;
		}
	}
	v->dt = dt;
	return 0;
bad:
	return toml_error(ps, at, "'%.*s' is no valid date or time", (int)MIN(len, 64u), s);
}

int toml_scan_scalar(struct toml_parser *ps, struct toml_value *v)
{
	const char *s = ps->p;
	char seen[16];
	size_t len;

	while (ps->p < ps->end && token_char(*ps->p))
		ps->p++;
	len = (size_t)(ps->p - s);
	if (len == 0)
		return toml_error(ps, s, "expected a value, got %s", toml_seen(ps, seen));
	if ((len == 4 && memcmp(s, "true", 4) == 0) || (len == 5 && memcmp(s, "false", 5) == 0)) {
		v->type = TOML_BOOLEAN;
		v->b = len == 4;
		return 0;
	}
	if ((len > 4 && s[4] == '-' && fixed_digits(s, len, 0, 4) >= 0) ||
	    (len > 2 && s[2] == ':' && fixed_digits(s, len, 0, 2) >= 0)) {
		/* RFC 3339 lets a space stand for the T. */
		if (len == 10 && ps->end - ps->p >= 2 && ps->p[0] == ' ' && is_digit(ps->p[1])) {
			ps->p++;
			while (ps->p < ps->end && token_char(*ps->p))
				ps->p++;
			len = (size_t)(ps->p - s);
		}
		return toml_scan_datetime(ps, s, s, len, v);
	}
	return scan_number(ps, s, len, v);
}
