/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/recipe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "codec/toml.h"
#include "hint.h"
#include "recipe/parts.h"

static void items_release(struct recipe_items *items)
{
	for (size_t i = 0; i < items->n; i++) {
		free(items->v[i].path);
		free(items->v[i].when);
		free(items->v[i].value);
	}
	free(items->v);
}

void recipe_free(struct recipe *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_sources; i++)
		recipe_source_release(&r->sources[i]);
	free(r->sources);
	for (size_t i = 0; i < r->n_overrides; i++) {
		free(r->overrides[i].arch);
		recipe_source_release(&r->overrides[i].spec);
	}
	free(r->overrides);
	items_release(&r->copies);
	items_release(&r->texts);
	items_release(&r->links);
	items_release(&r->directories);
	recipe_accounts_release(r);
	strv_release(&r->architectures);
	strv_release(&r->prune);
	strv_release(&r->keep);
	strv_release(&r->dlopen);
	free(r->name);
	free(r->description);
	free(r->file);
	free(r->distro_name);
	free(r->distro_version);
	recipe_guest_release(r);
	free(r->filesystem);
	free(r->initrd_compression);
	free(r->compression);
	fd_close(r->dirfd);
	free(r);
}

/* The arrays of small things: `value` is the key of recipe_item.value, NULL for none. */
static int read_items(struct toml_value *root, const char *key, const char *path, const char *value,
		      uint32_t mode, struct recipe_items *items, struct error *err)
{
	struct toml_value *array = NULL, *v, *t;
	int r = recipe_get_tables(root, key, &array, err);

	if (r <= 0)
		return r;
	toml_for_each(v, array)
	{
		struct recipe_item *it;

		r = toml_as_table(v, &t, err);
		if (r < 0)
			return r;
		if (array_reserve(&items->v, &items->cap, items->n + 1, sizeof(*items->v)) < 0)
			return error_oom(err);
		it = &items->v[items->n++];
		*it = (struct recipe_item){ .mode = mode };
		r = recipe_get_path(t, path, &it->path, true, err);
		if (r == 0 && str_eq(value, "from"))
			r = recipe_get_path(t, value, &it->value, true, err);
		else if (r == 0 && value)
			r = recipe_get_str(t, value, &it->value, err) == 1
				    ? 0
				    : toml_fail(t, err, "'%s' must be given as a string", value);
		if (r == 0 && mode)
			r = recipe_get_mode(t, "mode", &it->mode, err);
		if (r >= 0)
			r = recipe_get_path(t, "when", &it->when, false, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_compression(struct toml_value *root, struct recipe *rc, struct error *err)
{
	const struct toml_value *at = toml_find(root, "image.compression");
	int r = recipe_get_str(root, "image.compression", &rc->compression, err);

	if (r == 0) {
		rc->compression = strdup("none");
		return rc->compression ? 0 : error_oom(err);
	}
	if (r < 0 || str_eq(rc->compression, "none"))
		return r;
	if (!str_eq(rc->compression, "lz4"))
		return toml_fail(at, err, "unknown compression '%s' (none and lz4 are known)",
				 rc->compression);
	if (!str_eq(rc->filesystem, "erofs"))
		return toml_fail(at, err, "only erofs can be compressed");
	if (rc->dax_given && rc->dax)
		return toml_fail(at, err,
				 "what is compressed cannot be mapped: it excludes image.dax");
	return 0;
}

static int read_image(struct toml_value *root, struct recipe *rc, struct error *err)
{
	int64_t free_mib = 0;
	int r = recipe_get_str(root, "image.filesystem", &rc->filesystem, err);

	if (r >= 0 && rc->filesystem && !str_eq(rc->filesystem, "ext4") &&
	    !str_eq(rc->filesystem, "erofs"))
		r = toml_fail(toml_find(root, "image.filesystem"), err,
			      "unknown file system '%s' (ext4 and erofs are known)",
			      rc->filesystem);
	if (r >= 0)
		r = toml_get_int(root, "image.free_mib", 0, RECIPE_FREE_MIB_MAX, &free_mib, err);
	rc->free_mib = (uint64_t)free_mib;
	if (r >= 0)
		r = toml_get_bool(root, "image.dax", &rc->dax, err);
	rc->dax_given = r > 0;
	if (r >= 0)
		r = read_compression(root, rc, err);
	if (r >= 0)
		r = toml_get_bool(root, "image.measured", &rc->measured, err);
	if (r >= 0)
		r = toml_get_bool(root, "initrd.drop_xattrs", &rc->initrd_drop_xattrs, err);
	if (r >= 0)
		r = recipe_get_str(root, "initrd.compression", &rc->initrd_compression, err);
	if (r >= 0 && rc->initrd_compression && !str_eq(rc->initrd_compression, "none") &&
	    !str_eq(rc->initrd_compression, "gzip") && !str_eq(rc->initrd_compression, "zstd"))
		r = toml_fail(toml_find(root, "initrd.compression"), err,
			      "unknown compression '%s' (none, gzip and zstd are known)",
			      rc->initrd_compression);
	if (r >= 0 && !rc->initrd_compression) {
		rc->initrd_compression = strdup("gzip");
		r = rc->initrd_compression ? 0 : error_oom(err);
	}
	if (r >= 0 && !rc->filesystem) {
		rc->filesystem = strdup("ext4");
		r = rc->filesystem ? 0 : error_oom(err);
	}
	return r < 0 ? r : 0;
}

static int read_root(struct toml_value *root, struct recipe *rc, struct error *err)
{
	int64_t format = 0;
	int r = toml_get_int(root, "format", RECIPE_FORMAT, RECIPE_FORMAT, &format, err);

	if (r == 0)
		return toml_fail(root, err, "'format' is missing (this program knows format %d)",
				 RECIPE_FORMAT);
	if (r > 0)
		r = recipe_need_str(root, "name", &rc->name, err);
	if (r >= 0)
		r = recipe_get_str(root, "description", &rc->description, err);
	if (r >= 0)
		r = recipe_get_words(root, "architectures", &rc->architectures, err);
	if (r >= 0)
		r = toml_get_bool(root, "merge_usr", &rc->merge_usr, err);
	if (r >= 0)
		r = recipe_get_words(root, "prune", &rc->prune, err);
	if (r >= 0)
		r = recipe_get_patterns(root, "keep", &rc->keep, err);
	if (r >= 0)
		r = recipe_get_patterns(root, "dlopen", &rc->dlopen, err);
	if (r >= 0 && rc->dlopen.n && !rc->keep.n)
		r = toml_fail(toml_find(root, "dlopen"), err, "is for recipes with 'keep'");
	if (r >= 0)
		r = recipe_get_str(root, "distribution.name", &rc->distro_name, err);
	if (r >= 0)
		r = recipe_get_str(root, "distribution.version", &rc->distro_version, err);
	if (r >= 0)
		r = recipe_read_guest(root, rc, err);
	if (r >= 0)
		r = read_image(root, rc, err);
	if (r >= 0)
		r = recipe_read_sources(root, rc, err);
	if (r >= 0)
		r = read_items(root, "copy", "to", "from", 0, &rc->copies, err);
	if (r >= 0)
		r = read_items(root, "text", "path", "text", 0644, &rc->texts, err);
	if (r >= 0)
		r = read_items(root, "link", "path", "target", 0, &rc->links, err);
	if (r >= 0)
		r = read_items(root, "directory", "path", NULL, 0755, &rc->directories, err);
	if (r >= 0)
		r = recipe_read_accounts(root, rc, err);
	return r < 0 ? r : 0;
}

static int unknown_key(const struct toml_value *v, void *arg)
{
	return toml_fail(v, arg, "unknown key");
}

/* The path of recipe.toml for what the user said. */
static char *find_file(const char *name, const char *recipes_dir)
{
	struct stat st;

	if (!strchr(name, '/'))
		return str_printf("%s/%s/" RECIPE_FILE, recipes_dir, name);
	if (stat(name, &st) == 0 && S_ISDIR(st.st_mode))
		return str_printf("%s/" RECIPE_FILE, name);
	return strdup(name);
}

static int open_dir_of(const char *file)
{
	_cleanup_free_ char *dir = strdup(file);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	int fd;

	if (!slash)
		return -ENOMEM;
	slash[slash == dir] = '\0';
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int recipe_load(const char *name, const char *recipes_dir, struct recipe **ret, struct error *err)
{
	_cleanup_recipe_ struct recipe *rc = new0(struct recipe);
	_cleanup_toml_ struct toml_doc *doc = NULL;
	int r;

	if (!rc)
		return error_oom(err);
	rc->dirfd = -1;
	rc->dax = true;
	rc->file = find_file(name, recipes_dir);
	if (!rc->file)
		return error_oom(err);
	rc->dirfd = open_dir_of(rc->file);
	if (rc->dirfd == -ENOENT && !strchr(name, '/'))
		return error_hint(err,
				  error_set(err, -ENOENT,
					    "unknown recipe '%s': no directory of that name in %s",
					    name, recipes_dir),
				  HINT_RECIPES);
	if (rc->dirfd < 0)
		return error_sys(err, rc->dirfd, "recipe '%s'", name);
	r = toml_load(AT_FDCWD, rc->file, &doc, err);
	if (r == 0)
		r = read_root(toml_root(doc), rc, err);
	if (r == 0)
		r = toml_for_each_unused(doc, unknown_key, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(rc);
	return 0;
}
