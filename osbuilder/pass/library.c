/* SPDX-License-Identifier: Apache-2.0 */
/* Where ld.so(8) finds shared libraries. */
#include "pass/closure.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "compat/elf.h"
#include "pass/text.h"

#define CONF_DEPTH_MAX 8   /* includes of includes */
#define DIRS_MAX       256 /* in ld.so.conf, and of one search */

/* Debian's name for the directory of an architecture's libraries; source/source.h has the others. */
static const char *multiarch(const char *arch)
{
	static const char *const names[][2] = { { "x86_64", "x86_64-linux-gnu" },
						{ "aarch64", "aarch64-linux-gnu" },
						{ "ppc64le", "powerpc64le-linux-gnu" },
						{ "s390x", "s390x-linux-gnu" } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(names[i][0], arch))
			return names[i][1];
	return "";
}

static int add_dir(struct strv *to, const char *dir, struct error *err)
{
	if (to->n >= DIRS_MAX)
		return error_set(err, -EFBIG, "more than %d directories to look for libraries in",
				 DIRS_MAX);
	return strv_has(to, dir) || strv_add(to, dir) == 0 ? 0 : error_oom(err);
}

static int read_conf(struct closure *c, const char *path, int depth, struct error *err);

/* "include ld.so.conf.d/x?.conf": the pattern is in the last word of the path. */
static int include(struct closure *c, const char *pattern, int depth, struct error *err)
{
	const char *base = path_base(pattern);
	_cleanup_free_ char *dir =
		*pattern == '/' ? str_printf("%.*s", (int)(base - pattern), pattern)
				: str_printf("/etc/%.*s", (int)(base - pattern), pattern);
	const struct tree_node *d = dir ? tree_resolve(c->t, dir) : NULL;
	int r = dir ? 0 : error_oom(err);

	for (size_t i = 0; r == 0 && d && tree_is_dir(d) && i < d->n_children; i++) {
		_cleanup_free_ char *path = NULL;

		if (fnmatch(base, d->children[i]->name, FNM_PERIOD) != 0)
			continue;
		path = path_join(dir, d->children[i]->name);
		r = path ? read_conf(c, path, depth + 1, err) : error_oom(err);
	}
	return r;
}

static int read_conf(struct closure *c, const char *path, int depth, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char *next, *line;
	int r;

	if (depth > CONF_DEPTH_MAX)
		return error_set(err, -ELOOP, "'%.200s' includes too deeply", path);
	r = pass_read_text(c->t, path, &text, err);
	next = text.buf;
	while (r >= 0 && (line = pass_next_line(&next))) {
		char *word;

		line[strcspn(line, "#")] = '\0';
		word = pass_next_word(&line);
		if (str_eq(word, "include")) {
			while (r >= 0 && (word = pass_next_word(&line)))
				r = include(c, word, depth, err);
		} else if (word && *word == '/') {
			r = add_dir(&c->loader_dirs, word, err);
		}
	}
	return r < 0 ? r : 0;
}

int library_dirs(struct closure *c, struct error *err)
{
	/* musl looks into /usr/local/lib as well */
	static const char *const own[] = { "/lib64", "/usr/lib64", "/lib", "/usr/lib",
					   "/usr/local/lib" };
	static const char *const parents[] = { "/lib", "/usr/lib" };
	int r = read_conf(c, "/etc/ld.so.conf", 0, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parents); i++) {
		_cleanup_free_ char *dir = path_join(parents[i], multiarch(c->arch));

		r = dir ? add_dir(&c->loader_dirs, dir, err) : error_oom(err);
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(own); i++)
		r = add_dir(&c->loader_dirs, own[i], err);
	return r;
}

/* Replaces $NAME and ${NAME}. */
static int replace(struct strbuf *text, const char *name, const char *value, struct error *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const char *p = text->buf;
	size_t n = strlen(name);
	int k = 0;

	while (k == 0 && *p) {
		bool braces = p[0] == '$' && p[1] == '{';
		const char *word = p + 1 + braces;

		if (*p == '$' && strncmp(word, name, n) == 0 && (!braces || word[n] == '}')) {
			k = strbuf_addstr(&out, value);
			p = word + n + braces;
		} else {
			k = strbuf_addch(&out, *p++);
		}
	}
	strbuf_reset(text);
	return k < 0 || strbuf_add(text, out.buf, out.len) < 0 ? error_oom(err) : 0;
}

int library_add_path(struct strv *to, const char *list, const char *origin, const char *arch,
		     struct error *err)
{
	_cleanup_free_ char *dir = str_printf("%.*s", (int)(path_base(origin) - origin), origin);
	_cleanup_free_ char *lib = str_printf("lib/%s", multiarch(arch));
	int r = dir && lib ? 0 : error_oom(err);

	for (const char *p = list; r == 0 && p && *p;) {
		_cleanup_strbuf_ struct strbuf one = STRBUF_INIT;
		size_t n = strcspn(p, ":");

		if (strbuf_add(&one, p, n) < 0)
			return error_oom(err);
		r = replace(&one, "ORIGIN", dir, err);
		if (r == 0)
			r = replace(&one, "LIB", lib, err);
		if (r == 0)
			r = replace(&one, "PLATFORM", arch, err);
		if (r == 0 && one.buf[0] == '/')
			r = add_dir(to, one.buf, err);
		p += n + (p[n] == ':');
	}
	return r;
}

/* Of this architecture; the loader passes over others. */
static bool fits(struct closure *c, const char *path)
{
	const struct tree_node *n = tree_resolve(c->t, path);
	uint8_t head[ELF_HEAD_SIZE];
	struct elf_ident id;

	if (!n || !S_ISREG(n->inode->mode) || n->inode->content.size < sizeof(head) ||
	    blob_read(&n->inode->content, 0, head, sizeof(head), NULL) < 0)
		return false;
	elf_identify(head, sizeof(head), &id);
	return elf_matches_arch(&id, c->arch);
}

static int find_in(struct closure *c, const struct strv *dirs, const char *name, char **ret,
		   struct error *err)
{
	for (size_t i = 0; !*ret && i < dirs->n; i++) {
		char *path = path_join(dirs->v[i], name);

		if (!path)
			return error_oom(err);
		if (fits(c, path))
			*ret = path;
		else
			free(path);
	}
	return 0;
}

int library_find(struct closure *c, const struct library_search *s, char **ret, struct error *err)
{
	_cleanup_strv_ struct strv own = STRV_INIT;
	int r;

	*ret = NULL;
	if (strchr(s->name, '/')) {
		r = library_add_path(&own, s->name, s->origin, c->arch, err);
		if (r == 0 && own.n && fits(c, own.v[0])) {
			*ret = strdup(own.v[0]);
			return *ret ? 0 : error_oom(err);
		}
		return r;
	}
	r = library_add_path(&own, s->rpath, s->origin, c->arch, err);
	if (r == 0)
		r = find_in(c, &own, s->name, ret, err);
	if (r == 0 && !s->runpath)
		r = find_in(c, s->inherited, s->name, ret, err);
	strv_release(&own);
	if (r == 0)
		r = library_add_path(&own, s->runpath, s->origin, c->arch, err);
	if (r == 0)
		r = find_in(c, &own, s->name, ret, err);
	return r < 0 ? r : find_in(c, &c->loader_dirs, s->name, ret, err);
}
