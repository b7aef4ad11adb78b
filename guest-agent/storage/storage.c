/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/storage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "storage/driver.h"
#include "storage/layers.h"

struct mounted {
	struct list link;
	char *mount_point;
	unsigned int users;
	bool is_mount; /* unmounted at the end; a plain directory is not */
};

static const struct storage_driver *const drivers[] = {
	&storage_driver_virtiofs,  &storage_driver_9p,	      &storage_driver_blk,
	&storage_driver_mmioblk,   &storage_driver_scsi,      &storage_driver_ccw,
	&storage_driver_nvdimm,	   &storage_driver_overlayfs, &storage_driver_bind,
	&storage_driver_ephemeral, &storage_driver_local,
};

const char *const storage_drivers[] = { "virtio-fs",	  "9p",	       "blk",
					"mmioblk",	  "scsi",      "blk-ccw",
					"nvdimm",	  "overlayfs", "bind",
					"ephemeral",	  "local",     STORAGE_LAYERS_DRIVER,
					"watchable-bind", NULL };

void storage_table_init(struct storage_table *t)
{
	list_init(&t->mounts);
	t->n = 0;
}

static struct mounted *find(struct storage_table *t, const char *mount_point)
{
	struct list *pos;

	list_for_each(pos, &t->mounts) {
		struct mounted *m = list_entry(pos, struct mounted, link);

		if (str_eq(m->mount_point, mount_point))
			return m;
	}
	return NULL;
}

static void forget(struct storage_table *t, struct mounted *m)
{
	if (m->is_mount) {
		if (umount2(m->mount_point, UMOUNT_NOFOLLOW) < 0)
			umount2(m->mount_point, MNT_DETACH | UMOUNT_NOFOLLOW);
		rmdir(m->mount_point); /* was made for this; stays where it holds something */
	}
	list_del(&m->link);
	t->n--;
	free(m->mount_point);
	free(m);
}

void storage_table_release(struct storage_table *t)
{
	while (!list_empty(&t->mounts))
		forget(t, list_entry(t->mounts.prev, struct mounted, link));
}

bool storage_drop(struct storage_table *t, const char *mount_point)
{
	_cleanup_free_ char *clean = path_clean(mount_point);
	struct mounted *m = clean ? find(t, clean) : NULL;

	if (!m || --m->users)
		return false;
	forget(t, m);
	return true;
}

static const struct storage_driver *driver_of(const struct storage_req *req)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (str_eq(req->driver, drivers[i]->name))
			return drivers[i];
	return NULL;
}

static int do_mount(struct storage_table *t, const struct storage_req *req, const char *clean,
		    const char *cid, struct error *err)
{
	const struct storage_driver *drv = driver_of(req);
	struct mounted *m;
	int r;

	if (!drv)
		return error_set(err, -EINVAL, "storage driver \"%s\" is not supported",
				 req->driver ? req->driver : "");
	if (t->n >= STORAGE_MAX)
		return error_set(err, -ENOSPC, "more than %d storages", STORAGE_MAX);
	m = new0(struct mounted);
	if (!m || !(m->mount_point = strdup(clean))) {
		free(m);
		return error_oom(err);
	}
	r = drv->mount(req, clean, cid, err);
	if (r == 0) {
		m->users = 1;
		m->is_mount = drv->is_mount;
		list_add_tail(&t->mounts, &m->link);
		t->n++;
		return 0;
	}
	free(m->mount_point);
	free(m);
	return r;
}

int storage_add(struct storage_table *t, const struct storage_req *req, const char *cid,
		struct error *err)
{
	_cleanup_free_ char *clean = NULL;
	struct mounted *m;
	int r;

	if (!req->mount_point || req->mount_point[0] != '/')
		return error_set(err, -EINVAL, "storage mount point \"%s\" is not absolute",
				 req->mount_point ? req->mount_point : "");
	clean = path_clean(req->mount_point);
	if (!clean)
		return error_oom(err);
	if (str_eq(clean, "/"))
		return error_set(err, -EINVAL, "storage mount point \"/\" is the guest's own root");
	m = find(t, clean);
	if (m) {
		m->users++;
		return 0;
	}
	r = do_mount(t, req, clean, cid, err);
	return r < 0 ? error_prefix(err, "storage \"%s\"", clean) : 0;
}

int storage_update(struct storage_table *t, const struct storage_req *req, struct error *err)
{
	const struct storage_driver *drv = driver_of(req);
	_cleanup_free_ char *clean = path_clean(req->mount_point);
	int r;

	if (!clean)
		return error_oom(err);
	if (!drv || !drv->update)
		return error_set(err, -EINVAL,
				 "storage \"%s\": driver \"%s\" has nothing to update", clean,
				 req->driver);
	if (!find(t, clean))
		return error_set(err, -ENOENT, "storage \"%s\" is not mounted", clean);
	r = drv->update(req, clean, err);
	return r < 0 ? error_prefix(err, "storage \"%s\"", clean) : 0;
}
