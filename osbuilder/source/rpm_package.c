/* SPDX-License-Identifier: Apache-2.0 */
/* What the foreign programs print, and the payload of a package. */
#include "source/rpm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "source/unpack.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int rpm_parse_urls(const char *text, struct strv *ret, struct error *err)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		_cleanup_free_ char *url = mem_dup0(line, len);
		const char *name;

		if (!url)
			return error_oom(err);
		line += len + (line[len] == '\n');
		if (!*url)
			continue;
		name = path_base(url);
		if (!strstr(url, "://") || !str_ends(name, ".rpm") || *name == '.' || *name == '-')
			return error_set(err, -EBADMSG, "cannot understand dnf's line '%.200s'",
					 url);
		if (ret->n >= SOURCE_PACKAGES_MAX)
			return error_set(err, -E2BIG, "more than %d packages", SOURCE_PACKAGES_MAX);
		if (!strv_has(ret, name) && strv_add(ret, name) < 0)
			return error_oom(err);
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_text);
	return 0;
}

/* "F", user, group, capabilities, path */
static int check_file_line(const char *line, size_t len, struct error *err)
{
	char user[64], group[64], caps[64];
	int at = 0;

	if (sscanf(line, "F\t%63[^\t\n]\t%63[^\t\n]\t%63[^\t\n]\t%n", user, group, caps, &at) !=
		    3 ||
	    !at || (size_t)at > len)
		return error_set(err, -EBADMSG, "cannot understand rpm's line '%.*s'",
				 (int)MIN(len, (size_t)200), line);
	if (!str_eq(user, "root") || !str_eq(group, "root"))
		return error_set(err, -ENOTSUP,
				 "%.*s belongs to %s:%s (plain_owners would make it root's)",
				 (int)MIN(len - (size_t)at, (size_t)200), line + at, user, group);
	if (!str_eq(caps, "(none)"))
		return error_set(err, -ENOTSUP,
				 "%.*s has capabilities (plain_owners would take it without)",
				 (int)MIN(len - (size_t)at, (size_t)200), line + at);
	return 0;
}

int rpm_parse_query(const char *text, bool plain_owners, struct rpm_info *ret, struct error *err)
{
	if (sscanf(text, "P\t%127[^\t\n]\t%127[^\t\n]\t%31[^\t\n]\n", ret->name, ret->version,
		   ret->arch) != 3)
		return error_set(err, -EBADMSG, "cannot understand rpm's line '%.*s'",
				 (int)MIN(strcspn(text, "\n"), (size_t)200), text);
	for (const char *line = strchr(text, '\n'); line && line[1]; line = strchr(line, '\n')) {
		size_t len = strcspn(++line, "\n");
		int r = 0;

		/* "(none)": a package without files */
		if (!plain_owners && strncmp(line, "F\t(none)\t", 9) != 0)
			r = check_file_line(line, len, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int rpm_unpack_fd(struct tree *t, int fd, struct error *err)
{
	static const struct la_limits limits = LA_LIMITS_DEFAULT;
	static const struct source_unpack u = { .target = "" };
	_cleanup_la_ struct la_archive *a = NULL;
	int r = la_open_fd(fd, LA_RPM, &limits, &a, err);

	return r < 0 ? r : unpack_archive(t, a, &u, err);
}
