/* SPDX-License-Identifier: Apache-2.0 */
#include "support/listing_tree.h"

#include "base/alloc.h"

struct walk {
	listing_fn fn;
	void *data;
};

static int blob_sum(const struct blob *b, uint32_t *ret)
{
	_cleanup_free_ uint8_t *buf = malloc(LISTING_PIECE);
	_cleanup_blob_reader_ struct blob_reader rd = BLOB_READER_INIT;
	int r = buf ? blob_reader_open(&rd, b, NULL) : -ENOMEM;

	*ret = LISTING_SUM_INIT;
	for (uint64_t off = 0; r == 0 && off < b->size;) {
		size_t n = (size_t)MIN(b->size - off, (uint64_t)LISTING_PIECE);

		r = blob_reader_pread(&rd, off, buf, n, NULL);
		if (r == 0)
			*ret = listing_sum(*ret, buf, n);
		off += n;
	}
	return r;
}

static uint32_t links(const struct tree_node *n)
{
	uint32_t k = 2;

	if (!tree_is_dir(n))
		return n->inode->nlink;
	for (size_t i = 0; i < n->n_children; i++)
		k += tree_is_dir(n->children[i]);
	return k;
}

static int list_node(struct tree_node *n, void *data)
{
	const struct tree_inode *in = n->inode;
	struct walk *w = data;
	char path[TREE_PATH_BUF];
	struct listing l = { .mode = in->mode, .uid = in->uid, .gid = in->gid, .nlink = links(n) };
	int r = 0;

	tree_path(n, path);
	l.path = n->parent ? path : "";
	l.mtime = in->mtime_sec;
	l.nsec = in->mtime_nsec;
	if (S_ISCHR(in->mode) || S_ISBLK(in->mode)) {
		l.major = in->rdev_major;
		l.minor = in->rdev_minor;
	}
	if (S_ISREG(in->mode)) {
		l.size = in->content.size;
		r = blob_sum(&in->content, &l.sum);
	}
	if (S_ISLNK(in->mode)) {
		l.size = strlen(in->target);
		memcpy(l.target, in->target, l.size + 1);
	}
	for (size_t i = 0; i < in->n_xattrs; i++)
		listing_xattr(&l, in->xattrs[i].name, in->xattrs[i].value, in->xattrs[i].len);
	w->fn(&l, w->data);
	listing_release(&l);
	return r;
}

int listing_tree(struct tree *t, listing_fn fn, void *data)
{
	struct walk w = { fn, data };

	return tree_walk(tree_root(t), list_node, &w);
}
