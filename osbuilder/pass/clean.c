/* SPDX-License-Identifier: Apache-2.0 */
#include "pass/pass.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "compat/elf.h"

static bool wanted_away(const struct strv *patterns, const char *path)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (fnmatch(patterns->v[i], path, FNM_PATHNAME) == 0)
			return true;
	return false;
}

static void prune_below(struct tree *t, struct tree_node *dir, const struct strv *patterns)
{
	char path[TREE_PATH_BUF];

	/* backwards: removing a child moves only those after it */
	for (size_t i = dir->n_children; i > 0; i--) {
		struct tree_node *n = dir->children[i - 1];

		if (wanted_away(patterns, tree_path(n, path)))
			tree_remove(t, n);
	}
	for (size_t i = 0; i < dir->n_children; i++)
		if (tree_is_dir(dir->children[i]))
			prune_below(t, dir->children[i], patterns);
}

int pass_prune(struct tree *t, const struct strv *patterns, struct error *err)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (patterns->v[i][0] != '/')
			return error_set(err, -EINVAL, "prune pattern '%s' does not start with '/'",
					 patterns->v[i]);
	if (patterns->n)
		prune_below(t, tree_root(t), patterns);
	return 0;
}

#define FOREIGN_NAMED 8 /* files of another architecture that an error names */

struct arch_check {
	const char *arch;
	size_t n;
	struct strbuf more; /* ", PATH" of those behind the first */
	struct error *err;
};

/* The first makes the error, others are counted and named. */
static int note_foreign(struct arch_check *c, const char *path, const struct elf_ident *id)
{
	const char *is = elf_arch_name(id);

	if (c->n++ == 0)
		error_set(c->err, -ENOEXEC, "%.300s is an ELF file for %s, the image is for %s",
			  path, is ? is : "another architecture", c->arch);
	else if (c->n <= FOREIGN_NAMED &&
		 strbuf_addf(&c->more, "%s%.100s", c->n == 2 ? "" : ", ", path) < 0)
		return error_oom(c->err);
	return 0;
}

static int check_one_arch(struct tree_node *n, void *data)
{
	struct arch_check *c = data;
	const struct blob *b = &n->inode->content;
	char path[TREE_PATH_BUF];
	uint8_t head[ELF_HEAD_SIZE];
	struct elf_ident id;
	int r;

	if (!S_ISREG(n->inode->mode) || b->size < ELF_HEAD_SIZE)
		return 0;
	r = blob_read(b, 0, head, sizeof(head), c->err);
	if (r < 0)
		return error_wrap(c->err, r, "%.300s", tree_path(n, path));
	elf_identify(head, sizeof(head), &id);
	if (!id.is_elf || elf_matches_arch(&id, c->arch))
		return 0;
	return note_foreign(c, tree_path(n, path), &id);
}

int pass_check_arch(struct tree *t, const char *arch, struct error *err)
{
	struct arch_check c = { arch, 0, STRBUF_INIT, err };
	int r = tree_walk(tree_root(t), check_one_arch, &c);

	if (r == 0 && c.n > 1) {
		_cleanup_free_ char *first = strdup(error_text(err));

		r = first ? error_set(err, -ENOEXEC, "%s; %zu more are not: %s%s", first, c.n - 1,
				      c.more.buf, c.n > FOREIGN_NAMED ? ", ..." : "")
			  : error_oom(err);
	}
	strbuf_release(&c.more);
	return r == 0 && c.n ? -ENOEXEC : r;
}

int pass_check_init(struct tree *t, struct error *err)
{
	struct tree_node *n = tree_resolve(t, "/sbin/init");

	if (!n)
		return error_set(err, -ENOENT, "the image has no /sbin/init");
	if (!S_ISREG(n->inode->mode) || !(n->inode->mode & 0111))
		return error_set(err, -EINVAL, "/sbin/init of the image is not executable");
	return 0;
}

static int normalize_one(struct tree_node *n, void *data)
{
	struct tree_inode *ino = n->inode;
	int64_t epoch = *(const int64_t *)data;

	if (ino->mtime_sec > epoch)
		ino->mtime_sec = epoch;
	ino->mtime_nsec = 0;
	return 0;
}

void pass_normalize(struct tree *t, int64_t epoch)
{
	struct tree_inode *root = tree_root(t)->inode;

	tree_walk(tree_root(t), normalize_one, &epoch);
	root->mode = S_IFDIR | 0755;
	root->uid = 0;
	root->gid = 0;
	root->mtime_sec = epoch;
}
