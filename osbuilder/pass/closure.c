/* SPDX-License-Identifier: Apache-2.0 */
/* The recipe's `keep`: what is named, and what that needs to run, stays; the rest of the tree goes. */
#include "pass/closure.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "compat/elf.h"
#include "compat/elf_dynamic.h"
#include "pass/pass.h"

#define PROGRAM_MAX	  (UINT64_C(1) << 30) /* bytes of a program or library */
#define SHEBANG_MAX	  256		      /* bytes of a "#!" line: BINPRM_BUF_SIZE of Linux */
#define KEPT_CAP_FIRST	  1024
#define CLOSURE_DEPTH_MAX 512

static size_t slot_of(const struct tree_node *const *v, size_t cap, const struct tree_node *n)
{
	size_t h = (size_t)((uintptr_t)n * UINT64_C(0x9e3779b97f4a7c15) >> 20);

	while (v[h & (cap - 1)] && v[h & (cap - 1)] != n)
		h++;
	return h & (cap - 1);
}

static bool is_kept(const struct closure *c, const struct tree_node *n)
{
	return c->cap_kept && c->kept[slot_of(c->kept, c->cap_kept, n)];
}

/* 1: it is new. */
static int keep_node(struct closure *c, const struct tree_node *n, struct error *err)
{
	if (is_kept(c, n))
		return 0;
	if (c->n_kept * 2 >= c->cap_kept) {
		size_t cap = c->cap_kept ? c->cap_kept * 2 : KEPT_CAP_FIRST;
		const struct tree_node **v = calloc(cap, sizeof(void *));

		if (!v)
			return error_oom(err);
		for (size_t i = 0; i < c->cap_kept; i++)
			if (c->kept[i])
				v[slot_of(v, cap, c->kept[i])] = c->kept[i];
		free(c->kept);
		c->kept = v;
		c->cap_kept = cap;
	}
	c->kept[slot_of(c->kept, c->cap_kept, n)] = n;
	c->n_kept++;
	return 1;
}

static int keep_file(struct closure *c, const struct tree_node *n, const struct strv *inherited,
		     struct error *err);

/*
 * Keeps what the path leads to, with the links on the way; directories above stay by themselves. 1: it leads nowhere.
 */
static int keep_path(struct closure *c, const char *path, const struct strv *inherited,
		     struct error *err)
{
	_cleanup_free_ char *rest = strdup(path);
	struct tree_node *at = tree_root(c->t);
	int links = 0, r;
	char *p = rest;

	if (!rest)
		return error_oom(err);
	for (;;) {
		struct tree_node *n;
		char *name = p + strspn(p, "/"), *to;
		size_t len = strcspn(name, "/");

		if (!len)
			return at == tree_root(c->t) ? 1 : keep_file(c, at, inherited, err);
		p = name + len;
		if (len == 1 && *name == '.')
			continue;
		if (len == 2 && name[0] == '.' && name[1] == '.') {
			at = at->parent ? at->parent : at;
			continue;
		}
		n = tree_is_dir(at) ? tree_child(at, name, len) : NULL;
		if (!n)
			return 1;
		if (!S_ISLNK(n->inode->mode)) {
			at = n;
			continue;
		}
		r = keep_node(c, n, err);
		if (r < 0)
			return r;
		if (++links > TREE_LINKS_FOLLOWED_MAX)
			return 1;
		to = str_printf("%s/%s", n->inode->target, p);
		if (!to)
			return error_oom(err);
		if (*to == '/')
			at = tree_root(c->t);
		free(rest);
		rest = p = to;
	}
}

static int missing(const char *who, const char *what, struct error *err)
{
	return error_set(err, -ENOENT, "%.300s needs '%.300s', which is not in the image", who,
			 what);
}

/* What "#!/usr/bin/env NAME" finds. */
static int keep_by_name(struct closure *c, const char *name, const struct strv *inherited,
			struct error *err)
{
	static const char *const dirs[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					    "/usr/bin",	       "/sbin",		 "/bin" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_cleanup_free_ char *path = str_printf("%s/%s", dirs[i], name);

		if (!path)
			return error_oom(err);
		if (tree_resolve(c->t, path))
			return keep_path(c, path, inherited, err);
	}
	return 1;
}

static int keep_interpreter(struct closure *c, char *line, const char *who, struct error *err)
{
	static const struct strv none = STRV_INIT;
	char *save = NULL, *program, *name;
	int r;

	line[strcspn(line, "\n")] = '\0';
	program = strtok_r(line, " \t", &save);
	if (!program)
		return 0;
	r = keep_path(c, program, &none, err);
	if (r == 1)
		return missing(who, program, err);
	name = strtok_r(NULL, " \t", &save);
	if (r < 0 || !name || !str_ends(program, "/env") || *name == '-')
		return r;
	r = keep_by_name(c, name, &none, err);
	return r == 1 ? missing(who, name, err) : r;
}

static int keep_libraries(struct closure *c, const struct elf_dynamic *d, const char *who,
			  const struct strv *inherited, struct error *err)
{
	_cleanup_strv_ struct strv down = STRV_INIT;
	int r = library_add_path(&down, d->rpath, who, c->arch, err);

	for (size_t i = 0; r == 0 && i < inherited->n; i++)
		if (!strv_has(&down, inherited->v[i]) && strv_add(&down, inherited->v[i]) < 0)
			r = error_oom(err);
	for (size_t i = 0; r == 0 && i < d->needed.n; i++) {
		const struct library_search s = { d->needed.v[i], d->rpath, d->runpath, who,
						  inherited };
		_cleanup_free_ char *path = NULL;

		r = library_find(c, &s, &path, err);
		if (r == 0 && !path)
			return missing(who, d->needed.v[i], err);
		if (r == 0)
			r = keep_path(c, path, &down, err);
		if (r == 1)
			return missing(who, path, err);
	}
	if (r == 0 && d->interp) {
		r = keep_path(c, d->interp, inherited, err);
		if (r == 1)
			return missing(who, d->interp, err);
	}
	return r;
}

static int keep_needs(struct closure *c, const struct tree_node *n, const struct strv *inherited,
		      struct error *err)
{
	const struct blob *b = &n->inode->content;
	_cleanup_elf_dynamic_ struct elf_dynamic d = { 0 };
	_cleanup_strbuf_ struct strbuf bytes = STRBUF_INIT;
	char path[TREE_PATH_BUF], head[SHEBANG_MAX + 1] = "";
	struct elf_ident id;
	size_t len = b->size < SHEBANG_MAX ? b->size : SHEBANG_MAX;
	int r = blob_read(b, 0, head, len, err);

	tree_path(n, path);
	if (r < 0)
		return error_wrap(err, r, "%.300s", path);
	if (head[0] == '#' && head[1] == '!')
		return keep_interpreter(c, head + 2, path, err);
	elf_identify(head, len, &id);
	if (!elf_matches_arch(&id, c->arch)) /* of another kind, or not ELF at all: data */
		return 0;
	if (b->size > PROGRAM_MAX)
		return error_set(err, -EFBIG, "%.300s is too large for a program", path);
	if (strbuf_grow(&bytes, b->size) < 0)
		return error_oom(err);
	r = blob_read(b, 0, bytes.buf, b->size, err);
	if (r == 0)
		r = elf_dynamic_read(bytes.buf, b->size, &d, err);
	if (r < 0)
		return error_wrap(err, r, "%.300s", path);
	return keep_libraries(c, &d, path, inherited, err);
}

/* A directory stays with all that is below it. */
static int keep_file(struct closure *c, const struct tree_node *n, const struct strv *inherited,
		     struct error *err)
{
	int r = keep_node(c, n, err);

	if (r <= 0)
		return r;
	if (++c->depth > CLOSURE_DEPTH_MAX)
		return error_set(err, -ELOOP, "libraries need each other more than %d deep",
				 CLOSURE_DEPTH_MAX);
	r = S_ISREG(n->inode->mode) ? keep_needs(c, n, inherited, err) : 0;
	for (size_t i = 0; r == 0 && tree_is_dir(n) && i < n->n_children; i++) {
		char path[TREE_PATH_BUF];

		r = keep_path(c, tree_path(n->children[i], path), inherited, err);
		if (r == 1) /* a link that leads nowhere stays as it is */
			r = 0;
	}
	c->depth--;
	return r;
}

struct matching {
	struct closure *c;
	const char *pattern;
	bool found;
	struct error *err;
};

static int match_one(struct tree_node *n, void *data)
{
	static const struct strv none = STRV_INIT;
	struct matching *m = data;
	char path[TREE_PATH_BUF];
	int r;

	if (fnmatch(m->pattern, tree_path(n, path), FNM_PATHNAME) != 0)
		return 0;
	m->found = true;
	r = keep_path(m->c, path, &none, m->err);
	return r == 1 ? error_set(m->err, -ENOENT, "'%.300s' leads nowhere", path) : r;
}

static int keep_patterns(struct closure *c, const struct strv *patterns, const char *key,
			 struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < patterns->n; i++) {
		struct matching m = { c, patterns->v[i], false, err };

		if (strpbrk(m.pattern, "*?[\\")) {
			r = tree_walk(tree_root(c->t), match_one, &m);
		} else { /* through links of directories as well */
			static const struct strv none = STRV_INIT;

			r = keep_path(c, m.pattern, &none, err);
			m.found = r != 1;
			r = r == 1 ? 0 : r;
		}
		if (r == 0 && !m.found)
			r = error_set(err, -ENOENT, "nothing in the image is '%.300s'", m.pattern);
		if (r < 0)
			return error_wrap(err, r, "%s", key);
	}
	return r;
}

/* True when something below stays. Links at the top that stand for directories stay: they are the merged /usr. */
static bool remove_rest(struct closure *c, struct tree_node *dir)
{
	bool any = false;

	for (size_t i = dir->n_children; i > 0; i--) {
		struct tree_node *n = dir->children[i - 1];
		bool stays = is_kept(c, n);

		if (tree_is_dir(n))
			stays |= remove_rest(c, n);
		else if (!dir->parent && S_ISLNK(n->inode->mode))
			stays = true;
		if (!stays)
			tree_remove(c->t, n);
		any |= stays;
	}
	return any;
}

int pass_keep(struct tree *t, const char *arch, const struct strv *keep, const struct strv *dlopen,
	      struct error *err)
{
	struct closure c = { .t = t, .arch = arch };
	int r;

	if (!keep->n)
		return 0;
	r = library_dirs(&c, err);
	if (r == 0)
		r = keep_patterns(&c, keep, "keep", err);
	if (r == 0)
		r = keep_patterns(&c, dlopen, "dlopen", err);
	if (r == 0)
		remove_rest(&c, tree_root(t));
	free(c.kept);
	strv_release(&c.loader_dirs);
	return r;
}
