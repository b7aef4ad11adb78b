/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/agent-ctl/duration.h"

#include <string.h>
#include "base/compiler.h"

static const struct {
	const char *name;
	uint64_t nsec;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", 60 * 1000000000ULL },
	{ "h", 3600 * 1000000000ULL },
	{ "d", 86400 * 1000000000ULL },
};

static uint64_t unit_of(const char *p, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i].name) == len && memcmp(units[i].name, p, len) == 0)
			return units[i].nsec;
	return 0;
}

int ctl_duration_parse(const char *text, uint64_t *ret_nsec, struct error *err)
{
	static const char digits[] = "0123456789";
	uint64_t sum = 0;
	const char *p = text;

	do {
		size_t n = strspn(p, digits), len = strcspn(p + n, digits);
		uint64_t v = 0, unit = unit_of(p + n, len);

		if (p == text && !p[n])
			unit = 1;
		if (n == 0 || unit == 0)
			return error_set(
				err, -EINVAL,
				"\"%.64s\" is no time: numbers with ns, us, ms, s, m, h or d, "
				"or nanoseconds",
				text);
		for (const char *d = p; d < p + n; d++)
			if (__builtin_mul_overflow(v, 10, &v) ||
			    __builtin_add_overflow(v, (uint64_t)(*d - '0'), &v))
				v = UINT64_MAX;
		if (__builtin_mul_overflow(v, unit, &v) || __builtin_add_overflow(sum, v, &sum) ||
		    sum > INT64_MAX)
			return error_set(err, -ERANGE, "\"%.64s\" is too long", text);
		p += n + len;
	} while (*p);
	*ret_nsec = sum;
	return 0;
}
