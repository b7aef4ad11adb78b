/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup/hierarchy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"

#define MOUNTINFO_MAX (4u << 20)
#define SELF_MAX      65536
#define MOUNTINFO_FIELDS \
	6 /* before the optional fields: id, parent, device, root, mount point, options */

/* Super options of version 1 that are not controllers. */
static const char *const other_options[] = {
	"rw", "ro", "noprefix", "xattr", "clone_children", "cpuset_v2_mode", "favordynmods"
};

/* "\040" and its like, in place. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

static int add_controllers(struct hierarchy *h, char *options)
{
	char *save = NULL;

	for (char *w = strtok_r(options, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		bool other = str_after(w, "release_agent=") != NULL;

		for (size_t i = 0; i < ARRAY_SIZE(other_options); i++)
			other |= str_eq(w, other_options[i]);
		if (!other && strv_add(&h->controllers, w) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void hierarchy_release(struct hierarchy *h)
{
	fd_close(h->fd);
	free(h->mount);
	free(h->root);
	free(h->own);
	strv_release(&h->controllers);
}

static bool same_controllers(const struct hierarchy *a, const struct hierarchy *b)
{
	if (a->v2 != b->v2 || a->controllers.n != b->controllers.n)
		return false;
	for (size_t i = 0; i < a->controllers.n; i++)
		if (!strv_has(&b->controllers, a->controllers.v[i]))
			return false;
	return true;
}

/* One line of mountinfo, which is changed. */
static int parse_mount(struct hierarchies *hs, char *line)
{
	char *fields[MOUNTINFO_FIELDS], *save = NULL, *word, *type, *options;
	struct hierarchy h = { .fd = -1 };
	int r = 0;

	for (size_t i = 0; i < MOUNTINFO_FIELDS; i++) {
		fields[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!fields[i])
			return 0;
	}
	do {
		word = strtok_r(NULL, " ", &save);
	} while (word && !str_eq(word, "-"));
	type = strtok_r(NULL, " ", &save);
	strtok_r(NULL, " ", &save); /* the source says nothing */
	options = strtok_r(NULL, " ", &save);
	h.v2 = str_eq(type, "cgroup2");
	if (!type || (!h.v2 && !str_eq(type, "cgroup")))
		return 0;
	unescape(fields[3]);
	unescape(fields[4]);
	h.root = strdup(fields[3]);
	h.mount = strdup(fields[4]);
	h.own = strdup("");
	if (!h.root || !h.mount || !h.own)
		r = -ENOMEM;
	if (r == 0 && !h.v2 && options)
		r = add_controllers(&h, options);
	for (size_t i = 0; r == 0 && i < hs->n; i++)
		if (same_controllers(&hs->v[i], &h))
			r = -EEXIST;
	if (r == 0 && hs->n < HIERARCHIES_MAX) {
		hs->v[hs->n++] = h;
		return 0;
	}
	hierarchy_release(&h);
	return r == -ENOMEM ? r : 0;
}

int hierarchies_parse_mountinfo(struct hierarchies *hs, const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	char *save = NULL;
	int r = copy ? 0 : -ENOMEM;

	for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL; r == 0 && line;
	     line = strtok_r(NULL, "\n", &save))
		r = parse_mount(hs, line);
	return r;
}

/* "ID:CONTROLLERS:PATH"; version 2 has ID 0 and no controllers. */
static struct hierarchy *hierarchy_of_line(struct hierarchies *hs, char *list)
{
	char *save = NULL, *first;

	if (!*list)
		return hierarchies_v2(hs);
	first = strtok_r(list, ",", &save);
	for (size_t i = 0; first && i < hs->n; i++)
		if (!hs->v[i].v2 && strv_has(&hs->v[i].controllers, first))
			return &hs->v[i];
	return NULL;
}

static int parse_self_line(struct hierarchies *hs, char *line)
{
	char *list = strchr(line, ':');
	char *path = list ? strchr(list + 1, ':') : NULL;
	struct hierarchy *h;
	const char *below;
	char *copy;

	if (!path)
		return 0;
	*path++ = '\0';
	if (*path != '/')
		return 0;
	h = hierarchy_of_line(hs, list + 1);
	if (!h)
		return 0;
	below = str_after(path, str_eq(h->root, "/") ? "" : h->root);
	/* Outside of what is mounted here ("/../x" in a cgroup namespace), or beside it. */
	if (!below || (*below && *below != '/') || strstr(below, "/.."))
		return 0;
	while (*below == '/')
		below++;
	copy = strdup(below);
	if (!copy)
		return -ENOMEM;
	free(h->own);
	h->own = copy;
	return 0;
}

int hierarchies_parse_self(struct hierarchies *hs, const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	char *save = NULL;
	int r = copy ? 0 : -ENOMEM;

	for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL; r == 0 && line;
	     line = strtok_r(NULL, "\n", &save))
		r = parse_self_line(hs, line);
	return r;
}

static int open_hierarchy(struct hierarchy *h, struct error *err)
{
	_cleanup_strbuf_ struct strbuf list = STRBUF_INIT;
	char *save = NULL;

	h->fd = open(h->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->fd < 0)
		return error_sys(err, -errno, "cannot open %s", h->mount);
	if (!h->v2 || file_read(h->fd, "cgroup.controllers", SELF_MAX, &list, NULL) < 0 ||
	    !list.len)
		return 0;
	for (char *w = strtok_r(list.buf, " \n", &save); w; w = strtok_r(NULL, " \n", &save))
		if (strv_add(&h->controllers, w) < 0)
			return error_oom(err);
	return 0;
}

int hierarchies_open(struct hierarchies *hs, struct error *err)
{
	_cleanup_strbuf_ struct strbuf mounts = STRBUF_INIT, self = STRBUF_INIT;
	int r;

	memset(hs, 0, sizeof(*hs));
	r = file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &mounts, err);
	if (r < 0)
		return r;
	r = hierarchies_parse_mountinfo(hs, mounts.buf);
	/* A kernel without cgroups has no such file; then there is no hierarchy either. */
	if (r == 0 && file_read(AT_FDCWD, "/proc/self/cgroup", SELF_MAX, &self, NULL) == 0)
		r = hierarchies_parse_self(hs, self.buf);
	if (r < 0)
		error_oom(err);
	for (size_t i = 0; r == 0 && i < hs->n; i++)
		r = open_hierarchy(&hs->v[i], err);
	if (r < 0)
		hierarchies_release(hs);
	return r;
}

void hierarchies_release(struct hierarchies *hs)
{
	for (size_t i = 0; i < hs->n; i++)
		hierarchy_release(&hs->v[i]);
	hs->n = 0;
}

struct hierarchy *hierarchies_find(struct hierarchies *hs, const char *controller, size_t len)
{
	struct hierarchy *found = NULL;

	for (size_t i = 0; i < hs->n; i++) {
		for (size_t j = 0; j < hs->v[i].controllers.n; j++) {
			const char *c = hs->v[i].controllers.v[j];

			if (strncmp(c, controller, len) == 0 && !c[len] && (!found || found->v2))
				found = &hs->v[i];
		}
	}
	return found;
}

struct hierarchy *hierarchies_v2(struct hierarchies *hs)
{
	for (size_t i = 0; i < hs->n; i++)
		if (hs->v[i].v2)
			return &hs->v[i];
	return NULL;
}
