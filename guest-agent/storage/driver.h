/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORAGE_DRIVER_H
#define STORAGE_DRIVER_H

#include "storage/storage.h"

/* For storage.c and the drivers only. */
struct storage_driver {
	const char *name;
	bool is_mount;
	/* path: clean and absolute. -EAGAIN: try again. */
	int (*mount)(const struct storage_req *req, const char *path, const char *cid,
		     struct error *err);
	/* Other options for what is mounted; NULL: cannot. */
	int (*update)(const struct storage_req *req, const char *path, struct error *err);
};

extern const struct storage_driver storage_driver_virtiofs, storage_driver_9p, storage_driver_blk,
	storage_driver_mmioblk, storage_driver_scsi, storage_driver_ccw, storage_driver_nvdimm,
	storage_driver_overlayfs, storage_driver_bind, storage_driver_ephemeral,
	storage_driver_local;

/* Mounts with options as fstab writes them ("ro", "nosuid", "size=1m", "bind"). fstype NULL: a bind mount. */
int storage_mount(const char *source, const char *path, const char *fstype, char *const *options,
		  size_t n, struct error *err);
/* The same with the request's options, on a directory that is made when it is missing. */
int storage_mount_dir(const struct storage_req *req, const char *source, const char *path,
		      const char *fstype, struct error *err);

/*
 * The mount options of an overlay: the request's own, in which STORAGE_OVERLAY_RW stands for a writable layer below dir (made by
 * the caller). *ret_writable tells. -EINVAL without lowerdir.
 */
int storage_overlay_options(const struct storage_req *req, const char *dir, struct strv *ret,
			    bool *ret_writable, struct error *err);
/* The octal value of "mode=" in the options; def when absent. */
int storage_mode_option(const struct storage_req *req, mode_t def, mode_t *ret, struct error *err);

#endif
