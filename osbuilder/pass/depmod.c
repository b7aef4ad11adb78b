/* SPDX-License-Identifier: Apache-2.0 */
/* What depmod(8) does for each /lib/modules/VERSION: which module needs which others, and the indexes that modprobe reads. */
#include "pass/depmod.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "pass/module_index.h"
#include "pass/pass.h"
#include "pass/text.h"

/* A module that another needs. */
struct needed {
	size_t rank, index;
};

static int by_rank(const void *a, const void *b)
{
	const struct needed *x = a, *y = b;

	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/*
 * "PATH: NEEDED..." with all that is needed, what needs others in front of them: modprobe loads from the end. `deps` has room for all
 * modules.
 */
static int add_dep_line(struct depmod *d, size_t at, struct needed *deps, struct strbuf *line)
{
	size_t n = 1;
	int k;

	deps[0] = (struct needed){ 0, at };
	d->v[at].seen = at + 1;
	for (size_t i = 0; i < n; i++) {
		const struct module *m = &d->v[deps[i].index];

		for (size_t j = 0; j < m->n_deps; j++) {
			struct module *to = &d->v[m->deps[j]];

			if (to->seen == at + 1)
				continue;
			to->seen = at + 1;
			deps[n++] = (struct needed){ to->rank, m->deps[j] };
		}
	}
	qsort(deps + 1, n - 1, sizeof(*deps), by_rank);
	strbuf_reset(line);
	k = strbuf_addf(line, "%s:", d->v[at].path);
	for (size_t i = 1; k == 0 && i < n; i++)
		k = strbuf_addf(line, " %s", d->v[deps[i].index].path);
	return k;
}

static int put_text(struct depmod *d, const char *name, const struct strbuf *text,
		    struct error *err)
{
	_cleanup_free_ char *path = depmod_path(d, name);

	return path ? pass_write_text(d->t, path, text, err) : error_oom(err);
}

static int put_index(struct depmod *d, const char *name, struct module_index *ix, struct error *err)
{
	_cleanup_strbuf_ struct strbuf bytes = STRBUF_INIT;
	int r = module_index_write(ix, &bytes, err);

	return r < 0 ? r : put_text(d, name, &bytes, err);
}

static int write_deps(struct depmod *d, struct error *err)
{
	_cleanup_(module_index_release) struct module_index ix = { 0 };
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, line = STRBUF_INIT;
	_cleanup_free_ struct needed *deps = new0_array(struct needed, d->n);
	int r = deps ? 0 : error_oom(err);

	for (size_t i = 0; r == 0 && i < d->n; i++) {
		if (add_dep_line(d, i, deps, &line) < 0 ||
		    strbuf_addf(&text, "%s\n", line.buf) < 0 ||
		    module_index_add(&ix, d->v[i].name, line.buf, (uint32_t)i) < 0)
			r = error_oom(err);
	}
	if (r == 0)
		r = put_text(d, "modules.dep", &text, err);
	return r < 0 ? r : put_index(d, "modules.dep.bin", &ix, err);
}

/* '-' is '_' outside of brackets, as modprobe looks for it. false: brackets do not fit. */
static bool normalize_alias(char *alias)
{
	for (char *p = alias; *p; p++) {
		if (*p == '-')
			*p = '_';
		if (*p == ']')
			return false;
		if (*p == '[') {
			p = strchr(p, ']');
			if (!p)
				return false;
		}
	}
	return true;
}

static int add_alias(struct module_index *ix, const char *alias, const char *name,
		     uint32_t priority)
{
	_cleanup_free_ char *key = strdup(alias);

	if (!key)
		return -ENOMEM;
	return normalize_alias(key) ? module_index_add(ix, key, name, priority) : 0;
}

/* devname:NAME together with char-major-M-N makes a line of modules.devname. */
static int add_devname(struct strbuf *out, const struct module *m)
{
	const char *name = NULL;
	unsigned m1, m2, major = 0, minor = 0;
	char type = '\0';

	for (size_t i = 0; i < m->elf.info.n; i++) {
		const char *alias = str_after(m->elf.info.v[i], "alias=");

		if (!alias)
			continue;
		if (str_after(alias, "devname:"))
			name = str_after(alias, "devname:");
		else if (sscanf(alias, "char-major-%u-%u", &m1, &m2) == 2)
			type = 'c', major = m1, minor = m2;
		else if (sscanf(alias, "block-major-%u-%u", &m1, &m2) == 2)
			type = 'b', major = m1, minor = m2;
	}
	if (!name || !type)
		return 0;
	return strbuf_addf(out, "%s %s %c%u:%u\n", m->name, name, type, major, minor);
}

static int write_aliases(struct depmod *d, struct error *err)
{
	_cleanup_strbuf_ struct strbuf aliases = STRBUF_INIT, soft = STRBUF_INIT, dev = STRBUF_INIT;
	_cleanup_(module_index_release) struct module_index ix = { 0 };
	int k = strbuf_addstr(&aliases, "# Aliases extracted from modules themselves.\n"), r;

	k |= strbuf_addstr(&soft, "# Soft dependencies extracted from modules themselves.\n");
	k |= strbuf_addstr(&dev, "# Device nodes to trigger on-demand module loading.\n");
	for (size_t i = 0; k == 0 && i < d->n; i++) {
		const struct module *m = &d->v[i];

		for (size_t j = 0; k == 0 && j < m->elf.info.n; j++) {
			const char *alias = str_after(m->elf.info.v[j], "alias=");
			const char *needs = str_after(m->elf.info.v[j], "softdep=");

			if (alias)
				k = strbuf_addf(&aliases, "alias %s %s\n", alias, m->name);
			if (k == 0 && alias)
				k = add_alias(&ix, alias, m->name, (uint32_t)i);
			if (k == 0 && needs)
				k = strbuf_addf(&soft, "softdep %s %s\n", m->name, needs);
		}
		if (k == 0)
			k = add_devname(&dev, m);
	}
	if (k)
		return error_oom(err);
	r = put_text(d, "modules.alias", &aliases, err);
	if (r == 0)
		r = put_index(d, "modules.alias.bin", &ix, err);
	if (r == 0)
		r = put_text(d, "modules.softdep", &soft, err);
	return r < 0 ? r : put_text(d, "modules.devname", &dev, err);
}

static int write_symbols(struct depmod *d, struct error *err)
{
	_cleanup_(module_index_release) struct module_index ix = { 0 };
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int k = strbuf_addstr(&text, "# Aliases for symbols, used by symbol_request().\n"), r;

	for (size_t i = 0; k == 0 && i < d->n_symbols; i++) {
		const char *name = d->v[d->symbols[i].module].name;
		_cleanup_free_ char *key = str_printf("symbol:%s", d->symbols[i].name);

		if (!key)
			return error_oom(err);
		k = strbuf_addf(&text, "alias %s %s\n", key, name);
		if (k == 0)
			k = module_index_add(&ix, key, name, (uint32_t)d->symbols[i].module);
	}
	if (k)
		return error_oom(err);
	r = put_text(d, "modules.symbols", &text, err);
	return r < 0 ? r : put_index(d, "modules.symbols.bin", &ix, err);
}

/* What the kernel has built in is in its own lists, which stay; modprobe wants indexes of them. */
static int write_builtin(struct depmod *d, struct error *err)
{
	_cleanup_(module_index_release) struct module_index names = { 0 }, aliases = { 0 };
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char *next, *line;
	int r = depmod_read_file(d, "modules.builtin", &text, err), k = 0;

	next = text.buf;
	while (r > 0 && k == 0 && (line = pass_next_line(&next))) {
		_cleanup_free_ char *name = depmod_module_name(line);

		k = name ? module_index_add(&names, name, "", 0) : -ENOMEM;
	}
	if (r >= 0 && k == 0)
		r = depmod_read_file(d, "modules.builtin.modinfo", &text, err);
	/* "NAME.alias=VALUE", each ended by NUL */
	for (size_t i = 0; r > 0 && k == 0 && i < text.len; i += strlen(text.buf + i) + 1) {
		const char *alias = strstr(text.buf + i, ".alias=");
		_cleanup_free_ char *name = alias ? depmod_module_name(text.buf + i) : NULL;

		if (alias)
			k = name ? add_alias(&aliases, alias + strlen(".alias="), name, 0)
				 : -ENOMEM;
	}
	if (r < 0 || k < 0)
		return r < 0 ? r : error_oom(err);
	r = put_index(d, "modules.builtin.bin", &names, err);
	return r < 0 ? r : put_index(d, "modules.builtin.alias.bin", &aliases, err);
}

static int run(struct depmod *d, const struct tree_node *dir, struct error *err)
{
	int r = depmod_read(d, dir, err);

	if (r < 0 || !d->n)
		return r;
	r = write_deps(d, err);
	if (r == 0)
		r = write_aliases(d, err);
	if (r == 0)
		r = write_symbols(d, err);
	return r < 0 ? r : write_builtin(d, err);
}

int pass_depmod(struct tree *t, struct error *err)
{
	struct tree_node *top = tree_resolve(t, "/lib/modules");
	int r = 0;

	for (size_t i = 0; r == 0 && top && i < top->n_children; i++) {
		struct tree_node *dir = top->children[i];
		_cleanup_(depmod_release) struct depmod d = { .t = t, .version = dir->name };

		if (tree_is_dir(dir))
			r = run(&d, dir, err);
	}
	return r;
}
