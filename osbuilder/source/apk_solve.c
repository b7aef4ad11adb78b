/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packages are needed. Greedy, without going back on a choice; the result is checked as a whole at the end, so a set
 * that does not fit is refused, never returned.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "source/apk.h"

/* A name that can be depended on: the package's own or one that it provides. Sorted by name. */
struct provide {
	const char *name, *version; /* version NULL: without one */
	size_t pkg;
	bool own;
};

struct solver {
	const struct apk_index *x;
	struct provide *v;
	size_t n, cap;
	struct strv words; /* owns names and versions of provides */
	bool *chosen;	   /* one a package of the index */
	const struct strv *wanted;
	size_t *queue, n_queue;
};

static void solver_release(struct solver *s)
{
	free(s->v);
	free(s->chosen);
	free(s->queue);
	strv_release(&s->words);
}

/* The next word of a list, or NULL. */
static const char *next_word(const char **text, size_t *ret_len)
{
	const char *w = *text + strspn(*text, " \t");

	*ret_len = strcspn(w, " \t");
	*text = w + *ret_len;
	return *ret_len ? w : NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct provide *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : x->pkg < y->pkg ? -1 : x->pkg > y->pkg;
}

static int add_provide(struct solver *s, const char *name, const char *version, size_t pkg,
		       bool own)
{
	if (array_reserve(&s->v, &s->cap, s->n + 1, sizeof(*s->v)) < 0)
		return -ENOMEM;
	s->v[s->n++] = (struct provide){ name, version, pkg, own };
	return 0;
}

static int add_provides(struct solver *s, size_t pkg, struct error *err)
{
	const struct apk_package *p = &s->x->v[pkg];
	const char *text = p->provides, *w;
	struct apk_dep d;
	size_t len;

	if (add_provide(s, p->name, p->version, pkg, true) < 0)
		return error_oom(err);
	while ((w = next_word(&text, &len))) {
		bool has_version = apk_dep_parse(w, len, &d, NULL) == 0 && d.op == APK_OP_EQ;

		/* A version that cannot be read is none: what asks for one is then refused. */
		if (!*d.name || d.conflict)
			continue;
		if (strv_add(&s->words, d.name) < 0 || strv_add(&s->words, d.version) < 0 ||
		    add_provide(s, s->words.v[s->words.n - 2],
				has_version ? s->words.v[s->words.n - 1] : NULL, pkg, false) < 0)
			return error_oom(err);
	}
	return 0;
}

/* First entry of a name; *ret_n of them. */
static const struct provide *find_name(const struct solver *s, const char *name, size_t *ret_n)
{
	size_t lo = 0, hi = s->n, end;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(s->v[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (end = lo; end < s->n && str_eq(s->v[end].name, name); end++)
		;
	*ret_n = end - lo;
	return s->v + lo;
}

static bool satisfied(const struct solver *s, const struct apk_dep *d)
{
	size_t n;
	const struct provide *p = find_name(s, d->name, &n);

	for (size_t i = 0; i < n; i++)
		if (s->chosen[p[i].pkg] && apk_dep_matches(d, p[i].version))
			return true;
	return false;
}

/* <0: a is the worse choice, 0: neither, of different packages. */
static int compare_choice(const struct solver *s, const struct provide *a, const struct provide *b)
{
	const struct apk_package *x = &s->x->v[a->pkg], *y = &s->x->v[b->pkg];
	int c;

	if (a->own != b->own)
		return a->own ? 1 : -1;
	if (!str_eq(x->name, y->name))
		return x->priority < y->priority ? -1 : x->priority > y->priority;
	c = apk_version_cmp(x->version, y->version, false);
	return c ? c : 1; /* the same version twice: the repository that was named first */
}

static int no_provider(const struct solver *s, const struct apk_dep *d, size_t n, const char *who,
		       struct error *err)
{
	const char *lt = d->op & APK_OP_LT ? "<" : "", *gt = d->op & APK_OP_GT ? ">" : "";
	const char *eq = d->op & APK_OP_FUZZY ? "~" : d->op & APK_OP_EQ ? "=" : "";

	return error_set(err, -ENOENT, "%s needs '%s%s%s%s%s', which %s", who, d->name, lt, gt, eq,
			 d->version,
			 n ? "the repositories have in other versions only" : "no repository has");
}

/* The package for a dependency that nothing chosen so far satisfies. */
static int choose(struct solver *s, const struct apk_dep *d, const char *who, struct error *err)
{
	const struct provide *best = NULL;
	size_t n, same;
	const struct provide *p = find_name(s, d->name, &n), *q;

	for (size_t i = 0; i < n; i++) {
		if (apk_dep_matches(d, p[i].version) &&
		    (!best || compare_choice(s, best, &p[i]) < 0))
			best = &p[i];
	}
	if (!best)
		return no_provider(s, d, n, who, err);
	for (size_t i = 0; i < n; i++)
		if (apk_dep_matches(d, p[i].version) && compare_choice(s, best, &p[i]) == 0)
			return error_set(
				err, -EINVAL,
				"%s needs '%s', which %s and %s provide: name one in 'packages'",
				who, d->name, s->x->v[best->pkg].name, s->x->v[p[i].pkg].name);
	q = find_name(s, s->x->v[best->pkg].name, &same);
	for (size_t i = 0; i < same; i++)
		if (q[i].own && s->chosen[q[i].pkg])
			return error_set(err, -EINVAL,
					 "%s needs '%s' from %s-%s, but %s-%s is already chosen",
					 who, d->name, s->x->v[best->pkg].name,
					 s->x->v[best->pkg].version, s->x->v[q[i].pkg].name,
					 s->x->v[q[i].pkg].version);
	s->chosen[best->pkg] = true;
	s->queue[s->n_queue++] = best->pkg;
	return 0;
}

static int need(struct solver *s, const char *word, size_t len, const char *who, struct error *err)
{
	struct apk_dep d;
	int r = apk_dep_parse(word, len, &d, err);

	if (r < 0)
		return error_prefix(err, "%s", who);
	return d.conflict || satisfied(s, &d) ? 0 : choose(s, &d, who, err);
}

static int need_all(struct solver *s, size_t pkg, struct error *err)
{
	const char *text = s->x->v[pkg].depends, *w;
	size_t len;
	int r = 0;

	while (r == 0 && (w = next_word(&text, &len)))
		r = need(s, w, len, s->x->v[pkg].name, err);
	return r;
}

/* Does a list of dependencies forbid this package? */
static bool forbids(const struct solver *s, const char *text, size_t pkg)
{
	const struct apk_package *p = &s->x->v[pkg];
	const char *w;
	struct apk_dep d;
	size_t len;

	while ((w = next_word(&text, &len)))
		if (apk_dep_parse(w, len, &d, NULL) == 0 && d.conflict && str_eq(d.name, p->name) &&
		    apk_dep_matches(&d, p->version))
			return true;
	return false;
}

/* All that install_if names is chosen, and nothing speaks against it. */
static bool comes_along(const struct solver *s, size_t pkg)
{
	const char *text = s->x->v[pkg].install_if, *w;
	struct apk_dep d;
	size_t len, n = 0;

	for (; (w = next_word(&text, &len)); n++)
		if (apk_dep_parse(w, len, &d, NULL) < 0 || satisfied(s, &d) == d.conflict)
			return false;
	for (size_t i = 0; n && i < s->wanted->n; i++)
		if (forbids(s, s->wanted->v[i], pkg))
			return false;
	for (size_t i = 0; n && i < s->n_queue; i++)
		if (forbids(s, s->x->v[s->queue[i]].depends, pkg))
			return false;
	return n > 0;
}

/* Is another version of it there, or a better one that comes along, too? */
static bool has_better(const struct solver *s, size_t pkg)
{
	size_t n;
	const struct provide *q = find_name(s, s->x->v[pkg].name, &n), *self = q;

	while (self->pkg != pkg || !self->own)
		self++;
	for (size_t i = 0; i < n; i++)
		if (q[i].own && q[i].pkg != pkg &&
		    (s->chosen[q[i].pkg] ||
		     (comes_along(s, q[i].pkg) && compare_choice(s, self, &q[i]) < 0)))
			return true;
	return false;
}

static void add_along(struct solver *s)
{
	for (size_t i = 0; i < s->x->n; i++)
		if (*s->x->v[i].install_if && !s->chosen[i] && comes_along(s, i) &&
		    !has_better(s, i)) {
			s->chosen[i] = true;
			s->queue[s->n_queue++] = i;
		}
}

/* What is chosen needs more, and brings more along. */
static int choose_all(struct solver *s, struct error *err)
{
	size_t done = 0;
	int r = 0;

	while (r == 0 && done < s->n_queue) {
		for (; r == 0 && done < s->n_queue; done++)
			r = need_all(s, s->queue[done], err);
		if (r == 0)
			add_along(s);
	}
	return r;
}

/* Every dependency and conflict once more, now that all is chosen. */
static int check_all(const struct solver *s, size_t pkg, struct error *err)
{
	const struct apk_package *p = &s->x->v[pkg];
	const char *text = p->depends, *w;
	size_t len, n;

	while ((w = next_word(&text, &len))) {
		const struct provide *q;
		struct apk_dep d;

		if (apk_dep_parse(w, len, &d, err) < 0)
			return error_prefix(err, "%s", p->name);
		if (!d.conflict && !satisfied(s, &d))
			return no_provider(s, &d, 1, p->name, err);
		q = find_name(s, d.name, &n);
		for (size_t i = 0; d.conflict && i < n; i++)
			if (s->chosen[q[i].pkg] && q[i].pkg != pkg &&
			    apk_dep_matches(&d, q[i].version))
				return error_set(err, -EINVAL, "%s conflicts with %s-%s", p->name,
						 s->x->v[q[i].pkg].name, s->x->v[q[i].pkg].version);
	}
	return 0;
}

static int prepare(struct solver *s, struct error *err)
{
	int r = 0;

	s->chosen = new0_array(bool, s->x->n);
	s->queue = new0_array(size_t, s->x->n);
	if (!s->chosen || !s->queue)
		return error_oom(err);
	for (size_t i = 0; r == 0 && i < s->x->n; i++)
		r = add_provides(s, i, err);
	if (r == 0 && s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_name);
	return r;
}

/* The chosen ones in the order of their names. */
static int collect(const struct solver *s, size_t **ret, size_t *ret_n)
{
	size_t *v = new0_array(size_t, s->n_queue), n = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].own && s->chosen[s->v[i].pkg])
			v[n++] = s->v[i].pkg;
	*ret = v;
	*ret_n = n;
	return 0;
}

int apk_solve(const struct apk_index *x, const struct strv *wanted, size_t **ret, size_t *ret_n,
	      struct error *err)
{
	_cleanup_(
		solver_release) struct solver s = { .x = x, .wanted = wanted, .words = STRV_INIT };
	int r = prepare(&s, err);

	for (size_t i = 0; r == 0 && i < wanted->n; i++)
		r = need(&s, wanted->v[i], strlen(wanted->v[i]), "the recipe", err);
	if (r == 0)
		r = choose_all(&s, err);
	for (size_t i = 0; r == 0 && i < s.n_queue; i++)
		r = check_all(&s, s.queue[i], err);
	for (size_t i = 0; r == 0 && i < s.n_queue; i++)
		for (size_t k = 0; r == 0 && k < wanted->n; k++)
			if (forbids(&s, wanted->v[k], s.queue[i]))
				r = error_set(err, -EINVAL,
					      "the recipe wants '%s', but %s is needed",
					      wanted->v[k], x->v[s.queue[i]].name);
	if (r == 0 && s.n_queue > SOURCE_PACKAGES_MAX)
		r = error_set(err, -E2BIG, "more than %d packages", SOURCE_PACKAGES_MAX);
	if (r == 0 && collect(&s, ret, ret_n) < 0)
		r = error_oom(err);
	return r;
}
