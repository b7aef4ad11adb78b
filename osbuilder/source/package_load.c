/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "hint.h"
#include "source/package.h"
#include "source/unpacked.h"

#define THREADS_MAX 8
#define ROUNDS_MAX  3 /* of fetching what the cache lacks or has damaged */

/* One package file, read by one of the threads. */
struct job {
	const struct lock_package *p;
	struct layer layer;
	struct source_package_info info;
	int fd;		    /* the file that has the contents */
	bool done, damaged; /* read; the cached file is not what it should be */
	bool made;	    /* its unpacked form was put into the cache */
	bool bad_copy;	    /* what the cache had unpacked is damaged, as `why` says */
	struct error why;
	int r;
	struct error err;
};

struct pool {
	const struct package_ops *ops;
	const struct source_env *env;
	struct store store;
	struct unpacked unpacked;
	struct job *jobs; /* in the order of the list */
	size_t n;
	struct job **order; /* what is to be read, the largest first */
	size_t n_order;
	size_t next; /* atomic */
};

static void pool_release(struct pool *p)
{
	for (size_t i = 0; p->jobs && i < p->n; i++) {
		layer_release(&p->jobs[i].layer);
		fd_close(p->jobs[i].fd);
	}
	free(p->jobs);
	free(p->order);
	store_release(&p->store);
	unpacked_release(&p->unpacked);
}

/* All but what the recipe leaves out. */
static int pool_fill(struct pool *p, const struct source_spec *s,
		     const struct lock_packages *packages, struct error *err)
{
	p->jobs = new0_array(struct job, packages->n);
	p->order = new0_array(struct job *, packages->n);
	if (!p->jobs || !p->order)
		return error_oom(err);
	for (size_t i = 0; i < packages->n; i++) {
		if (strv_has(&s->omit, packages->v[i].name))
			continue;
		p->jobs[p->n].fd = -1;
		p->jobs[p->n++].p = &packages->v[i];
	}
	unpacked_open(&p->unpacked, p->env->cache_dir, p->env->arch);
	return store_open(&p->store, p->env->cache_dir, err);
}

/* Unpacks into a new file of the cache. -ENOSPC and the like are no reason to fail: *ret_elsewhere then. */
static int unpack_to_cache(struct pool *p, struct job *j, const struct store_map *map,
			   struct layer_spool *spool, bool *ret_elsewhere)
{
	_cleanup_file_out_ struct file_out out = FILE_OUT_INIT;
	struct error ignored = ERROR_INIT;
	int r;

	*ret_elsewhere = unpacked_create(&p->unpacked, j->p->sha256, &out, &ignored) < 0;
	if (*ret_elsewhere)
		return 0;
	layer_spool_to(spool, out.fd, UNPACKED_HEADER);
	r = p->ops->read(&j->layer, spool, map->data, map->len, p->env->arch, &j->info, &j->err);
	if (r < 0) {
		*ret_elsewhere = spool->failed;
		layer_release(&j->layer);
		return r;
	}
	j->made = unpacked_finish(&out, j->p->sha256, &j->layer, spool, &j->info, &j->fd,
				  &ignored) == 0;
	return 0;
}

static int unpack_to_spool(struct pool *p, struct job *j, const struct store_map *map,
			   struct layer_spool *spool)
{
	j->fd = tree_spool_file();
	if (j->fd < 0)
		return error_sys(&j->err, j->fd,
				 "cannot make a temporary file for unpacked content");
	layer_spool_to(spool, j->fd, 0);
	return p->ops->read(&j->layer, spool, map->data, map->len, p->env->arch, &j->info, &j->err);
}

static int read_job(struct pool *p, struct job *j, struct layer_spool *spool)
{
	struct store_map map = STORE_MAP_INIT;
	bool elsewhere = false;
	int r = unpacked_read(&p->unpacked, j->p->sha256, &j->layer, &j->info, &j->fd, &j->why);

	if (r == 0)
		return 0;
	j->bad_copy = r == -EBADMSG;
	r = store_map(&p->store, j->p->sha256, j->p->size, &map, &j->err);
	if (r < 0) {
		j->damaged = r == -EBADMSG || r == -ENOENT;
		return r;
	}
	r = unpack_to_cache(p, j, &map, spool, &elsewhere);
	if (elsewhere)
		r = unpack_to_spool(p, j, &map, spool);
	store_unmap(&map);
	return r;
}

struct worker {
	struct pool *pool;
	struct layer_spool spool;
	pthread_t id;
	bool started;
};

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	size_t i;

	while ((i = __atomic_fetch_add(&w->pool->next, 1, __ATOMIC_RELAXED)) < w->pool->n_order) {
		struct job *j = w->pool->order[i];

		j->r = read_job(w->pool, j, &w->spool);
		j->done = j->r == 0;
		if (j->done)
			progress_add(w->pool->env->progress, PROGRESS_UNPACK, 1, j->p->size);
	}
	return NULL;
}

/* Reads what is in `order`, on as many threads as there are processors. */
static int pool_run(struct pool *p, struct error *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct worker w[THREADS_MAX];
	size_t n = MIN((size_t)THREADS_MAX, p->n_order);
	int r = 0;

	n = MIN(n, cpus > 0 ? (size_t)cpus : 1);
	for (size_t i = 0; i < n; i++)
		w[i] = (struct worker){ .pool = p, .spool = LAYER_SPOOL_INIT };
	for (size_t i = 0; r == 0 && i < n; i++)
		r = layer_spool_init(&w[i].spool, err);
	p->next = 0;
	for (size_t i = 1; r == 0 && i < n; i++) /* a thread that cannot be had is done without */
		w[i].started = pthread_create(&w[i].id, NULL, worker_run, &w[i]) == 0;
	if (r == 0 && n)
		worker_run(&w[0]);
	for (size_t i = 0; i < n; i++) {
		if (w[i].started)
			pthread_join(w[i].id, NULL);
		layer_spool_release(&w[i].spool);
	}
	return r;
}

static int by_size(const void *a, const void *b)
{
	const struct job *x = *(struct job *const *)a, *y = *(struct job *const *)b;

	if (x->p->size != y->p->size)
		return x->p->size > y->p->size ? -1 : 1;
	return strcmp(x->p->sha256, y->p->sha256);
}

static void warn_bad_copy(const struct pool *p, struct job *j)
{
	progress_warn(
		p->env->progress,
		"package %s: its unpacked form in the cache is damaged: %s: unpacking it again",
		j->p->name, error_text(&j->why));
	j->bad_copy = false;
}

/* Sees to it that the store has what is to be read. */
static int fetch_missing(struct pool *p, const struct source_spec *s, struct error *err)
{
	_cleanup_free_ const struct lock_package **want =
		new0_array(const struct lock_package *, p->n);
	uint64_t bytes = 0;
	size_t n = 0;
	int r;

	if (!want)
		return error_oom(err);
	for (size_t i = 0; i < p->n; i++) {
		struct job *j = &p->jobs[i];

		if (j->done || (!j->damaged && (store_has(&p->store, j->p->sha256, j->p->size) ||
						unpacked_has(&p->unpacked, j->p->sha256))))
			continue;
		if (j->damaged && j->r == -EBADMSG)
			progress_warn(p->env->progress, "package %s: %s: fetching it again",
				      j->p->name, error_text(&j->err));
		want[n++] = j->p;
		bytes += j->p->size;
	}
	if (!n)
		return 0;
	if (p->env->offline)
		return error_hint(
			err,
			error_set(err, -ENOENT,
				  "the cache lacks %zu package%s (the first is %s %s), and "
				  "--offline forbids fetching",
				  n, n == 1 ? "" : "s", want[0]->name, want[0]->version),
			HINT_OFFLINE);
	progress_begin(p->env->progress, PROGRESS_FETCH, p->ops->type, n, bytes);
	r = p->ops->fetch(s, p->env, &p->store, want, n, err);
	if (r == 0)
		progress_end(p->env->progress, PROGRESS_FETCH);
	return r;
}

/* What can be read is read; what turns out to be missing or damaged is left for the next round. */
static int read_round(struct pool *p, bool *ret_again, struct error *err)
{
	int r;

	p->n_order = 0;
	for (size_t i = 0; i < p->n; i++) {
		p->jobs[i].damaged = false;
		if (!p->jobs[i].done)
			p->order[p->n_order++] = &p->jobs[i];
	}
	qsort(p->order, p->n_order, sizeof(struct job *), by_size);
	r = pool_run(p, err);
	*ret_again = false;
	for (size_t i = 0; r == 0 && i < p->n; i++) {
		struct job *j = &p->jobs[i];

		if (j->bad_copy)
			warn_bad_copy(p, j);
		if (j->damaged)
			*ret_again = true;
		else if (j->r < 0)
			r = error_set(err, j->r, "package %s: %s", j->p->name, error_text(&j->err));
	}
	return r;
}

static int read_all(struct pool *p, const struct source_spec *s, struct error *err)
{
	bool again = true;
	uint64_t bytes = 0;
	int r = 0;

	for (size_t i = 0; i < p->n; i++)
		bytes += p->jobs[i].p->size;
	for (int round = 0; r == 0 && again; round++) {
		if (round == ROUNDS_MAX)
			return error_set(err, -EIO,
					 "the cache has damaged files again after fetching them");
		r = fetch_missing(p, s, err);
		if (r == 0 && round == 0)
			progress_begin(p->env->progress, PROGRESS_UNPACK, p->ops->type, p->n,
				       bytes);
		if (r == 0)
			r = read_round(p, &again, err);
	}
	return r;
}

/* The result is that of unpacking one package after the other in the list's order. */
static int apply_all(struct pool *p, struct tree *t, struct error *err)
{
	for (size_t i = 0; i < p->n; i++) {
		struct job *j = &p->jobs[i];
		struct source_packages *all = p->env->packages;
		int r = 0;

		if (!str_eq(j->info.name, j->p->name) || !str_eq(j->info.version, j->p->version) ||
		    !str_eq(j->info.arch, j->p->arch))
			return error_set(err, -EBADMSG, "package %s %s %s says that it is %s %s %s",
					 j->p->name, j->p->version, j->p->arch, j->info.name,
					 j->info.version, j->info.arch);
		if (source_packages_add(all, j->info.name, j->info.version, j->info.arch,
					j->p->sha256) < 0)
			return error_oom(err);
		if (tree_keep_fd(t, fd_steal(&j->fd)) < 0)
			return error_oom(err);
		r = layer_apply(&j->layer, t, all ? (uint32_t)all->n : 0, err);
		if (r < 0)
			return error_wrap(err, r, "package %s", j->p->name);
		layer_release(&j->layer);
	}
	return 0;
}

/* The cache of unpacked packages stays within its bound; looked at only when it grew. */
static void prune(const struct pool *p)
{
	bool made = false;

	for (size_t i = 0; i < p->n; i++)
		made |= p->jobs[i].made;
	if (made)
		unpacked_prune(&p->unpacked, UNPACKED_KEEP_BYTES);
}

static int prepare(struct pool *p, const struct source_spec *s, struct tree *t, struct error *err)
{
	_cleanup_free_ const struct lock_package **packages =
		new0_array(const struct lock_package *, p->n);
	_cleanup_free_ struct layer **layers = new0_array(struct layer *, p->n);

	if (!layers || !packages)
		return error_oom(err);
	for (size_t i = 0; i < p->n; i++) {
		layers[i] = &p->jobs[i].layer;
		packages[i] = p->jobs[i].p;
	}
	return p->ops->prepare(s, layers, packages, p->n, t, err);
}

int package_resolve(const struct package_ops *ops, const struct source_spec *s,
		    const struct source_env *env, struct lock_packages *ret, struct error *err)
{
	int r;

	progress_begin(env->progress, PROGRESS_RESOLVE, ops->type, 0, 0);
	r = ops->resolve(s, env, ret, err);
	if (r < 0)
		return r;
	progress_add(env->progress, PROGRESS_RESOLVE, ret->n, 0);
	progress_end(env->progress, PROGRESS_RESOLVE);
	return 0;
}

int package_load(const struct package_ops *ops, const struct source_spec *s,
		 const struct source_env *env, struct tree *t, struct error *err)
{
	_cleanup_(lock_packages_release) struct lock_packages resolved = { 0 };
	_cleanup_(pool_release) struct pool p = {
		.ops = ops, .env = env, .store = STORE_INIT, .unpacked = UNPACKED_INIT
	};
	int r = env->lock ? 0 : package_resolve(ops, s, env, &resolved, err);

	if (r == 0)
		r = pool_fill(&p, s, env->lock ? &env->lock->resolved : &resolved, err);
	if (r == 0)
		r = read_all(&p, s, err);
	if (r == 0 && ops->prepare)
		r = prepare(&p, s, t, err);
	if (r == 0)
		r = apply_all(&p, t, err);
	if (r < 0)
		return r;
	prune(&p);
	progress_end(env->progress, PROGRESS_UNPACK);
	return 0;
}
