/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/sums.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

#define THREADS_MAX 8
#define CHUNK	    (256u << 10) /* bytes hashed at once: what stays in a processor's cache */

/* Contents that have no sums yet, each once. */
struct todo {
	struct tree_node **nodes;
	size_t n, cap;
	size_t next; /* atomic */
};

static int add_node(struct tree_node *n, void *data)
{
	struct todo *t = data;

	if (!S_ISREG(n->inode->mode) || n->inode->content.has_sums || n->inode->mark)
		return 0;
	if (array_reserve(&t->nodes, &t->cap, t->n + 1, sizeof(struct tree_node *)) < 0)
		return -ENOMEM;
	t->nodes[t->n++] = n;
	n->inode->mark = 1;
	return 0;
}

struct worker {
	struct todo *todo;
	pthread_t id;
	bool started;
	int r;
	struct error err;
};

/* SHA-1, and SHA-256 unless that is known. */
static int sum_content(struct blob *b, uint8_t *buf, struct sha *one, struct sha *two,
		       struct error *err)
{
	_cleanup_blob_reader_ struct blob_reader reader = BLOB_READER_INIT;
	uint8_t d1[SHA_SIZE_MAX], d2[SHA_SIZE_MAX];
	const bool both = !b->has_sha256;
	int r = blob_reader_open(&reader, b, err);

	if (r < 0)
		return r;
	if (sha_begin(one, SHA_KIND_1) < 0 || (both && sha_begin(two, SHA_KIND_256) < 0))
		return error_oom(err);
	for (uint64_t off = 0; off < b->size;) {
		size_t n = (size_t)MIN(b->size - off, (uint64_t)CHUNK);

		r = blob_reader_pread(&reader, off, buf, n, err);
		if (r < 0)
			return r;
		if (sha_update(one, buf, n) < 0 || (both && sha_update(two, buf, n) < 0))
			return error_set(err, -EIO, "cannot hash");
		off += n;
	}
	if (sha_finish(one, d1) < 0 || (both && sha_finish(two, d2) < 0))
		return error_set(err, -EIO, "cannot hash");
	memcpy(b->sums.sha1, d1, SHA_SIZE_1);
	if (both)
		memcpy(b->sums.sha256, d2, SHA_SIZE_256);
	b->has_sums = b->has_sha256 = true;
	return 0;
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	_cleanup_free_ uint8_t *buf = malloc(CHUNK);
	_cleanup_sha_ struct sha one = SHA_INIT;
	_cleanup_sha_ struct sha two = SHA_INIT;
	size_t i;

	w->r = buf ? 0 : error_oom(&w->err);
	while (w->r == 0 &&
	       (i = __atomic_fetch_add(&w->todo->next, 1, __ATOMIC_RELAXED)) < w->todo->n) {
		struct tree_node *n = w->todo->nodes[i];
		char path[TREE_PATH_BUF];

		w->r = sum_content(&n->inode->content, buf, &one, &two, &w->err);
		if (w->r < 0)
			error_prefix(&w->err, "%s", tree_path(n, path));
	}
	return NULL;
}

static int run(struct todo *todo, struct error *err)
{
	struct worker w[THREADS_MAX] = { 0 };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = cpus > 0 ? (size_t)cpus : 1;
	int r = 0;

	n = MIN(n, (size_t)THREADS_MAX);
	n = MIN(n, todo->n);
	for (size_t i = 0; i < n; i++)
		w[i].todo = todo;
	for (size_t i = 1; i < n; i++) /* a thread that cannot be had is done without */
		w[i].started = pthread_create(&w[i].id, NULL, worker_run, &w[i]) == 0;
	if (n)
		worker_run(&w[0]);
	for (size_t i = 0; i < n; i++) {
		if (w[i].started)
			pthread_join(w[i].id, NULL);
		if (r == 0 && w[i].r < 0)
			r = error_set(err, w[i].r, "%s", error_text(&w[i].err));
	}
	return r;
}

int tree_sum_contents(struct tree *t, struct error *err)
{
	struct todo todo = { 0 };
	int r;

	tree_clear_marks(t);
	r = tree_walk(tree_root(t), add_node, &todo);
	tree_clear_marks(t);
	r = r < 0 ? error_oom(err) : run(&todo, err);
	free(todo.nodes);
	return r;
}
