/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/driver.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "container/mountopt.h"
#include "device/device.h"

int storage_mount(const char *source, const char *path, const char *fstype, char *const *options,
		  size_t n, struct error *err)
{
	struct mount_opts o;
	int r = mount_opts_parse(options, n, &o, err);

	if (r < 0)
		return r;
	if (o.bind)
		o.flags |= (unsigned long)MS_BIND | (o.recursive ? MS_REC : 0);
	if (mount(source, path, fstype, o.flags, o.data) < 0)
		r = error_sys(err, -errno, "cannot mount %s \"%s\"", fstype ? fstype : "bind",
			      source);
	/* The first call ignores these for a bind mount. */
	if (r == 0 && o.bind && (o.attr_set || o.attr_clr)) {
		struct mount_attr attr = { .attr_set = o.attr_set, .attr_clr = o.attr_clr };

		if (mount_setattr(AT_FDCWD, path, 0, &attr, sizeof(attr)) < 0) {
			r = error_sys(err, -errno, "cannot set mount attributes");
			umount2(path, MNT_DETACH);
		}
	}
	if (r == 0 && o.propagation && mount(NULL, path, NULL, o.propagation, NULL) < 0) {
		r = error_sys(err, -errno, "cannot set propagation");
		umount2(path, MNT_DETACH);
	}
	mount_opts_release(&o);
	return r;
}

int storage_mount_dir(const struct storage_req *req, const char *source, const char *path,
		      const char *fstype, struct error *err)
{
	int r = file_mkdir_p(AT_FDCWD, path, 0755, err);

	return r < 0 ? r : storage_mount(source, path, fstype, req->options, req->n_options, err);
}

/* A share by its tag. The kernel says EINVAL (virtiofs) or ENOENT (9p) while no device has the tag: it may be on its way. */
static int mount_tag(const struct storage_req *req, const char *path, const char *fstype,
		     struct error *err)
{
	int r;

	if (!req->source || !*req->source)
		return error_set(err, -EINVAL, "no tag");
	r = storage_mount_dir(req, req->source, path, fstype, err);
	if (r == -EINVAL || r == -ENOENT)
		err->code = r = -EAGAIN;
	return r;
}

static int mount_virtiofs(const struct storage_req *req, const char *path, const char *cid,
			  struct error *err)
{
	return mount_tag(req, path, "virtiofs", err);
}

static int mount_9p(const struct storage_req *req, const char *path, const char *cid,
		    struct error *err)
{
	return mount_tag(req, path, "9p", err);
}

static int mount_blk(const struct storage_req *req, const char *path, const char *cid,
		     struct error *err)
{
	_cleanup_free_ char *dev = NULL;
	int r = device_block_resolve(req->driver, req->source, &dev, err);

	if (r < 0)
		return r;
	/* Key and file system making are for the confidential setups of upstream; silently mounting in the clear would be wrong. */
	for (size_t i = 0; i < req->n_driver_options; i++)
		if (str_after(req->driver_options[i], "encryption_key=") ||
		    str_after(req->driver_options[i], "confidential"))
			return error_set(err, -EOPNOTSUPP, "driver option \"%s\" is not supported",
					 req->driver_options[i]);
	if (!req->fstype || !*req->fstype || str_eq(req->fstype, "bind")) {
		return error_set(err, -EINVAL, "no file system type for %s", dev);
	}
	return storage_mount_dir(req, dev, path, req->fstype, err);
}

int storage_overlay_options(const struct storage_req *req, const char *dir, struct strv *ret,
			    bool *ret_writable, struct error *err)
{
	bool lower = false;
	int n = 0;

	*ret_writable = false;
	for (size_t i = 0; i < req->n_options; i++) {
		const char *o = req->options[i];

		if (str_eq(o, STORAGE_OVERLAY_RW)) {
			*ret_writable = true;
			continue;
		}
		lower |= str_after(o, "lowerdir=") != NULL;
		n |= strv_add(ret, o);
	}
	if (!lower)
		return error_set(err, -EINVAL, "overlay without lowerdir=");
	if (*ret_writable) {
		n |= strv_addf(ret, "upperdir=%s/upper", dir);
		n |= strv_addf(ret, "workdir=%s/work", dir);
	}
	return n < 0 ? error_oom(err) : 0;
}

static int mount_overlayfs(const struct storage_req *req, const char *path, const char *cid,
			   struct error *err)
{
	_cleanup_strv_ struct strv options = STRV_INIT;
	_cleanup_free_ char *dir = str_printf("%s/%s", STORAGE_RUN_DIR, cid);
	bool writable;
	int r;

	if (!dir)
		return error_oom(err);
	r = storage_overlay_options(req, dir, &options, &writable, err);
	if (r < 0)
		return r;
	if (writable && !*cid)
		return error_set(err, -EINVAL, "a writable overlay needs a container");
	for (size_t i = 0; i < req->n_driver_options; i++) {
		const char *d = str_after(req->driver_options[i],
					  "io.katacontainers.volume.overlayfs.create_directory=");

		if (d && file_mkdir_p(AT_FDCWD, d, 0755, err) < 0)
			return err->code;
	}
	if (writable) {
		_cleanup_free_ char *upper = str_printf("%s/upper", dir);
		_cleanup_free_ char *work = str_printf("%s/work", dir);

		if (!upper || !work)
			return error_oom(err);
		if (file_mkdir_p(AT_FDCWD, upper, 0755, err) < 0 ||
		    file_mkdir_p(AT_FDCWD, work, 0755, err) < 0)
			return err->code;
	}
	r = file_mkdir_p(AT_FDCWD, path, 0755, err);
	return r < 0 ? r : storage_mount("overlay", path, "overlay", options.v, options.n, err);
}

static int mount_bind(const struct storage_req *req, const char *path, const char *cid,
		      struct error *err)
{
	_cleanup_strv_ struct strv options = STRV_INIT;
	struct stat st;
	int r;

	if (!req->source || req->source[0] != '/')
		return error_set(err, -EINVAL, "bind source \"%s\" is not absolute",
				 req->source ? req->source : "");
	if (stat(req->source, &st) < 0)
		return error_sys(err, -errno, "bind source \"%s\"", req->source);
	for (size_t i = 0; i < req->n_options; i++)
		if (strv_add(&options, req->options[i]) < 0)
			return error_oom(err);
	if (strv_add(&options, "bind") < 0)
		return error_oom(err);
	if (S_ISDIR(st.st_mode)) {
		r = file_mkdir_p(AT_FDCWD, path, 0755, err);
	} else {
		r = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		r = r < 0 ? error_sys(err, -errno, "cannot make \"%s\"", path) : (fd_close(r), 0);
	}
	return r < 0 ? r : storage_mount(req->source, path, NULL, options.v, options.n, err);
}

const struct storage_driver storage_driver_virtiofs = { "virtio-fs", true, mount_virtiofs, NULL };
const struct storage_driver storage_driver_9p = { "9p", true, mount_9p, NULL };
const struct storage_driver storage_driver_blk = { "blk", true, mount_blk, NULL };
const struct storage_driver storage_driver_mmioblk = { "mmioblk", true, mount_blk, NULL };
const struct storage_driver storage_driver_scsi = { "scsi", true, mount_blk, NULL };
const struct storage_driver storage_driver_ccw = { "blk-ccw", true, mount_blk, NULL };
const struct storage_driver storage_driver_nvdimm = { "nvdimm", true, mount_blk, NULL };
const struct storage_driver storage_driver_overlayfs = { "overlayfs", true, mount_overlayfs, NULL };
const struct storage_driver storage_driver_bind = { "bind", true, mount_bind, NULL };
