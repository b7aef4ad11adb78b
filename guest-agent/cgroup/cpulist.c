/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup/cpulist.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

static bool number(const char **p, size_t max, size_t *ret)
{
	size_t v = 0;

	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		v = v * 10 + (size_t)(**p - '0');
		if (v >= max)
			return false;
	}
	*ret = v;
	return true;
}

int cpulist_count(const char *text, size_t max, size_t *ret)
{
	size_t n = 0, next = 0;

	for (const char *p = text; *p;) {
		size_t from, to;

		if (!number(&p, max, &from))
			return -EINVAL;
		to = from;
		if (*p == '-') {
			p++;
			if (!number(&p, max, &to) || to < from)
				return -EINVAL;
		}
		/* The kernel writes them in order, each once; what is counted twice would be wrong. */
		if (from < next || (*p && *p != ',') || (*p == ',' && !p[1]))
			return -EINVAL;
		p += *p == ',';
		n += to - from + 1;
		next = to + 1;
	}
	*ret = n;
	return 0;
}
