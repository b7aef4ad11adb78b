/* SPDX-License-Identifier: Apache-2.0 */
#include "source/lock.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "source/package.h"

static void package_release(struct lock_package *p)
{
	free(p->name);
	free(p->version);
	free(p->arch);
	free(p->path);
	free(p->uri);
}

void lock_packages_release(struct lock_packages *p)
{
	for (size_t i = 0; i < p->n; i++)
		package_release(&p->v[i]);
	free(p->v);
	*p = (struct lock_packages){ 0 };
}

struct lock_package *lock_packages_add(struct lock_packages *p)
{
	if (array_reserve(&p->v, &p->cap, p->n + 1, sizeof(*p->v)) < 0)
		return NULL;
	p->v[p->n] = (struct lock_package){ 0 };
	return &p->v[p->n++];
}

static int by_name(const void *a, const void *b)
{
	const struct lock_package *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : strcmp(x->arch, y->arch);
}

void lock_packages_sort(struct lock_packages *p)
{
	if (p->n)
		qsort(p->v, p->n, sizeof(*p->v), by_name);
}

void lock_release(struct lock *l)
{
	for (size_t i = 0; i < l->n; i++) {
		strv_release(&l->sources[i].suites);
		strv_release(&l->sources[i].components);
		strv_release(&l->sources[i].packages);
		lock_packages_release(&l->sources[i].resolved);
	}
	free(l->sources);
	free(l->file);
	free(l->recipe);
	free(l->arch);
	*l = (struct lock){ 0 };
}

char *lock_file_name(const char *arch, const char *variant)
{
	return str_printf("lock-%s%s%s.toml", arch, variant ? "-" : "", variant ? variant : "");
}

bool lock_wants(const struct source_spec *s)
{
	return package_find(s->type) != NULL;
}

static int copy_strv(struct strv *to, const struct strv *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (strv_add(to, from->v[i]) < 0)
			return -ENOMEM;
	return 0;
}

struct lock_source *lock_add_source(struct lock *l, const struct source_spec *s)
{
	struct lock_source *d;

	if (array_reserve(&l->sources, &l->cap, l->n + 1, sizeof(*l->sources)) < 0)
		return NULL;
	d = &l->sources[l->n++];
	*d = (struct lock_source){ 0 };
	if (s && (copy_strv(&d->suites, &s->suites) < 0 ||
		  copy_strv(&d->components, &s->components) < 0 ||
		  copy_strv(&d->packages, &s->packages) < 0))
		return NULL;
	return d;
}

static int put_words(struct strbuf *out, const char *key, const struct strv *sv)
{
	int r = strbuf_addf(out, "%s = [", key);

	for (size_t i = 0; i < sv->n; i++)
		r |= strbuf_addf(out, "%s\"%s\"", i ? ", " : "", sv->v[i]);
	return r | strbuf_addstr(out, "]\n");
}

/* Nothing in it needs quoting: the recipe's reader and apt_parse_uris() let no such characters in. */
int lock_to_toml(const struct lock *l, struct strbuf *out, struct error *err)
{
	int r = strbuf_addf(out,
			    "# Made by osbuilder lock; made anew by it, not by hand.\n"
			    "format = %d\nrecipe = \"%s\"\narchitecture = \"%s\"\n",
			    LOCK_FORMAT, l->recipe, l->arch);

	for (size_t i = 0; i < l->n; i++) {
		const struct lock_source *s = &l->sources[i];

		r |= strbuf_addstr(out, "\n[[source]]\n");
		r |= put_words(out, "suites", &s->suites);
		r |= put_words(out, "components", &s->components);
		r |= put_words(out, "packages", &s->packages);
		r |= strbuf_addstr(out, "resolved = [\n");
		for (size_t k = 0; k < s->resolved.n; k++) {
			const struct lock_package *p = &s->resolved.v[k];

			if (!p->path)
				return error_set(
					err, -ENOTSUP,
					"package %s cannot be locked: '%s' is below no mirror",
					p->name, p->uri);
			r |= strbuf_addf(
				out,
				"\t{ name = \"%s\", version = \"%s\", architecture = \"%s\", "
				"size = %llu, sha256 = \"%s\", path = \"%s\" },\n",
				p->name, p->version, p->arch, (unsigned long long)p->size,
				p->sha256, p->path);
		}
		r |= strbuf_addstr(out, "]\n");
	}
	return r ? error_oom(err) : 0;
}

/* What is in one list and not in the other, as text: "+strace -bash". */
static int put_differences(struct strbuf *out, const struct strv *now, const struct strv *locked)
{
	int r = 0;

	for (size_t i = 0; i < now->n; i++)
		if (!strv_has(locked, now->v[i]))
			r |= strbuf_addf(out, " +%s", now->v[i]);
	for (size_t i = 0; i < locked->n; i++)
		if (!strv_has(now, locked->v[i]))
			r |= strbuf_addf(out, " -%s", locked->v[i]);
	return r;
}

int lock_check(const struct lock *l, const struct lock_source *ls, const struct source_spec *s,
	       struct error *err)
{
	_cleanup_strbuf_ struct strbuf what = STRBUF_INIT;
	int r = put_differences(&what, &s->suites, &ls->suites);

	r |= put_differences(&what, &s->components, &ls->components);
	r |= put_differences(&what, &s->packages, &ls->packages);
	if (r)
		return error_oom(err);
	if (!what.len)
		return 0;
	return error_set(err, -ESTALE,
			 "the recipe asks for something else than '%s' was made for:%.600s "
			 "(make it again by osbuilder lock)",
			 l->file, what.buf);
}
