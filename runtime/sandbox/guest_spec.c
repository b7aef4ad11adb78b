/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "sandbox/sandbox_internal.h"
#include "storage/guest_paths.h"

/*
 * What the guest gets to see of config.json: what only has a meaning on the host is taken out, as upstream does, and paths of the
 * host become paths of the guest.
 */

/* Asks the agent for an upper and a work directory in the guest's memory. */
#define OVERLAY_RW "io.katacontainers.fs-opt.overlay-rw"

static int refuse_hooks(const struct oci_spec *s, struct error *err)
{
	const struct {
		const char *name;
		const struct oci_hook_list *list;
	} all[] = {
		{ "prestart", &s->hooks.prestart },
		{ "createRuntime", &s->hooks.create_runtime },
		{ "createContainer", &s->hooks.create_container },
		{ "startContainer", &s->hooks.start_container },
		{ "poststart", &s->hooks.poststart },
		{ "poststop", &s->hooks.poststop },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i].list->n)
			return error_set(err, -EOPNOTSUPP,
					 "config.json: hooks.%s: hooks are not supported yet",
					 all[i].name);
	}
	return 0;
}

/* The VM is the network, cgroup and time namespace; others are new ones in the guest. */
static void strip_namespaces(struct oci_linux *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n_namespaces; i++) {
		struct oci_namespace ns = l->namespaces[i];

		if (ns.type == OCI_NS_NETWORK || ns.type == OCI_NS_CGROUP || ns.type == OCI_NS_TIME)
			continue;
		ns.path = NULL;
		l->namespaces[kept++] = ns;
	}
	l->n_namespaces = kept;
}

static void strip_resources(struct oci_resources *r)
{
	if (!r)
		return;
	r->n_devices = 0;
	memset(&r->block_io, 0, sizeof(r->block_io));
	memset(&r->network, 0, sizeof(r->network));
	r->cpu.cpus = r->cpu.mems = NULL;
	r->cpu.has_rt_period = r->cpu.has_rt_runtime = false;
}

static bool has_option(const struct oci_mount *m, const char *option)
{
	for (size_t i = 0; i < m->options.n; i++) {
		if (strcmp(m->options.v[i], option) == 0)
			return true;
	}
	return false;
}

static bool is_bind(const struct oci_mount *m)
{
	return str_eq(m->type, "bind") || has_option(m, "bind") || has_option(m, "rbind");
}

/* Whether one of the first n mounts will cover the path. */
static bool covered(const struct oci_spec *s, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++) {
		const char *rest =
			s->mounts[i].destination ? str_after(path, s->mounts[i].destination) : NULL;

		if (rest && (*rest == '/' || !*rest))
			return true;
	}
	return false;
}

static void make_point(int rootfd, const char *path, bool is_dir)
{
	int fd = is_dir ? path_mkdir_in_root(rootfd, path, 0755)
			: path_mkfile_in_root(rootfd, path, 0755);

	if (fd < 0)
		log_debug("mount point \"%s\": %s", path, strerror(-fd));
	fd_close(fd);
}

void container_make_mount_points(const struct container *c, const char *rootfs)
{
	const struct oci_spec *s = c->spec;
	const char *cwd = s->process ? s->process->cwd : NULL;
	_cleanup_fd_ int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return;
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct oci_mount *m = &s->mounts[i];
		_cleanup_free_ char *source = NULL;
		struct stat st;
		bool is_dir = true;

		if (!m->destination || covered(s, i, m->destination))
			continue;
		if (is_bind(m) && m->source) {
			source = m->source[0] == '/' ? strdup(m->source)
						     : path_join(c->bundle, m->source);
			is_dir = !source || stat(source, &st) < 0 || S_ISDIR(st.st_mode);
		}
		make_point(root, m->destination, is_dir);
	}
	if (cwd && *cwd && !covered(s, s->n_mounts, cwd))
		make_point(root, cwd, true);
}

static int share_mount(struct container *c, struct oci_mount *m, struct error *err)
{
	_cleanup_free_ char *guest = NULL, *source = NULL;
	int r;

	if (!m->source)
		return error_set(err, -EINVAL, "mount \"%s\": no source", m->destination);
	if (!c->sandbox->use_share)
		return error_set(err, -EOPNOTSUPP,
				 "mount \"%s\": %s of the host can be mounted only over virtio-fs, "
				 "which needs root and shared_fs = \"virtio-fs\"",
				 m->destination, m->source);
	source = m->source[0] == '/' ? strdup(m->source) : path_join(c->bundle, m->source);
	if (!source)
		return error_oom(err);
	r = share_add_mount(&c->sandbox->share, c->id, source, has_option(m, "ro"),
			    has_option(m, "rbind"), &guest, err);
	if (r < 0)
		return error_prefix(err, "mount \"%s\"", m->destination);
	m->source = arena_strdup(&c->spec->arena, guest);
	return m->source ? 0 : error_oom(err);
}

int container_guest_spec(struct container *c, struct error *err)
{
	struct oci_spec *s = c->spec;
	int r = refuse_hooks(s, err);

	if (r < 0)
		return r;
	s->root_path = arena_printf(&s->arena, "%s/%s/rootfs", GUEST_SHARED_DIR, c->id);
	if (!s->root_path)
		return error_oom(err);
	strip_namespaces(&s->linux_);
	strip_resources(s->linux_.resources);
	if (c->sandbox->config->disable_guest_seccomp)
		s->linux_.seccomp = NULL;
	for (size_t i = 0; i < s->n_mounts; i++) {
		if (!is_bind(&s->mounts[i]))
			continue;
		r = share_mount(c, &s->mounts[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static Grpc__Storage *storage_new(struct arena *a, size_t max_options)
{
	Grpc__Storage *st = arena_new(a, Grpc__Storage);

	if (!st)
		return NULL;
	grpc__storage__init(st);
	st->options = arena_new_array(a, char *, max_options + 1);
	return st->options ? st : NULL;
}

int guest_sandbox_storages(struct sandbox *sb, struct arena *a, Grpc__Storage ***ret, size_t *ret_n,
			   struct error *err)
{
	Grpc__Storage *st;

	if (!sb->use_share)
		return 0;
	*ret = arena_new_array(a, Grpc__Storage *, 1);
	st = storage_new(a, 0);
	if (!st || !*ret)
		return error_oom(err);
	st->driver = (char *)"virtio-fs";
	st->source = (char *)GUEST_SHARED_TAG;
	st->fstype = (char *)"virtiofs";
	st->mount_point = (char *)GUEST_SHARED_DIR;
	(*ret)[0] = st;
	*ret_n = 1;
	return 0;
}

/* The read-only image, and over it a writable overlay at the place of the root. */
int guest_storages(struct container *c, struct arena *a, Grpc__Storage ***ret, size_t *ret_n,
		   struct error *err)
{
	const struct sandbox *sb = c->sandbox;
	Grpc__Storage *lower, *overlay;
	const char *driver = NULL;
	char source[64];
	int r;

	if (!c->packed)
		return 0;
	r = sb->vm_ops->disk_source(sb->vm, sb->disk.id, source, sizeof(source), &driver);
	if (r < 0)
		return error_sys(err, r, "place of the root file system's disk");
	*ret = arena_new_array(a, Grpc__Storage *, 2);
	lower = storage_new(a, 1);
	overlay = storage_new(a, 2);
	if (!*ret || !lower || !overlay)
		return error_oom(err);
	lower->driver = (char *)driver;
	lower->source = arena_strdup(a, source);
	lower->fstype = (char *)"erofs";
	lower->mount_point = arena_printf(a, "%s/%s", GUEST_LAYERS_DIR, c->id);
	lower->options[0] = (char *)"ro";
	lower->n_options = 1;
	overlay->driver = (char *)"overlayfs";
	overlay->source = (char *)"overlay";
	overlay->fstype = (char *)"overlay";
	overlay->mount_point = c->spec->root_path;
	overlay->options[0] =
		lower->mount_point ? arena_printf(a, "lowerdir=%s", lower->mount_point) : NULL;
	overlay->options[1] = (char *)OVERLAY_RW;
	overlay->n_options = 2;
	if (!lower->source || !lower->mount_point || !overlay->options[0])
		return error_oom(err);
	(*ret)[0] = lower;
	(*ret)[1] = overlay;
	*ret_n = 2;
	return 0;
}
