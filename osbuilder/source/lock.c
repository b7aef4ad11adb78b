/* SPDX-License-Identifier: Apache-2.0 */
#include "source/lock.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define NAMES_IN_ERROR 8 /* packages that one message lists */

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

int lock_packages_missing(const struct lock_package *const *want, const bool *done, size_t n,
			  const char *why, struct error *err)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
	size_t missing = 0;

	for (size_t i = 0; i < n; i++) {
		if (done[i])
			continue;
		if (missing++ < NAMES_IN_ERROR &&
		    strbuf_addf(&names, "%s%s %s %s", missing > 1 ? ", " : "", want[i]->name,
				want[i]->version, want[i]->arch) < 0)
			return error_oom(err);
	}
	if (!missing)
		return 0;
	return error_set(err, -ESTALE, "%zu package%s cannot be had as wanted: %s%s (%s)", missing,
			 missing == 1 ? "" : "s", names.buf,
			 missing > NAMES_IN_ERROR ? ", ..." : "",
			 why ? why : "other content is offered");
}

static void source_release(struct lock_source *s)
{
	free(s->type);
	strv_release(&s->suites);
	strv_release(&s->components);
	strv_release(&s->repositories);
	strv_release(&s->packages);
	free(s->release);
	free(s->path);
	free(s->reference);
	lock_packages_release(&s->resolved);
	free(s->digest);
}

void lock_release(struct lock *l)
{
	for (size_t i = 0; i < l->n; i++) {
		source_release(&l->sources[i]);
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
	const struct source_ops *ops = source_find(s->type);

	return ops && ops->lock;
}

static int copy_strv(struct strv *to, const struct strv *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (strv_add(to, from->v[i]) < 0)
			return -ENOMEM;
	return 0;
}

static int copy_text(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from ? 0 : -ENOMEM;
}

struct lock_source *lock_add_source(struct lock *l, const struct source_spec *s)
{
	struct lock_source *d;

	if (array_reserve(&l->sources, &l->cap, l->n + 1, sizeof(*l->sources)) < 0)
		return NULL;
	d = &l->sources[l->n++];
	*d = (struct lock_source){ 0 };
	if (s &&
	    (copy_text(&d->type, s->type) < 0 || copy_strv(&d->suites, &s->suites) < 0 ||
	     copy_strv(&d->components, &s->components) < 0 ||
	     copy_strv(&d->repositories, &s->repositories) < 0 ||
	     copy_strv(&d->packages, &s->packages) < 0 || copy_text(&d->release, s->release) < 0 ||
	     copy_text(&d->path, s->path) < 0 || copy_text(&d->reference, s->reference) < 0))
		return NULL;
	return d;
}

/* Kinds of sources do not have all of them. */
static int put_words(struct strbuf *out, const char *key, const struct strv *sv)
{
	int r = sv->n ? strbuf_addf(out, "%s = [", key) : 0;

	for (size_t i = 0; i < sv->n; i++)
		r |= strbuf_addf(out, "%s\"%s\"", i ? ", " : "", sv->v[i]);
	return sv->n ? r | strbuf_addstr(out, "]\n") : r;
}

static int put_text(struct strbuf *out, const char *key, const char *text)
{
	return text ? strbuf_addf(out, "%s = \"%s\"\n", key, text) : 0;
}

static int put_resolved(struct strbuf *out, const struct lock_packages *all, struct error *err)
{
	int r = strbuf_addstr(out, "resolved = [\n");

	for (size_t k = 0; k < all->n; k++) {
		const struct lock_package *p = &all->v[k];

		if (!p->path)
			return error_set(err, -ENOTSUP,
					 "package %s cannot be locked: '%s' is below no mirror",
					 p->name, p->uri);
		r |= strbuf_addf(out,
				 "\t{ name = \"%s\", version = \"%s\", architecture = \"%s\", "
				 "size = %llu, sha256 = \"%s\", path = \"%s\" },\n",
				 p->name, p->version, p->arch, (unsigned long long)p->size,
				 p->sha256, p->path);
	}
	r |= strbuf_addstr(out, "]\n");
	return r ? error_oom(err) : 0;
}

/* Nothing is quoted: who writes a lock file reads it again before it counts, and the reader takes no characters that would need it. */
int lock_to_toml(const struct lock *l, struct strbuf *out, struct error *err)
{
	int r = strbuf_addf(out,
			    "# Made by osbuilder lock; made anew by it, not by hand.\n"
			    "format = %d\nrecipe = \"%s\"\narchitecture = \"%s\"\n",
			    LOCK_FORMAT, l->recipe, l->arch);

	for (size_t i = 0; i < l->n; i++) {
		const struct lock_source *s = &l->sources[i];

		r |= strbuf_addstr(out, "\n[[source]]\n");
		r |= put_text(out, "type", s->type);
		r |= put_words(out, "suites", &s->suites);
		r |= put_words(out, "components", &s->components);
		r |= put_words(out, "repositories", &s->repositories);
		r |= put_text(out, "release", s->release);
		r |= put_words(out, "packages", &s->packages);
		r |= put_text(out, "path", s->path);
		r |= put_text(out, "reference", s->reference);
		r |= put_text(out, "digest", s->digest);
		if (r)
			break;
		r = s->digest ? 0 : put_resolved(out, &s->resolved, err);
		if (r < 0)
			return r;
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

static int put_difference(struct strbuf *out, const char *now, const char *locked)
{
	int r = 0;

	if (str_eq(now, locked) || (!now && !locked))
		return 0;
	r |= now ? strbuf_addf(out, " +%s", now) : 0;
	return locked ? r | strbuf_addf(out, " -%s", locked) : r;
}

int lock_check(const struct lock *l, const struct lock_source *ls, const struct source_spec *s,
	       struct error *err)
{
	_cleanup_strbuf_ struct strbuf what = STRBUF_INIT;
	int r = put_difference(&what, s->type, ls->type);

	r |= put_differences(&what, &s->suites, &ls->suites);
	r |= put_differences(&what, &s->components, &ls->components);
	r |= put_differences(&what, &s->repositories, &ls->repositories);
	r |= put_difference(&what, s->release, ls->release);
	r |= put_differences(&what, &s->packages, &ls->packages);
	r |= put_difference(&what, s->path, ls->path);
	r |= put_difference(&what, s->reference, ls->reference);
	if (r)
		return error_oom(err);
	if (!what.len)
		return 0;
	return error_set(err, -ESTALE,
			 "the recipe asks for something else than '%s' was made for:%.600s",
			 l->file, what.buf);
}

static int put_moved(struct strbuf *out, char sign, const struct lock_package *p, bool with_hash)
{
	return strbuf_addf(out, "%c %s %s %s%s%s\n", sign, p->name, p->version, p->arch,
			   with_hash ? " sha256:" : "", with_hash ? p->sha256 : "");
}

/* Both are sorted by name and architecture. */
static int packages_moved(const struct lock_packages *from, const struct lock_packages *to,
			  struct strbuf *out)
{
	size_t i = 0, k = 0;
	int r = 0;

	while (r == 0 && (i < from->n || k < to->n)) {
		const struct lock_package *a = i < from->n ? &from->v[i] : NULL;
		const struct lock_package *b = k < to->n ? &to->v[k] : NULL;
		int c = !a ? 1 : !b ? -1 : by_name(a, b);
		bool same = c == 0 && str_eq(a->version, b->version);
		bool moved = c != 0 || !str_eq(a->sha256, b->sha256);

		if (a && c <= 0 && moved)
			r = put_moved(out, '-', a, same);
		if (r == 0 && b && c >= 0 && moved)
			r = put_moved(out, '+', b, same);
		i += c <= 0;
		k += c >= 0;
	}
	return r;
}

int lock_moved(const struct lock *from, const struct lock *to, struct strbuf *out)
{
	static const struct lock_source none = { 0 };
	const size_t n = from->n > to->n ? from->n : to->n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct lock_source *a = i < from->n ? &from->sources[i] : &none;
		const struct lock_source *b = i < to->n ? &to->sources[i] : &none;

		r = packages_moved(&a->resolved, &b->resolved, out);
		if (r < 0 || str_eq(a->digest, b->digest))
			continue;
		if (a->digest)
			r = strbuf_addf(out, "- %s %s\n", a->path, a->digest);
		if (r == 0 && b->digest)
			r = strbuf_addf(out, "+ %s %s\n", b->path, b->digest);
	}
	return r;
}
