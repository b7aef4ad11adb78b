/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "codec/toml.h"
#include "config/config_keys.h"

/* What upstream assumes for keys that the file does not have (its amd64 template). */
#define DEFAULT_QEMU	      "/usr/bin/qemu-system-x86_64"
#define DEFAULT_KERNEL	      "/usr/share/kata-containers/vmlinux.container"
#define DEFAULT_MEMORY_MIB    2048
#define DEFAULT_DIAL_TIMEOUT  45
#define DEFAULT_CREATE_TMO    60
#define DEFAULT_FS_QUEUE_SIZE 1024
#define MAX_TIMEOUT	      86400
#define MAX_VCPUS	      1024
#define MAX_MEMORY_MIB	      (16u << 20)

/* One load: the configuration so far, and where warnings go. */
struct loading {
	struct config *c;
	config_warn_fn warn;
	void *data;
};

struct config *config_free(struct config *c)
{
	if (!c)
		return NULL;
	free(c->path);
	free(c->hypervisor);
	free(c->hypervisor_path);
	free(c->kernel);
	free(c->image);
	free(c->initrd);
	free(c->machine_type);
	free(c->cpu_features);
	free(c->kernel_params);
	free(c->rootfs_type);
	free(c->kernel_verity_params);
	free(c->virtio_fs_daemon);
	free(c->virtio_fs_cache);
	strv_release(&c->virtio_fs_extra_args);
	strv_release(&c->kernel_modules);
	free(c);
	return NULL;
}

static int replace(char **dst, const char *value)
{
	char *copy = value && *value ? strdup(value) : NULL;

	if (value && *value && !copy)
		return -ENOMEM;
	free(*dst);
	*dst = copy;
	return 0;
}

static struct config *config_new(const char *path)
{
	struct config *c = new0(struct config);

	if (!c)
		return NULL;
	c->path = path_absolute(path);
	c->vcpus = 1;
	c->memory_mib = DEFAULT_MEMORY_MIB;
	c->virtio_fs_queue_size = DEFAULT_FS_QUEUE_SIZE;
	c->image_nvdimm = true;
	c->dial_timeout = DEFAULT_DIAL_TIMEOUT;
	c->create_container_timeout = DEFAULT_CREATE_TMO;
	c->disable_guest_seccomp = true;
	if (!c->path || replace(&c->hypervisor_path, DEFAULT_QEMU) < 0 ||
	    replace(&c->kernel, DEFAULT_KERNEL) < 0 || replace(&c->virtio_fs_cache, "auto") < 0 ||
	    replace(&c->rootfs_type, "ext4") < 0)
		return config_free(c);
	return c;
}

static int get_string(struct toml_value *t, const char *key, char **dst, struct error *err)
{
	const char *s = NULL;
	int r = toml_get_string(t, key, &s, err);

	if (r <= 0)
		return r;
	return replace(dst, s) < 0 ? error_oom(err) : 0;
}

/* An absolute path, or "" for none. */
static int get_path(struct toml_value *t, const char *key, char **dst, struct error *err)
{
	int r = get_string(t, key, dst, err);

	if (r < 0)
		return r;
	if (*dst && (*dst)[0] != '/' && toml_find(t, key))
		return toml_fail(toml_find(t, key), err, "\"%s\" is no absolute path", *dst);
	return 0;
}

static int get_strings(struct toml_value *t, const char *key, struct strv *dst, struct error *err)
{
	struct toml_value *list = NULL, *v;
	int r = toml_get_strings(t, key, &list, err);

	if (r <= 0)
		return r;
	strv_release(dst);
	toml_for_each(v, list)
	{
		if (strv_add(dst, v->str.s) < 0)
			return error_oom(err);
	}
	return 0;
}

static int get_word(struct toml_value *t, const char *key, const char *const *words, int *ret,
		    struct error *err)
{
	const char *s = NULL;
	int r = toml_get_string(t, key, &s, err);

	if (r <= 0)
		return r;
	for (int i = 0; words[i]; i++) {
		if (str_eq(words[i], s)) {
			*ret = i;
			return 0;
		}
	}
	return toml_fail(toml_find(t, key), err, "unknown value \"%s\"", s);
}

static int get_shared_fs(struct toml_value *t, struct config *c, struct error *err)
{
	static const char *const words[] = { "virtio-fs",	 "none",
					     "virtio-9p",	 "virtio-fs-nydus",
					     "inline-virtio-fs", NULL };
	int word = c->shared_fs;
	int r = get_word(t, "shared_fs", words, &word, err);

	if (r < 0)
		return r;
	if (word > CONFIG_FS_NONE)
		return toml_fail(toml_find(t, "shared_fs"), err, "\"%s\" is not supported yet",
				 words[word]);
	c->shared_fs = word;
	return 0;
}

/* default_vcpus may be a fraction, which is rounded up; below zero: all of the host's. */
static int get_vcpus(struct toml_value *t, struct config *c, struct error *err)
{
	double n = 0;
	int r = toml_get_float(t, "default_vcpus", &n, err);

	if (r <= 0)
		return r;
	if (!(n <= MAX_VCPUS))
		return toml_fail(toml_find(t, "default_vcpus"), err, "more than %d", MAX_VCPUS);
	if (n < 0)
		c->vcpus = 0;
	else
		c->vcpus = n <= 1 ? 1 : (uint32_t)n + ((double)(uint32_t)n < n);
	return 0;
}

static int get_number(struct toml_value *t, const char *key, int64_t min, int64_t max,
		      uint32_t *dst, struct error *err)
{
	int64_t n = 0;
	int r = toml_get_int(t, key, min, max, &n, err);

	if (r > 0)
		*dst = (uint32_t)n;
	return r < 0 ? r : 0;
}

static int read_machine(struct toml_value *t, struct config *c, struct error *err)
{
	static const char *const accels[] = { "auto", "kvm", "tcg", NULL };
	static const char *const transports[] = { "auto", "vhost-vsock", "vhost-user", NULL };
	static const char *const types[] = { "ext4", "erofs", "xfs", NULL };
	int accel = c->accel, transport = c->transport, type = 0, r;
	bool no_nvdimm = !c->image_nvdimm;

	if ((r = get_path(t, "path", &c->hypervisor_path, err)) < 0 ||
	    (r = get_path(t, "kernel", &c->kernel, err)) < 0 ||
	    (r = get_path(t, "image", &c->image, err)) < 0 ||
	    (r = get_path(t, "initrd", &c->initrd, err)) < 0 ||
	    (r = get_string(t, "machine_type", &c->machine_type, err)) < 0 ||
	    (r = get_string(t, "cpu_features", &c->cpu_features, err)) < 0 ||
	    (r = get_string(t, "kernel_params", &c->kernel_params, err)) < 0 ||
	    (r = get_string(t, "kernel_verity_params", &c->kernel_verity_params, err)) < 0 ||
	    (r = get_word(t, "rootfs_type", types, &type, err)) < 0 ||
	    (r = get_string(t, "rootfs_type", &c->rootfs_type, err)) < 0 ||
	    (r = get_word(t, "accelerator", accels, &accel, err)) < 0 ||
	    (r = get_word(t, "transport", transports, &transport, err)) < 0 ||
	    (r = get_vcpus(t, c, err)) < 0 ||
	    (r = get_number(t, "default_maxvcpus", 0, MAX_VCPUS, &c->max_vcpus, err)) < 0 ||
	    (r = get_number(t, "default_memory", CONFIG_MIN_MEMORY_MIB, MAX_MEMORY_MIB,
			    &c->memory_mib, err)) < 0 ||
	    (r = toml_get_bool(t, "disable_image_nvdimm", &no_nvdimm, err)) < 0 ||
	    (r = toml_get_bool(t, "enable_debug", &c->hypervisor_debug, err)) < 0)
		return r;
	c->image_nvdimm = !no_nvdimm;
	c->accel = accel;
	c->transport = transport;
	return 0;
}

static int read_share(struct toml_value *t, struct config *c, struct error *err)
{
	static const char *const caches[] = { "auto", "never", "metadata", "always", "none", NULL };
	int cache = 0, r;

	if ((r = get_shared_fs(t, c, err)) < 0 ||
	    (r = get_path(t, "virtio_fs_daemon", &c->virtio_fs_daemon, err)) < 0 ||
	    (r = get_word(t, "virtio_fs_cache", caches, &cache, err)) < 0 ||
	    (r = get_string(t, "virtio_fs_cache", &c->virtio_fs_cache, err)) < 0 ||
	    (r = get_number(t, "virtio_fs_queue_size", 2, 1024, &c->virtio_fs_queue_size, err)) < 0)
		return r;
	return get_strings(t, "virtio_fs_extra_args", &c->virtio_fs_extra_args, err);
}

/* The one [hypervisor.NAME] section. */
static int read_hypervisor(struct toml_value *root, struct loading *l, struct error *err)
{
	static const char *const known[] = { "qemu", "fake", NULL };
	struct toml_value *all = NULL, *t;
	char name[64];
	int r = toml_get_table(root, "hypervisor", &all, err);

	if (r <= 0)
		return r;
	toml_for_each(t, all)
	{
		bool built = false;

		if (t->type != TOML_TABLE)
			return toml_fail(t, err, "expected a table, got %s",
					 toml_type_text(t->type));
		for (int i = 0; known[i]; i++)
			built |= str_eq(known[i], t->key);
		if (!built)
			return toml_fail(t, err, "hypervisor \"%s\" is not supported", t->key);
		if (l->c->hypervisor && !str_eq(l->c->hypervisor, t->key))
			return toml_fail(t, err, "a second hypervisor beside \"%s\"",
					 l->c->hypervisor);
		if (replace(&l->c->hypervisor, t->key) < 0)
			return error_oom(err);
		t->used = true;
		snprintf(name, sizeof(name), "hypervisor.%s", t->key);
		if ((r = read_machine(t, l->c, err)) < 0 || (r = read_share(t, l->c, err)) < 0 ||
		    (r = config_keys_check(t, name, l->warn, l->data, err)) < 0)
			return r;
	}
	return 0;
}

static int read_agent(struct toml_value *root, struct loading *l, struct error *err)
{
	struct toml_value *t = NULL;
	struct config *c = l->c;
	int r = toml_get_table(root, "agent.kata", &t, err);

	if (r <= 0)
		return r;
	if ((r = toml_get_bool(t, "enable_debug", &c->agent_debug, err)) < 0 ||
	    (r = toml_get_bool(t, "debug_console_enabled", &c->debug_console, err)) < 0 ||
	    (r = get_number(t, "dial_timeout", 1, MAX_TIMEOUT, &c->dial_timeout, err)) < 0 ||
	    (r = get_strings(t, "kernel_modules", &c->kernel_modules, err)) < 0)
		return r;
	return config_keys_check(t, "agent.kata", l->warn, l->data, err);
}

static int read_runtime(struct toml_value *root, struct loading *l, struct error *err)
{
	struct toml_value *t = NULL;
	struct config *c = l->c;
	int r = toml_get_table(root, "runtime", &t, err);

	if (r <= 0)
		return r;
	if ((r = toml_get_bool(t, "enable_debug", &c->debug, err)) < 0 ||
	    (r = toml_get_bool(t, "disable_guest_seccomp", &c->disable_guest_seccomp, err)) < 0 ||
	    (r = get_number(t, "create_container_timeout", 1, MAX_TIMEOUT,
			    &c->create_container_timeout, err)) < 0)
		return r;
	return config_keys_check(t, "runtime", l->warn, l->data, err);
}

static int warn_unknown(const struct toml_value *v, void *arg)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	char path[TOML_KEY_PATH_MAX];
	struct loading *l = arg;

	if (strbuf_addf(&line, "%s:%u: unknown key \"%s\"", toml_name(v->doc), v->line,
			toml_key_path(v, path)) < 0)
		return -ENOMEM;
	l->warn(line.buf, l->data);
	return 0;
}

/* Lays one document over what was read before. */
static int apply_file(const char *path, struct loading *l, struct error *err)
{
	_cleanup_toml_ struct toml_doc *doc = NULL;
	struct toml_value *root;
	int r;

	r = toml_load(AT_FDCWD, path, &doc, err);
	if (r < 0)
		return r;
	root = toml_root(doc);
	if ((r = read_hypervisor(root, l, err)) < 0 || (r = read_agent(root, l, err)) < 0 ||
	    (r = read_runtime(root, l, err)) < 0 ||
	    (r = config_keys_check(root, "", l->warn, l->data, err)) < 0)
		return r;
	if (l->warn && toml_for_each_unused(doc, warn_unknown, l) < 0)
		return error_oom(err);
	return 0;
}

static int not_dotfile(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int apply_dropins(const char *path, struct loading *l, struct error *err)
{
	_cleanup_free_ char *dir = strndup(path, (size_t)(path_base(path) - path));
	_cleanup_free_ char *dropins = dir ? path_join(*dir ? dir : ".", "config.d") : NULL;
	struct dirent **names = NULL;
	int n, r = 0;

	if (!dropins)
		return error_oom(err);
	n = scandir(dropins, &names, not_dotfile, alphasort);
	if (n < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0
							   : error_sys(err, -errno, "%s", dropins);
	if (n > CONFIG_MAX_DROPINS)
		r = error_set(err, -EFBIG, "%s: more than %d files", dropins, CONFIG_MAX_DROPINS);
	for (int i = 0; i < n; i++) {
		if (r == 0) {
			_cleanup_free_ char *file = path_join(dropins, names[i]->d_name);

			r = file ? apply_file(file, l, err) : error_oom(err);
		}
		free(names[i]);
	}
	free(names);
	return r;
}

static int check_whole(struct config *c, struct error *err)
{
	if (!c->hypervisor)
		return error_set(err, -EINVAL, "%s: no [hypervisor.NAME] section", c->path);
	if (c->image && c->initrd)
		return error_set(err, -EINVAL,
				 "%s: both image and initrd are set; exactly one is wanted",
				 c->path);
	if (!c->image && !c->initrd && !str_eq(c->hypervisor, "fake"))
		return error_set(err, -EINVAL,
				 "%s: neither image nor initrd is set; exactly one is wanted",
				 c->path);
	if (c->kernel_verity_params && c->initrd)
		return error_set(err, -EINVAL,
				 "%s: kernel_verity_params are for an image, and initrd is set",
				 c->path);
	if (!c->kernel)
		return error_set(err, -EINVAL, "%s: no kernel is set", c->path);
	if (c->max_vcpus && c->vcpus > c->max_vcpus)
		c->vcpus = c->max_vcpus;
	return 0;
}

int config_load(const char *path, config_warn_fn warn, void *data, struct config **ret,
		struct error *err)
{
	_cleanup_config_ struct config *c = config_new(path);
	struct loading l = { c, warn, data };
	int r;

	if (!c)
		return error_oom(err);
	if ((r = apply_file(path, &l, err)) < 0 || (r = apply_dropins(path, &l, err)) < 0 ||
	    (r = check_whole(c, err)) < 0)
		return r;
	*ret = steal_ptr(c);
	return 0;
}
