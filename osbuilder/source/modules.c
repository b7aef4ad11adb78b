/* SPDX-License-Identifier: Apache-2.0 */
/* The source "modules": the kernel modules of one kernel, as `make modules_install` leaves them. */
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "source/source.h"

/* Where the modules of the version are in the tree; the links to the kernel's sources lead nowhere in a guest. */
static void drop_links(struct tree *t, struct tree_node *dir)
{
	static const char *const names[] = { "build", "source" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct tree_node *n = tree_child(dir, names[i], strlen(names[i]));

		if (n && S_ISLNK(n->inode->mode))
			tree_remove(t, n);
	}
}

static bool has_module(const struct tree_node *dir)
{
	for (size_t i = 0; i < dir->n_children; i++) {
		const struct tree_node *n = dir->children[i];

		if (tree_is_dir(n) ? has_module(n) : strstr(n->name, ".ko") != NULL)
			return true;
	}
	return false;
}

static int modules_load(const struct source_spec *s, const struct source_env *env, struct tree *t,
			struct error *err)
{
	_cleanup_free_ char *clean = path_clean(s->path), *target = NULL;
	struct source_dir_params p = { .plain = true };
	_cleanup_fd_ int fd = -1;
	struct tree_node *dir;
	const char *version;
	int r;

	if (!clean)
		return error_oom(err);
	version = path_base(clean);
	fd = openat(env->dirfd, clean, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, -errno, "cannot open '%s'", s->path);
	target = str_printf("/lib/modules/%s", version);
	if (!target)
		return error_oom(err);
	p.target = target;
	r = tree_add_dir(t, target, 0755, err);
	if (r == 0)
		r = source_add_dir(t, fd, &p, err);
	if (r < 0)
		return r;
	dir = tree_resolve(t, target);
	if (!dir || !tree_is_dir(dir) || !has_module(dir))
		return error_set(err, -ENOENT,
				 "'%s' has no kernel modules; it must be a directory like "
				 "/lib/modules/VERSION",
				 s->path);
	drop_links(t, dir);
	return 0;
}

const struct source_ops source_modules = { "modules", modules_load };
