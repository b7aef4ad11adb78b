/* SPDX-License-Identifier: Apache-2.0 */
#include "service/netdev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t netdev_parse(const char *text, struct netdev_stats ret[NETDEV_MAX])
{
	size_t n = 0;

	for (const char *line = text; line && *line && n < NETDEV_MAX; line = strchr(line, '\n')) {
		const char *colon, *end;
		size_t len, got = 0;
		char *next;

		line += *line == '\n';
		line += strspn(line, " ");
		end = line + strcspn(line, "\n");
		colon = memchr(line, ':', (size_t)(end - line));
		len = colon ? (size_t)(colon - line) : 0;
		if (!len || len >= IF_NAMESIZE)
			continue;
		memcpy(ret[n].name, line, len);
		ret[n].name[len] = '\0';
		for (const char *p = colon + 1; got < NETDEV_COLUMNS; p = next, got++) {
			p += strspn(p, " ");
			if (p >= end || *p < '0' || *p > '9')
				break;
			ret[n].v[got] = strtoull(p, &next, 10);
		}
		n += got == NETDEV_COLUMNS;
	}
	return n;
}
