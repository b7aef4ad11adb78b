/* SPDX-License-Identifier: Apache-2.0 */
/* Storage that the guest makes of its own memory or root: "ephemeral" and "local". */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "container/mountopt.h"
#include "storage/driver.h"

#define HUGEPAGES_DIR "/sys/kernel/mm/hugepages"
#define HUGEPAGES_MAX (1u << 24) /* pages of one request */

int storage_mode_option(const struct storage_req *req, mode_t def, mode_t *ret, struct error *err)
{
	uint32_t v;

	*ret = def;
	for (size_t i = 0; i < req->n_options; i++) {
		const char *text = str_after(req->options[i], "mode=");

		if (!text)
			continue;
		if (parse_u32(text, 8, &v) < 0 || v > 07777)
			return error_set(err, -EINVAL, "\"%s\" is not a mode", req->options[i]);
		*ret = v;
	}
	return 0;
}

/* The options without "fsgid=", whose value is *ret_gid; (gid_t)-1: none. */
static int split_gid(const struct storage_req *req, struct strv *ret, gid_t *ret_gid,
		     struct error *err)
{
	*ret_gid = (gid_t)-1;
	for (size_t i = 0; i < req->n_options; i++) {
		const char *v = str_after(req->options[i], "fsgid=");
		uint32_t gid;

		if (!v && strv_add(ret, req->options[i]) < 0)
			return error_oom(err);
		if (!v)
			continue;
		if (parse_u32(v, 10, &gid) < 0)
			return error_set(err, -EINVAL, "\"%s\" is not a group", req->options[i]);
		*ret_gid = gid;
	}
	return 0;
}

/* ---- huge pages ----------------------------------------------------------------------------------------------------- */

static int read_count(const char *path, uint64_t *ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (file_read(AT_FDCWD, path, 64, &text, err) < 0)
		return err->code;
	strbuf_trim_end(&text);
	return parse_u64(text.buf, 10, ret) < 0 ? error_set(err, -EIO, "%s: \"%s\"", path, text.buf)
						: 0;
}

static int write_count(const char *path, uint64_t n, struct error *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	return file_write_existing(AT_FDCWD, path, text, err);
}

/* That many more pages in the kernel's pool, or none more and an error. */
static int grow_pool(uint64_t page, uint64_t pages, struct error *err)
{
	char path[96];
	uint64_t before = 0, now = 0;

	snprintf(path, sizeof(path), HUGEPAGES_DIR "/hugepages-%" PRIu64 "kB/nr_hugepages",
		 page / 1024);
	if (access(path, F_OK) < 0)
		return error_set(err, -EINVAL, "there are no pages of %" PRIu64 " KiB",
				 page / 1024);
	if (read_count(path, &before, err) < 0 || write_count(path, before + pages, err) < 0 ||
	    read_count(path, &now, err) < 0)
		return err->code;
	if (now >= before + pages)
		return 0;
	write_count(path, before, NULL);
	return error_set(err, -ENOMEM,
			 "memory for %" PRIu64 " of %" PRIu64 " pages of %" PRIu64 " KiB",
			 now - before, pages, page / 1024);
}

static int take_hugepages(const struct strv *options, struct error *err)
{
	uint64_t page = 0, size = 0;

	for (size_t i = 0; i < options->n; i++) {
		const char *p = str_after(options->v[i], "pagesize=");
		const char *s = str_after(options->v[i], "size=");

		if ((p && parse_size(p, &page) < 0) || (s && parse_size(s, &size) < 0))
			return error_set(err, -EINVAL, "\"%s\" is not a size", options->v[i]);
	}
	if (page < 1024 || !size || size / page > HUGEPAGES_MAX)
		return error_set(err, -EINVAL, "hugetlbfs needs pagesize= and size=");
	return grow_pool(page, size / page + (size % page != 0), err);
}

/* ---- ephemeral ------------------------------------------------------------------------------------------------------ */

static int set_group(const char *path, gid_t gid, mode_t mode, struct error *err)
{
	if (gid != (gid_t)-1 && chown(path, (uid_t)-1, gid) < 0)
		return error_sys(err, -errno, "cannot set group %u", gid);
	return chmod(path, mode) < 0 ? error_sys(err, -errno, "cannot set mode") : 0;
}

static int mount_ephemeral(const struct storage_req *req, const char *path, const char *cid,
			   struct error *err)
{
	_cleanup_strv_ struct strv options = STRV_INIT;
	const char *fstype = req->fstype && *req->fstype ? req->fstype : "tmpfs";
	gid_t gid;
	int r;

	if (!str_eq(fstype, "tmpfs") && !str_eq(fstype, "hugetlbfs"))
		return error_set(err, -EINVAL, "ephemeral storage of type \"%s\" is not supported",
				 fstype);
	r = split_gid(req, &options, &gid, err);
	if (r == 0 && str_eq(fstype, "hugetlbfs"))
		r = take_hugepages(&options, err);
	if (r == 0)
		r = file_mkdir_p(AT_FDCWD, path, 0755, err);
	if (r == 0)
		r = storage_mount(fstype, path, fstype, options.v, options.n, err);
	if (r < 0 || gid == (gid_t)-1)
		return r;
	r = set_group(path, gid, 02777, err);
	if (r < 0)
		umount2(path, MNT_DETACH);
	return r;
}

/* The host has more or less memory for the sandbox now. */
static int update_ephemeral(const struct storage_req *req, const char *path, struct error *err)
{
	_cleanup_strv_ struct strv options = STRV_INIT;
	struct mount_opts o;
	gid_t gid;
	int r = split_gid(req, &options, &gid, err);

	if (r < 0)
		return r;
	r = mount_opts_parse(options.v, options.n, &o, err);
	if (r < 0)
		return r;
	if (mount(NULL, path, NULL, MS_REMOUNT | o.flags, o.data) < 0)
		r = error_sys(err, -errno, "cannot remount");
	mount_opts_release(&o);
	return r;
}

/* ---- local ---------------------------------------------------------------------------------------------------------- */

static int make_local(const struct storage_req *req, const char *path, const char *cid,
		      struct error *err)
{
	_cleanup_strv_ struct strv options = STRV_INIT;
	mode_t mode;
	gid_t gid;

	if (storage_mode_option(req, 0755, &mode, err) < 0 ||
	    split_gid(req, &options, &gid, err) < 0 || file_mkdir_p(AT_FDCWD, path, 0755, err) < 0)
		return err->code;
	return set_group(path, gid, gid == (gid_t)-1 ? mode : mode | 02000, err);
}

const struct storage_driver storage_driver_ephemeral = { "ephemeral", true, mount_ephemeral,
							 update_ephemeral };
const struct storage_driver storage_driver_local = { "local", false, make_local, NULL };
