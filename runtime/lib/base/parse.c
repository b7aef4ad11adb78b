/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* strtoull takes white space, '+' and '-'; we do not. */
static bool starts_number(const char *s)
{
	return s && isxdigit((unsigned char)*s);
}

int parse_u64(const char *s, int base, uint64_t *ret)
{
	unsigned long long v;
	char *end;

	if (!starts_number(s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, base);
	if (end == s || *end)
		return -EINVAL;
	if (errno == ERANGE)
		return -ERANGE;
	*ret = v;
	return 0;
}

int parse_u32(const char *s, int base, uint32_t *ret)
{
	uint64_t v;
	int r = parse_u64(s, base, &v);

	if (r < 0)
		return r;
	if (v > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)v;
	return 0;
}

int parse_i64(const char *s, int base, int64_t *ret)
{
	long long v;
	char *end;

	if (!s || !starts_number(*s == '-' ? s + 1 : s))
		return -EINVAL;
	errno = 0;
	v = strtoll(s, &end, base);
	if (end == s || *end)
		return -EINVAL;
	if (errno == ERANGE)
		return -ERANGE;
	*ret = v;
	return 0;
}

int parse_size(const char *s, uint64_t *ret)
{
	static const char units[] = "KMGT";
	unsigned long long v;
	const char *unit;
	char *end;

	if (!s || !isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno == ERANGE)
		return -ERANGE;
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (unit) {
			for (long i = 0; i <= unit - units; i++)
				if (__builtin_mul_overflow(v, 1024ULL, &v))
					return -ERANGE;
			end++;
			if (*end == 'i')
				end++;
		}
		if (*end == 'B' || *end == 'b')
			end++;
		if (*end)
			return -EINVAL;
	}
	*ret = v;
	return 0;
}

int parse_limit(const char *s, int64_t *ret)
{
	uint64_t v = 0;
	int r;

	if (s && strcmp(s, "-1") == 0) {
		*ret = -1;
		return 0;
	}
	r = parse_size(s, &v);
	if (r == 0 && v > INT64_MAX)
		r = -ERANGE;
	if (r == 0)
		*ret = (int64_t)v;
	return r;
}

size_t parse_words(char *line, char **words, size_t max)
{
	size_t n = 0;
	char *save = NULL;

	for (char *w = strtok_r(line, " \t", &save); w && n < max; w = strtok_r(NULL, " \t", &save))
		words[n++] = w;
	return n;
}

int parse_bool(const char *s, bool *ret)
{
	static const char *const yes[] = { "true", "yes", "1", "on" };
	static const char *const no[] = { "false", "no", "0", "off" };

	for (unsigned i = 0; s && i < 4; i++) {
		if (!strcasecmp(s, yes[i])) {
			*ret = true;
			return 0;
		}
		if (!strcasecmp(s, no[i])) {
			*ret = false;
			return 0;
		}
	}
	return -EINVAL;
}

int parse_signal(const char *s)
{
	uint32_t n;

	if (!s)
		return -EINVAL;
	if (parse_u32(s, 10, &n) == 0)
		return n >= 1 && n <= 64 ? (int)n : -EINVAL;
	if (!strncasecmp(s, "SIG", 3))
		s += 3;
	for (int i = 1; i < 32; i++) {
		const char *name = sigabbrev_np(i);

		if (name && !strcasecmp(name, s))
			return i;
	}
	if (!strcasecmp(s, "IOT"))
		return SIGABRT;
	if (!strcasecmp(s, "CLD"))
		return SIGCHLD;
	if (!strncasecmp(s, "RTMIN", 5) && (s[5] == '\0' || s[5] == '+')) {
		n = 0;
		if (s[5] && (parse_u32(s + 6, 10, &n) < 0 || n > 30))
			return -EINVAL;
		return 34 + (int)n; /* the kernel's 32 and 33 belong to the C library */
	}
	if (!strncasecmp(s, "RTMAX", 5) && (s[5] == '\0' || s[5] == '-')) {
		n = 0;
		if (s[5] && (parse_u32(s + 6, 10, &n) < 0 || n > 30))
			return -EINVAL;
		return 64 - (int)n;
	}
	return -EINVAL;
}

void hex_encode(char *out, const void *data, uint32_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (uint32_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(void *out, uint32_t n, const char *s)
{
	unsigned char *p = out;

	for (uint32_t i = 0; i < n; i++) {
		int hi = hex_value(s[2 * (size_t)i]);
		int lo = hi < 0 ? -1 : hex_value(s[2 * (size_t)i + 1]);

		if (lo < 0)
			return -EINVAL;
		p[i] = (unsigned char)(hi << 4 | lo);
	}
	return s[2 * (size_t)n] ? -EINVAL : 0;
}
