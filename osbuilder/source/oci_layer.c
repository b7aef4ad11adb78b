/* SPDX-License-Identifier: Apache-2.0 */
/* Layers (layer.md of the OCI image specification): tar archives over each other, with whiteouts for what went away. */
#include "source/oci.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "source/unpack.h"

#define WHITEOUT	".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define WHITEOUT_OTHER	".wh..wh." /* names that aufs keeps for itself */

struct layer_reader {
	struct blob_reader blob;
	uint64_t at;
};

static ssize_t read_layer(void *data, void *buf, size_t len, struct error *err)
{
	struct layer_reader *l = data;
	size_t n = MIN(l->blob.blob->size - l->at, (uint64_t)len);
	int r = n ? blob_reader_pread(&l->blob, l->at, buf, n, err) : 0;

	if (r < 0)
		return r;
	l->at += n;
	return (ssize_t)n;
}

/* Length of a path without trailing slashes, and where its last component starts. */
static size_t last_component(const char *path, size_t *ret_len)
{
	size_t len = strlen(path), start;

	while (len && path[len - 1] == '/')
		len--;
	for (start = len; start && path[start - 1] != '/';)
		start--;
	*ret_len = len - start;
	return start;
}

/* The directory that `path` is in, links followed inside the tree; NULL when there is none. */
static struct tree_node *parent_of(struct tree *t, const char *path, size_t start)
{
	_cleanup_free_ char *dir = mem_dup0(path, start);
	struct tree_node *n = dir ? tree_resolve(t, dir) : NULL;

	return n && tree_is_dir(n) ? n : NULL;
}

static int apply_whiteout(struct tree *t, const char *path, struct error *err)
{
	size_t len, start = last_component(path, &len);
	const char *name = path + start, *victim;
	struct tree_node *dir, *n;

	if (!str_after(name, WHITEOUT))
		return 0;
	dir = parent_of(t, path, start);
	if (len == strlen(WHITEOUT_OPAQUE) && !strncmp(name, WHITEOUT_OPAQUE, len)) {
		while (dir && dir->n_children)
			tree_remove(t, dir->children[dir->n_children - 1]);
		return 0;
	}
	if (str_after(name, WHITEOUT_OTHER))
		return 0;
	victim = name + strlen(WHITEOUT);
	len -= strlen(WHITEOUT);
	if (!len || (len <= 2 && !strncmp(victim, "..", len)))
		return error_set(err, -EINVAL, "whiteout without a name");
	n = dir ? tree_child(dir, victim, len) : NULL;
	if (n)
		tree_remove(t, n);
	return 0;
}

/*
 * Whiteouts only speak of the layers below, wherever they stand in the archive: they are applied in a pass of their own
 * before anything of this layer is added.
 */
static int apply_whiteouts(struct tree *t, struct la_archive *a, const char *target,
			   struct error *err)
{
	struct la_entry e;
	int r;

	while ((r = la_next(a, &e, err)) > 0) {
		_cleanup_free_ char *path = str_printf("%s/%s", target ? target : "", e.path);

		if (!path)
			return error_oom(err);
		r = unpack_check_name(e.path, err);
		if (r == 0)
			r = apply_whiteout(t, path, err);
		if (r < 0)
			return error_wrap(err, r, "entry '%.200s'", e.path);
	}
	return r;
}

/* Whiteouts are not files; an entry of another type replaces a directory or a link, with all below it. */
static int layer_filter(struct tree *t, const char *path, const struct la_entry *e, void *data,
			struct error *err)
{
	size_t len, start = last_component(path, &len);
	const char *name = path + start;
	struct tree_node *n;

	if (!strncmp(name, WHITEOUT, strlen(WHITEOUT)))
		return 1;
	n = unpack_existing(t, path);
	/* what this layer itself has put there is left for the rule about names that are there twice */
	if (n && !n->inode->mark && tree_is_dir(n) != (bool)S_ISDIR(e->mode))
		tree_remove(t, n);
	return 0;
}

static int run_pass(struct tree *t, const struct blob *b, const struct source_unpack *u,
		    bool whiteouts, const struct la_limits *limits, uint64_t *ret_bytes,
		    struct error *err)
{
	_cleanup_(blob_reader_release) struct blob_reader keep = BLOB_READER_INIT;
	struct layer_reader l = { BLOB_READER_INIT, 0 };
	_cleanup_la_ struct la_archive *a = NULL;
	int r = blob_reader_open(&keep, b, err);

	if (r < 0)
		return r;
	l.blob = keep;
	r = la_open_reader(read_layer, &l, LA_TAR, limits, &a, err);
	if (r == 0)
		r = whiteouts ? apply_whiteouts(t, a, u->target, err)
			      : unpack_archive(t, a, u, err);
	if (r == 0)
		*ret_bytes = la_bytes(a);
	return r;
}

int oci_unpack_image(struct tree *t, struct tree *layout, const struct oci_image *i,
		     const char *target, const struct la_limits *limits, struct error *err)
{
	const struct source_unpack u = { .target = target, .filter = layer_filter };
	struct la_limits left = *limits;

	for (size_t k = 0; k < i->n_layers; k++) {
		const struct blob *b = NULL;
		uint64_t bytes = 0;
		int r = oci_find_blob(layout, &i->layers[k], &b, err);

		if (r < 0)
			return r;
		if (k > 0)
			r = run_pass(t, b, &u, true, &left, &bytes, err);
		if (r == 0)
			r = run_pass(t, b, &u, false, &left, &bytes, err);
		if (r < 0)
			return error_prefix(err, "layer %zu (%.19s)", k + 1, i->layers[k].digest);
		left.max_bytes -= bytes;
	}
	return 0;
}
