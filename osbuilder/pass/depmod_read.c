/* SPDX-License-Identifier: Apache-2.0 */
#include "pass/depmod.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "compat/zin.h"
#include "pass/text.h"

#define MODULES_MAX	 16384 /* of one kernel */
#define MODULE_DEPTH_MAX 64    /* directories below /lib/modules/VERSION */
#define PATHS_MAX	 4096  /* bytes of a path below it */

void depmod_release(struct depmod *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->v[i].path);
		free(d->v[i].name);
		free(d->v[i].deps);
		elf_module_release(&d->v[i].elf);
	}
	free(d->v);
	free(d->symbols);
}

/* Where ".ko" begins in a module's file name, compressed or not; NULL: it is none. */
static const char *module_ending(const char *name)
{
	const char *ko = strstr(name, ".ko");

	while (ko && ko[3] && !str_eq(ko, ".ko.gz") && !str_eq(ko, ".ko.xz") &&
	       !str_eq(ko, ".ko.zst"))
		ko = strstr(ko + 1, ".ko");
	return ko;
}

/* "kernel/net/ip-x.ko.xz" to "ip_x" */
char *depmod_module_name(const char *path)
{
	const char *base = strrchr(path, '/');
	char *name;

	base = base ? base + 1 : path;
	name = str_printf("%.*s", (int)strcspn(base, "."), base);
	for (char *p = name; p && *p; p++)
		if (*p == '-')
			*p = '_';
	return name;
}

static int find_below(struct depmod *d, const struct tree_node *dir, const char *path, int depth,
		      struct error *err)
{
	int r = 0;

	if (depth > MODULE_DEPTH_MAX)
		return error_set(err, -ELOOP, "'%.200s' is too deep for kernel modules", path);
	for (size_t i = 0; r == 0 && i < dir->n_children; i++) {
		const struct tree_node *n = dir->children[i];
		_cleanup_free_ char *p = str_printf("%s%s%s", path, *path ? "/" : "", n->name);
		struct module *m;

		if (!p)
			return error_oom(err);
		if (tree_is_dir(n)) {
			r = find_below(d, n, p, depth + 1, err);
			continue;
		}
		if (!S_ISREG(n->inode->mode) || !module_ending(n->name))
			continue;
		if (d->n >= MODULES_MAX || strlen(p) > PATHS_MAX)
			return error_set(err, -EFBIG,
					 "more than %d kernel modules, or too long a path",
					 MODULES_MAX);
		if (array_reserve(&d->v, &d->cap, d->n + 1, sizeof(*d->v)) < 0)
			return error_oom(err);
		m = &d->v[d->n++];
		*m = (struct module){ .node = n, .order = DEPMOD_NONE };
		m->name = depmod_module_name(p);
		m->path = steal_ptr(p);
		if (!m->name)
			return error_oom(err);
	}
	return r;
}

char *depmod_path(const struct depmod *d, const char *name)
{
	return str_printf("/lib/modules/%s/%s", d->version, name);
}

int depmod_read_file(struct depmod *d, const char *name, struct strbuf *text, struct error *err)
{
	_cleanup_free_ char *path = depmod_path(d, name);

	return path ? pass_read_text(d->t, path, text, err) : error_oom(err);
}

static int by_path(const void *a, const void *b)
{
	const struct module *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static bool is_update(const struct module *m)
{
	return str_after(m->path, "updates/");
}

/* By name; of two with one name the one that counts first: depmod.d's default is "search updates built-in". */
static int by_name(const void *a, const void *b)
{
	const struct module *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	if (c == 0)
		c = is_update(y) - is_update(x);
	return c ? c : by_path(a, b);
}

static int by_order(const void *a, const void *b)
{
	const struct module *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return by_path(a, b);
}

static void drop_doubles(struct depmod *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++) {
		struct module *m = &d->v[i];

		if (n && str_eq(d->v[n - 1].name, m->name)) {
			free(m->path);
			free(m->name);
			continue;
		}
		d->v[n++] = *m;
	}
	d->n = n;
}

/* The lines of modules.order are paths of uncompressed modules. */
static int read_order(struct depmod *d, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char *next, *line;
	size_t n = 0;
	int r = depmod_read_file(d, "modules.order", &text, err);

	next = text.buf;
	while (r > 0 && (line = pass_next_line(&next))) {
		_cleanup_free_ char *name = depmod_module_name(line);
		size_t lo = 0, hi = d->n;

		if (!name)
			return error_oom(err);
		while (lo < hi) { /* sorted by name, each once */
			size_t mid = lo + (hi - lo) / 2;

			if (strcmp(d->v[mid].name, name) < 0)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo < d->n && str_eq(d->v[lo].name, name) && d->v[lo].order == DEPMOD_NONE &&
		    strncmp(d->v[lo].path, line, strlen(line)) == 0)
			d->v[lo].order = n++;
	}
	return r < 0 ? r : 0;
}

/* The module's bytes, decompressed. */
static int read_module_bytes(const struct module *m, struct strbuf *out, struct error *err)
{
	const struct blob *b = &m->node->inode->content;
	_cleanup_(zin_freep) struct zin *z = NULL;
	_cleanup_fd_ int fd = -1;
	uint8_t magic[ZIN_MAGIC];
	ssize_t n;
	int r;

	strbuf_reset(out);
	if (b->size > ELF_MODULE_MAX)
		return error_set(err, -EFBIG, "is over %u bytes", ELF_MODULE_MAX);
	if (str_ends(m->path, ".ko")) {
		if (strbuf_grow(out, b->size) < 0)
			return error_oom(err);
		r = blob_read(b, 0, out->buf, b->size, err);
		strbuf_setlen(out, r < 0 ? 0 : b->size);
		return r;
	}
	if (b->size < ZIN_MAGIC)
		return error_set(err, -EBADMSG, "is too short for a compressed file");
	r = blob_read(b, 0, magic, sizeof(magic), err);
	if (r == 0 && fd_memfd("module", &fd) < 0)
		r = error_sys(err, -errno, "cannot make a memory file");
	if (r == 0)
		r = blob_copy_to_fd(b, fd, err);
	if (r == 0)
		r = zin_open(fd, 0, zin_kind_of(magic), &z, err);
	if (r < 0)
		return r;
	do {
		if (out->len > ELF_MODULE_MAX)
			return error_set(err, -EFBIG, "is over %u bytes", ELF_MODULE_MAX);
		if (strbuf_grow(out, 65536) < 0)
			return error_oom(err);
		n = zin_read(z, out->buf + out->len, 65536, err);
		if (n > 0)
			strbuf_setlen(out, out->len + (size_t)n);
	} while (n > 0);
	return n < 0 ? (int)n : 0;
}

static int read_modules(struct depmod *d, struct error *err)
{
	_cleanup_strbuf_ struct strbuf bytes = STRBUF_INIT;
	char path[TREE_PATH_BUF];
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->n; i++) {
		r = read_module_bytes(&d->v[i], &bytes, err);
		if (r == 0)
			r = elf_module_read(bytes.buf, bytes.len, &d->v[i].elf, err);
		if (r < 0)
			return error_wrap(err, r, "%.300s", tree_path(d->v[i].node, path));
	}
	return r;
}

static int by_symbol(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : x->module < y->module ? -1 : x->module > y->module;
}

static int collect_symbols(struct depmod *d, struct error *err)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->v[i].elf.exported.n;
	d->symbols = new0_array(struct symbol, n);
	if (!d->symbols)
		return error_oom(err);
	for (size_t i = 0; i < d->n; i++)
		for (size_t k = 0; k < d->v[i].elf.exported.n; k++)
			d->symbols[d->n_symbols++] =
				(struct symbol){ d->v[i].elf.exported.v[k], i };
	if (n)
		qsort(d->symbols, n, sizeof(*d->symbols), by_symbol);
	return 0;
}

/* The first module that exports it; DEPMOD_NONE: the kernel itself, or nobody. */
static size_t exporter_of(const struct depmod *d, const char *name)
{
	size_t lo = 0, hi = d->n_symbols;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		const char *at = d->symbols[mid].name;

		if (at && strcmp(at, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < d->n_symbols && str_eq(d->symbols[lo].name, name) ? d->symbols[lo].module
								      : DEPMOD_NONE;
}

static int find_direct(struct depmod *d, struct error *err)
{
	for (size_t i = 0; i < d->n; i++) {
		struct module *m = &d->v[i];

		for (size_t k = 0; k < m->elf.undefined.n; k++) {
			size_t by = exporter_of(d, m->elf.undefined.v[k]);
			bool known = by == DEPMOD_NONE || by == i;

			for (size_t j = 0; !known && j < m->n_deps; j++)
				known = m->deps[j] == by;
			if (known)
				continue;
			if (array_reserve(&m->deps, &m->cap_deps, m->n_deps + 1, sizeof(*m->deps)) <
			    0)
				return error_oom(err);
			m->deps[m->n_deps++] = by;
		}
	}
	return 0;
}

static int cycle(const struct depmod *d, struct error *err)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].users)
			return error_set(err, -ELOOP,
					 "kernel modules need each other: %s is one of them",
					 d->v[i].path);
	return -ELOOP;
}

/* Kahn's algorithm in depmod's order: the last module that nobody unranked needs is next. */
static int rank_all(struct depmod *d, struct error *err)
{
	_cleanup_free_ size_t *ready = new0_array(size_t, d->n);
	size_t n = 0, rank = 0;

	if (!ready)
		return error_oom(err);
	for (size_t i = 0; i < d->n; i++)
		for (size_t k = 0; k < d->v[i].n_deps; k++)
			d->v[d->v[i].deps[k]].users++;
	for (size_t i = 0; i < d->n; i++)
		if (!d->v[i].users)
			ready[n++] = i;
	while (n) {
		struct module *m = &d->v[ready[--n]];

		m->rank = rank++;
		for (size_t k = 0; k < m->n_deps; k++)
			if (--d->v[m->deps[k]].users == 0)
				ready[n++] = m->deps[k];
	}
	return rank == d->n ? 0 : cycle(d, err);
}

int depmod_read(struct depmod *d, const struct tree_node *dir, struct error *err)
{
	int r = find_below(d, dir, "", 0, err);

	if (r < 0 || !d->n)
		return r;
	qsort(d->v, d->n, sizeof(*d->v), by_name);
	drop_doubles(d);
	r = read_order(d, err);
	qsort(d->v, d->n, sizeof(*d->v), by_order);
	if (r == 0)
		r = read_modules(d, err);
	if (r == 0)
		r = collect_symbols(d, err);
	if (r == 0)
		r = find_direct(d, err);
	return r < 0 ? r : rank_all(d, err);
}
