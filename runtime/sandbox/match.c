/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/match.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/agent_note.h"
#include "base/alloc.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "codec/json.h"
#include "manifest.h"

#define KERNEL_FORMAT 1

int match_agent_protocol(const char *image, const char *protocol, struct error *err)
{
	if (!*protocol || str_eq(protocol, AGENT_PROTOCOL))
		return 0;
	return error_set(
		err, -EPROTONOSUPPORT,
		"image '%s': its agent speaks protocol %s, this runtime speaks " AGENT_PROTOCOL,
		image, protocol);
}

/* Loads a manifest; 0 with *ret NULL when there is none. */
static int load(const char *path, size_t max, struct json_doc **ret, struct error *err)
{
	struct error e = ERROR_INIT;
	int r;

	*ret = NULL;
	r = json_doc_load(AT_FDCWD, path, max, ret, &e);
	if (r < 0 && r != -ENOENT)
		return error_set(err, r, "%s", error_text(&e));
	return 0;
}

/* Whether the manifest is about this kernel; -errno when it cannot be read. */
static int describes(const struct json_value *root, const char *kernel, struct error *err)
{
	const char *kind = NULL;
	struct stat st;
	uint64_t size = 0;
	int64_t format = 0;
	int r = json_need_i64(root, "format", &format, err);

	if (r == 0 && format != KERNEL_FORMAT)
		return json_fail(json_find(root, "format"), err, "is %lld, this program knows %d",
				 (long long)format, KERNEL_FORMAT);
	if (r == 0)
		r = json_need_string(root, "kind", &kind, err);
	if (r == 0 && !str_eq(kind, "kernel"))
		return json_fail(json_find(root, "kind"), err, "is not kernel");
	if (r == 0)
		r = json_need_u64(root, "size", &size, err);
	if (r < 0)
		return r;
	if (stat(kernel, &st) < 0)
		return error_sys(err, -errno, "kernel %s", kernel);
	return (uint64_t)st.st_size == size;
}

/* Every option that the image needs is built in. */
static int check_options(const struct json_value *root, const char *kernel, const char *image,
			 struct error *err)
{
	_cleanup_free_ char *path = str_printf("%s" MANIFEST_SUFFIX, image);
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	const struct json_value *options = NULL, *needed = NULL, *v;
	int r = path ? load(path, MANIFEST_MAX_BYTES, &doc, err) : error_oom(err);

	if (r < 0 || !doc)
		return r;
	r = json_get_array(json_doc_root(doc), "kernel_options", &needed, err);
	if (r < 0)
		return error_prefix(err, "%s", path);
	if (json_count(needed) > MATCH_OPTIONS_MAX)
		return error_set(err, -EINVAL, "%s: kernel_options: more than %d", path,
				 MATCH_OPTIONS_MAX);
	r = json_need_object(root, "options", &options, err);
	if (r < 0)
		return error_prefix(err, "%s of kernel %s", MATCH_KERNEL_MANIFEST_NAME, kernel);
	json_for_each(v, needed)
	{
		const char *name = NULL, *bare, *value = NULL;

		if (json_as_string(v, &name, err) < 0)
			return error_prefix(err, "%s", path);
		bare = str_after(name, "CONFIG_");
		if (json_get_string(options, bare ? bare : name, &value, err) < 0)
			return error_prefix(err, "%s of kernel %s", MATCH_KERNEL_MANIFEST_NAME,
					    kernel);
		if (!value || !str_eq(value, "y"))
			return error_set(err, -ENOEXEC,
					 "kernel %s: lacks %s=y, which the image needs", kernel,
					 name);
	}
	return 0;
}

/* The manifest's path: beside what the kernel's name leads to. NULL: out of memory. */
static char *manifest_path(const char *kernel)
{
	_cleanup_free_ char *real = realpath(kernel, NULL);
	const char *full = real ? real : kernel, *base = path_base(full);

	return str_printf("%.*s" MATCH_KERNEL_MANIFEST_NAME, (int)(base - full), full);
}

int match_kernel(const char *kernel, const char *arch, const char *image, struct error *err)
{
	_cleanup_free_ char *path = manifest_path(kernel);
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	const char *have = NULL;
	int r = path ? load(path, MATCH_KERNEL_MANIFEST_MAX, &doc, err) : error_oom(err);

	if (r < 0 || !doc)
		return r;
	r = describes(json_doc_root(doc), kernel, err);
	if (r == 0)
		return 0;
	if (r > 0)
		r = json_need_string(json_doc_root(doc), "arch", &have, err);
	if (r < 0)
		return error_prefix(err, "%s", path);
	if (!str_eq(have, arch))
		return error_set(err, -ENOEXEC, "kernel %s: is for %s, the guest is %s", kernel,
				 have, arch);
	return check_options(json_doc_root(doc), kernel, image, err);
}

int match_filesystem(const char *image, const char *found, const char *rootfs_type,
		     struct error *err)
{
	if (str_eq(found, rootfs_type))
		return 0;
	return error_set(err, -EINVAL, "image '%s' has the file system %s, rootfs_type says %s",
			 image, found, rootfs_type);
}

int match_verity(const char *configured, const char *image, const struct image_info *info,
		 struct verity_seal *ret, struct error *err)
{
	int r;

	if (!configured) {
		*ret = info->verity;
		return info->measured; /* image_check() has seen that it fits */
	}
	r = verity_seal_parse(configured, ret, err);
	if (r < 0)
		return error_wrap(err, r, "kernel_verity_params");
	r = verity_seal_fits(ret, info->parts, info->n_parts, err);
	if (r < 0)
		return error_wrap(err, r, "kernel_verity_params: image '%s'", image);
	if (info->measured && !verity_seal_equal(ret, &info->verity))
		return error_set(
			err, -EINVAL,
			"kernel_verity_params: image '%s': its manifest says root hash %s, "
			"the configuration %s",
			image, info->verity.root_hash,
			str_eq(ret->root_hash, info->verity.root_hash)
				? "the same with another salt or size"
				: ret->root_hash);
	return 1;
}
