/* SPDX-License-Identifier: Apache-2.0 */
#include "verify.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fd.h"

/* What the image must be sealed as. 1: *ret, 0: it is not sealed. */
static int wanted_seal(const struct image_verify_params *p, const struct image_info *info,
		       struct verity_seal *ret, struct error *err)
{
	if (info->measured)
		*ret = info->verity;
	if (p->seal) {
		if (info->measured && !verity_seal_equal(p->seal, &info->verity))
			return error_set(
				err, -EBADMSG,
				"the given verity parameters are not those of its manifest");
		*ret = *p->seal;
		return 1;
	}
	if (p->root_hash) {
		if (!info->measured)
			return error_set(err, -ENODATA,
					 "no manifest says salt and sizes of its hash tree: give "
					 "the whole line of root_hash_*.txt");
		return verity_seal_set(ret, p->root_hash, ret->salt, ret->data_blocks,
				       ret->data_block_size, ret->hash_block_size, err) < 0
			       ? -EINVAL
			       : 1;
	}
	if (!info->measured && info->n_parts > 1)
		return error_set(
			err, -ENODATA,
			"has a hash partition, but neither a manifest nor --root-hash says "
			"its root hash");
	return info->measured;
}

/* What the readers of tables, manifests and hash trees say of content; anything else is that they could not read. */
static bool is_verdict(int code)
{
	return code == -EBADMSG || code == -EINVAL;
}

/* A damaged signature makes the nd_pfn block invisible, but the partition still lies behind it. */
static int check_dax(const struct image_info *info, struct error *err)
{
	if (!info->dax && info->parts[0].offset == disk_data_offset(true))
		return error_set(
			err, -EBADMSG,
			"partition 1 starts at 3 MiB, but there is no nd_pfn block at byte "
			"4096");
	return 0;
}

static int check_content(const struct image_verify_params *p, int fd, struct image_verify_result *v,
			 struct error *err)
{
	_cleanup_manifest_ struct manifest m = { 0 };
	int r = 0;

	if (!p->is_initrd) {
		r = check_dax(&v->info, err);
		v->tables_ok = r == 0;
		if (r == 0)
			r = wanted_seal(p, &v->info, &v->seal, err);
		v->damaged = r == -EBADMSG; /* -EINVAL: a root hash that is none */
	}
	if (r > 0) {
		v->verity_checked = true;
		r = verity_seal_check(fd, v->info.parts, v->info.n_parts, &v->seal, &v->bad, err);
		progress_add(p->progress, PROGRESS_CHECK, 0,
			     v->info.parts[0].size + v->info.parts[1].size);
		v->verity_ok = r == 0;
		v->damaged = is_verdict(r);
	}
	if (r < 0 || !v->info.has_manifest)
		return r;
	r = manifest_load(p->path, &m, err);
	if (r == 0)
		r = manifest_hash_fits(&m, fd, p->progress, err);
	if (r < 0)
		return r;
	v->sha512_checked = true;
	v->sha512_ok = r == 1;
	v->damaged = !v->sha512_ok;
	return v->sha512_ok
		       ? 0
		       : error_set(err, -EBADMSG, "its SHA-512 is not the one of its manifest%s",
				   v->verity_ok ? "; the partitions are as they were sealed, the "
						  "change lies outside of them"
						: "");
}

int image_verify(const struct image_verify_params *p, struct image_verify_result *ret,
		 struct error *err)
{
	const struct image_check_params cp = {
		.path = p->path,
		.is_initrd = p->is_initrd,
		/* a changed superblock, too, is named by its block */
		.any_content = true
	};
	const char *what = p->is_initrd ? "initrd" : "image";
	_cleanup_fd_ int fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->info.is_initrd = p->is_initrd;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, -errno, "%s '%s'", what, p->path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -ENODEV, "%s '%s': is not a regular file", what, p->path);
	r = image_check(&cp, &ret->info, err);
	ret->damaged = is_verdict(r);
	if (r < 0)
		return r;
	ret->tables_ok = p->is_initrd;
	progress_begin(p->progress, PROGRESS_CHECK, p->path, 0, 0);
	r = check_content(p, fd, ret, err);
	if (r == 0 && !ret->verity_ok && !ret->sha512_ok)
		r = error_set(
			err, -ENODATA,
			"has no manifest and no hash partition: there is nothing to verify it "
			"by");
	if (r < 0)
		return error_prefix(err, "%s '%s'", what, p->path);
	progress_end(p->progress, PROGRESS_CHECK);
	return 0;
}
