/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/recipe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "codec/toml.h"
#include "tree/tree.h"

static void items_release(struct recipe_items *items)
{
	for (size_t i = 0; i < items->n; i++) {
		free(items->v[i].path);
		free(items->v[i].value);
	}
	free(items->v);
}

static void spec_release(struct source_spec *s)
{
	free(s->type);
	free(s->path);
	free(s->target);
	strv_release(&s->suites);
	strv_release(&s->components);
	strv_release(&s->packages);
	strv_release(&s->omit);
	strv_release(&s->repositories);
	strv_release(&s->keys);
	free(s->mirror);
	free(s->security_mirror);
	free(s->keyring);
	free(s->reference);
	free(s->release);
}

void recipe_free(struct recipe *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_sources; i++)
		spec_release(&r->sources[i]);
	free(r->sources);
	items_release(&r->copies);
	items_release(&r->texts);
	items_release(&r->links);
	items_release(&r->directories);
	strv_release(&r->architectures);
	strv_release(&r->prune);
	free(r->name);
	free(r->description);
	free(r->file);
	free(r->distro_name);
	free(r->distro_version);
	free(r->agent_path);
	free(r->agent_link);
	free(r->filesystem);
	fd_close(r->dirfd);
	free(r);
}

/* A copied string; 1 present, 0 absent (*ret untouched). */
static int get_str(struct toml_value *t, const char *key, char **ret, struct error *err)
{
	const char *s = NULL;
	int r = toml_get_string(t, key, &s, err);

	if (r <= 0)
		return r;
	free(*ret);
	*ret = strdup(s);
	if (*ret)
		return 1;
	error_oom(err);
	return -ENOMEM;
}

/* As get_str(), but a value is needed and must not be empty. */
static int need_str(struct toml_value *t, const char *key, char **ret, struct error *err)
{
	int r = get_str(t, key, ret, err);

	if (r < 0)
		return r;
	if (r == 0 || !*ret)
		return toml_fail(t, err, "'%s' is missing", key);
	return **ret ? 0 : toml_fail(toml_find(t, key), err, "must not be empty");
}

/* A path inside the image: absolute, without "..". */
static int image_path(struct toml_value *t, const char *key, char **ret, bool need,
		      struct error *err)
{
	int r = need ? need_str(t, key, ret, err) : get_str(t, key, ret, err);
	const char *p = *ret;

	if (r < 0 || !p)
		return r < 0 ? r : 0;
	if (*p != '/')
		return toml_fail(toml_find(t, key), err, "must be an absolute path");
	if (strlen(p) > TREE_PATH_MAX)
		return toml_fail(toml_find(t, key), err, "is longer than %d bytes", TREE_PATH_MAX);
	for (p = strstr(p, ".."); p; p = strstr(p + 1, ".."))
		if (p[-1] == '/' && (p[2] == '/' || !p[2]))
			return toml_fail(toml_find(t, key), err, "must not contain '..'");
	return 0;
}

static int get_strv(struct toml_value *t, const char *key, struct strv *ret, struct error *err)
{
	struct toml_value *array = NULL, *v;
	int r = toml_get_strings(t, key, &array, err);

	if (r <= 0)
		return r;
	toml_for_each(v, array)
	{
		const char *s;

		if (toml_as_string(v, &s, err) < 0)
			return err ? err->code : -EINVAL;
		if (!*s || *s == '-')
			return toml_fail(v, err, "'%s' is not a usable word here", s);
		if (strv_add(ret, s) < 0)
			return error_oom(err);
	}
	return 1;
}

static int get_mode(struct toml_value *t, const char *key, uint32_t *ret, struct error *err)
{
	const char *s = NULL;
	int r = toml_get_string(t, key, &s, err);

	if (r <= 0)
		return r;
	if (parse_u32(s, 8, ret) < 0 || *ret > 07777)
		return toml_fail(toml_find(t, key), err, "'%s' is not an octal mode", s);
	return 1;
}

/* Words that end up in apt's files or command line must not be able to say anything else there. */
static int check_words(struct toml_value *t, const char *key, const struct strv *sv,
		       struct error *err)
{
	for (size_t i = 0; i < sv->n; i++)
		if (strspn(sv->v[i],
			   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			   "+-.:=~_/") != strlen(sv->v[i]))
			return toml_fail(toml_find(t, key), err, "'%s' has unusable characters",
					 sv->v[i]);
	return 0;
}

static int check_url(struct toml_value *t, const char *key, const char *url, struct error *err)
{
	if (url && strpbrk(url, " \t\r\n\"#"))
		return toml_fail(toml_find(t, key), err, "has unusable characters");
	return 0;
}

static int read_deb(struct toml_value *t, struct source_spec *s, struct error *err)
{
	static const char *const keys[] = { "suites", "components", "packages", "omit" };
	struct strv *const lists[] = { &s->suites, &s->components, &s->packages, &s->omit };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(keys); i++) {
		r = get_strv(t, keys[i], lists[i], err);
		if (r >= 0)
			r = check_words(t, keys[i], lists[i], err);
		if (r >= 0 && !lists[i]->n && i < 3)
			r = toml_fail(t, err, "'%s' is missing", keys[i]);
	}
	if (r >= 0)
		r = get_str(t, "mirror", &s->mirror, err);
	if (r >= 0)
		r = get_str(t, "security_mirror", &s->security_mirror, err);
	if (r >= 0)
		r = get_str(t, "keyring", &s->keyring, err);
	if (r >= 0)
		r = check_url(t, "mirror", s->mirror, err);
	if (r >= 0)
		r = check_url(t, "security_mirror", s->security_mirror, err);
	if (r >= 0)
		r = check_url(t, "keyring", s->keyring, err);
	return r < 0 ? r : 0;
}

static int read_repositories(struct toml_value *t, struct source_spec *s, struct error *err)
{
	static const char *const keys[] = { "repositories", "keys", "packages", "omit" };
	struct strv *const lists[] = { &s->repositories, &s->keys, &s->packages, &s->omit };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(keys); i++) {
		r = get_strv(t, keys[i], lists[i], err);
		for (size_t k = 0; r >= 0 && k < lists[i]->n; k++)
			r = check_url(t, keys[i], lists[i]->v[k], err);
		if (r >= 0 && !lists[i]->n && i < 3)
			r = toml_fail(t, err, "'%s' is missing", keys[i]);
	}
	if (r >= 0 && str_eq(s->type, "rpm"))
		r = get_str(t, "release", &s->release, err);
	if (r >= 0 && s->release && s->release[strcspn(s->release, " \t\r\n/")])
		r = toml_fail(toml_find(t, "release"), err, "has unusable characters");
	if (r >= 0 && str_eq(s->type, "rpm"))
		r = toml_get_bool(t, "plain_owners", &s->plain_owners, err);
	return r < 0 ? r : 0;
}

static int read_source(struct toml_value *t, struct source_spec *s, struct error *err)
{
	int r = need_str(t, "type", &s->type, err);

	s->mode = 0644;
	if (r < 0)
		return r;
	if (!source_find(s->type))
		return toml_fail(toml_find(t, "type"), err, "unknown source type '%s'", s->type);
	if (str_eq(s->type, "deb"))
		return read_deb(t, s, err);
	if (str_eq(s->type, "apk") || str_eq(s->type, "rpm"))
		return read_repositories(t, s, err);
	r = need_str(t, "path", &s->path, err);
	if (r >= 0 && str_eq(s->type, "oci"))
		r = get_str(t, "reference", &s->reference, err);
	if (r >= 0)
		r = image_path(t, "target", &s->target, str_eq(s->type, "file"), err);
	if (r == 0 && str_eq(s->type, "file"))
		r = get_mode(t, "mode", &s->mode, err);
	return r < 0 ? r : 0;
}

/* An array of tables, or NULL. */
static int get_tables(struct toml_value *root, const char *key, struct toml_value **ret,
		      struct error *err)
{
	int r = toml_get_array(root, key, ret, err);

	if (r == 1 && toml_count(*ret) > RECIPE_ITEMS_MAX)
		return toml_fail(*ret, err, "has more than %d elements", RECIPE_ITEMS_MAX);
	return r;
}

static int read_sources(struct toml_value *root, struct recipe *rc, struct error *err)
{
	struct toml_value *array = NULL, *v, *t;
	int r = get_tables(root, "source", &array, err);

	if (r <= 0)
		return r;
	rc->sources = new0_array(struct source_spec, toml_count(array));
	if (!rc->sources)
		return error_oom(err);
	toml_for_each(v, array)
	{
		r = toml_as_table(v, &t, err);
		if (r == 0)
			r = read_source(t, &rc->sources[rc->n_sources++], err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The arrays of small things: `value` is the key of recipe_item.value, NULL for none. */
static int read_items(struct toml_value *root, const char *key, const char *path, const char *value,
		      uint32_t mode, struct recipe_items *items, struct error *err)
{
	struct toml_value *array = NULL, *v, *t;
	int r = get_tables(root, key, &array, err);

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
		r = image_path(t, path, &it->path, true, err);
		if (r == 0 && str_eq(value, "from"))
			r = image_path(t, value, &it->value, true, err);
		else if (r == 0 && value)
			r = get_str(t, value, &it->value, err) == 1
				    ? 0
				    : toml_fail(t, err, "'%s' must be given as a string", value);
		if (r == 0 && mode)
			r = get_mode(t, "mode", &it->mode, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_image(struct toml_value *root, struct recipe *rc, struct error *err)
{
	int64_t free_mib = 0;
	int r = get_str(root, "image.filesystem", &rc->filesystem, err);

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
	if (r >= 0)
		r = toml_get_bool(root, "image.measured", &rc->measured, err);
	if (r >= 0)
		r = toml_get_bool(root, "initrd.drop_xattrs", &rc->initrd_drop_xattrs, err);
	if (r >= 0 && !rc->filesystem) {
		rc->filesystem = strdup("ext4");
		r = rc->filesystem ? 0 : error_oom(err);
	}
	return r < 0 ? r : 0;
}

static int read_agent(struct toml_value *root, struct recipe *rc, struct error *err)
{
	struct toml_value *agent = NULL;
	int r = toml_get_table(root, "agent", &agent, err);

	if (r <= 0)
		return r;
	r = image_path(agent, "path", &rc->agent_path, true, err);
	return r < 0 ? r : image_path(agent, "link", &rc->agent_link, false, err);
}

static int read_root(struct toml_value *root, struct recipe *rc, struct error *err)
{
	int64_t format = 0;
	int r = toml_get_int(root, "format", RECIPE_FORMAT, RECIPE_FORMAT, &format, err);

	if (r == 0)
		return toml_fail(root, err, "'format' is missing (this program knows format %d)",
				 RECIPE_FORMAT);
	if (r > 0)
		r = need_str(root, "name", &rc->name, err);
	if (r >= 0)
		r = get_str(root, "description", &rc->description, err);
	if (r >= 0)
		r = get_strv(root, "architectures", &rc->architectures, err);
	if (r >= 0)
		r = toml_get_bool(root, "merge_usr", &rc->merge_usr, err);
	if (r >= 0)
		r = get_strv(root, "prune", &rc->prune, err);
	if (r >= 0)
		r = get_str(root, "distribution.name", &rc->distro_name, err);
	if (r >= 0)
		r = get_str(root, "distribution.version", &rc->distro_version, err);
	if (r >= 0)
		r = read_agent(root, rc, err);
	if (r >= 0)
		r = read_image(root, rc, err);
	if (r >= 0)
		r = read_sources(root, rc, err);
	if (r >= 0)
		r = read_items(root, "copy", "to", "from", 0, &rc->copies, err);
	if (r >= 0)
		r = read_items(root, "text", "path", "text", 0644, &rc->texts, err);
	if (r >= 0)
		r = read_items(root, "link", "path", "target", 0, &rc->links, err);
	if (r >= 0)
		r = read_items(root, "directory", "path", NULL, 0755, &rc->directories, err);
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
		return error_set(err, -ENOENT,
				 "unknown recipe '%s': no directory of that name in %s", name,
				 recipes_dir);
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

int recipe_check_arch(const struct recipe *r, const char *arch, struct error *err)
{
	if (!source_debian_arch(arch))
		return error_set(err, -EINVAL,
				 "unknown architecture '%s' (x86_64, aarch64, ppc64le, s390x)",
				 arch);
	if (r->architectures.n && !strv_has(&r->architectures, arch))
		return error_set(err, -EINVAL, "recipe '%s' is not made for %s", r->name, arch);
	return 0;
}
