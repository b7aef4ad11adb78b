/* SPDX-License-Identifier: Apache-2.0 */
#include "pass/pass.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/strbuf.h"
#include "compat/elf.h"
#include "hint.h"

int pass_merge_usr(struct tree *t, const char *arch, struct error *err)
{
	static const char *const names[] = { "bin", "sbin", "lib", "lib64" };
	bool has_lib64 = str_eq(arch, "x86_64") || str_eq(arch, "ppc64le");

	for (size_t i = 0; i < ARRAY_SIZE(names) - !has_lib64; i++) {
		char to[16] = "usr/";
		int r;

		memcpy(to + 4, names[i], strlen(names[i]) + 1);
		r = tree_add_dir(t, to, 0755, err);
		if (r == 0)
			r = tree_add_symlink(t, names[i], to, err);
		if (r < 0)
			return error_prefix(err, "/%s", names[i]);
	}
	return 0;
}

static int add_device(struct tree *t, const char *path, uint32_t perm, uint32_t maj, uint32_t min,
		      struct error *err)
{
	const struct tree_attr a = { .mode = S_IFCHR | perm, .rdev_major = maj, .rdev_minor = min };

	if (tree_lookup(t, path))
		return 0;
	return tree_add(t, path, &a, TREE_ADD_PARENTS, NULL, err);
}

/* An empty regular file, in place of a link or of nothing. */
static int add_plain_file(struct tree *t, const char *path, struct error *err)
{
	struct tree_node *n = tree_lookup(t, path);

	if (n && S_ISREG(n->inode->mode))
		return 0;
	return tree_add_file(t, path, 0644, NULL, 0, err);
}

static int add_link(struct tree *t, const char *path, const char *target, struct error *err)
{
	struct tree_node *n = tree_lookup(t, path);

	if (n && tree_is_dir(n))
		tree_remove(t, n);
	return tree_add_symlink(t, path, target, err);
}

int pass_layout(struct tree *t, struct error *err)
{
	static const struct {
		const char *path;
		uint32_t perm;
	} dirs[] = { { "dev", 0755 }, { "etc", 0755 },	{ "proc", 0555 }, { "run", 0755 },
		     { "sys", 0555 }, { "tmp", 01777 }, { "var", 0755 } };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(dirs); i++)
		r = tree_add_dir(t, dirs[i].path, dirs[i].perm, err);
	/* Numbers: Documentation/admin-guide/devices.txt of the kernel. */
	if (r == 0)
		r = add_device(t, "dev/console", 0600, 5, 1, err);
	if (r == 0)
		r = add_device(t, "dev/null", 0666, 1, 3, err);
	if (r == 0)
		r = add_link(t, "var/tmp", "../tmp", err);
	if (r == 0)
		r = add_link(t, "var/run", "../run", err);
	if (r == 0)
		r = add_plain_file(t, "etc/resolv.conf", err);
	if (r == 0)
		r = add_plain_file(t, "etc/machine-id", err);
	return r < 0 ? error_wrap(err, r, "guest layout") : 0;
}

static int copy_item(struct tree *t, const struct recipe_item *it, struct error *err)
{
	struct tree_node *from = tree_resolve(t, it->value), *n;
	_cleanup_(blob_release) struct blob content = BLOB_INIT;
	struct tree_attr a = { .content = &content };
	const struct tree_inode *src;
	int r;

	if (!from || !S_ISREG(from->inode->mode))
		return error_set(err, -ENOENT, "no regular file '%s' in the image", it->value);
	src = from->inode;
	r = blob_copy(&content, &src->content);
	if (r < 0)
		return error_oom(err);
	a.mode = src->mode;
	a.uid = src->uid;
	a.gid = src->gid;
	a.mtime_sec = src->mtime_sec;
	return tree_add(t, it->path, &a, TREE_ADD_PARENTS | TREE_ADD_FOLLOW, &n, err);
}

bool pass_when(struct tree *t, const char *when)
{
	return !when || tree_resolve(t, when);
}

int pass_items(struct tree *t, const struct recipe *rc, struct error *err)
{
	const struct recipe_items *const lists[] = { &rc->copies, &rc->texts, &rc->links,
						     &rc->directories };
	static const char *const names[] = { "copy", "text", "link", "directory" };
	int r = 0;

	for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
		for (size_t i = 0; i < lists[k]->n; i++) {
			const struct recipe_item *it = &lists[k]->v[i];

			if (!pass_when(t, it->when))
				continue;
			if (k == 0)
				r = copy_item(t, it, err);
			else if (k == 1)
				r = tree_add_file(t, it->path, it->mode, it->value,
						  strlen(it->value), err);
			else if (k == 2)
				r = tree_add_symlink(t, it->path, it->value, err);
			else
				r = tree_add_dir(t, it->path, it->mode, err);
			if (r < 0)
				return error_wrap(err, r, "recipe %s '%s'", names[k], it->path);
		}
	}
	return 0;
}

int pass_agent(struct tree *t, const struct pass_agent_params *p, struct error *err)
{
	const struct agent_file *agent = p->agent;
	struct blob content = BLOB_INIT;
	struct tree_attr a = { .mode = S_IFREG | 0755, .content = &content };
	int fd, r;

	r = elf_check_static(agent->fd, p->arch, err);
	if (r < 0)
		return error_hint(err, error_prefix(err, "agent '%s'", agent->path), HINT_AGENT);
	fd = fcntl(agent->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return error_sys(err, -errno, "agent '%s'", agent->path);
	if (tree_keep_fd(t, fd) < 0)
		return error_oom(err);
	blob_from_fd(&content, fd, 0, agent->size);
	content.has_sha256 = true;
	memcpy(content.sums.sha256, agent->sha256, sizeof(content.sums.sha256));
	a.mtime_sec = TREE_MTIME_BUILD;
	r = tree_add(t, p->path, &a, TREE_ADD_PARENTS | TREE_ADD_FOLLOW, NULL, err);
	if (r == 0 && p->link)
		r = tree_add_symlink(t, p->link, p->path, err);
	return r < 0 ? error_wrap(err, r, "cannot put the agent into the image") : 0;
}
