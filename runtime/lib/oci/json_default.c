/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "codec/json.h"

/*
 * The document that `spec` writes: the same defaults as runc's command of that name, so that bundles made with either
 * behave the same. Rootless differs as there: a user namespace that maps the caller to root, no network namespace, no
 * gid= in mount options, /sys bound from outside and no device rules.
 */

static void out_list(struct json_out *o, const char *key, const char *const *v, size_t n)
{
	json_out_array(o, key);
	for (size_t i = 0; i < n; i++)
		json_out_string(o, NULL, v[i]);
	json_out_end(o);
}

#define LIST(...)                             \
	(const char *const[]){ __VA_ARGS__ }, \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *)
#define STRINGS(o, key, ...) out_list((o), (key), LIST(__VA_ARGS__))

static void out_process(struct json_out *o, const char *const *args)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	size_t n = 0;

	json_out_object(o, "process");
	json_out_bool(o, "terminal", !args);
	json_out_object(o, "user");
	json_out_u64(o, "uid", 0);
	json_out_u64(o, "gid", 0);
	json_out_end(o);
	while (args && args[n])
		n++;
	if (args)
		out_list(o, "args", args, n);
	else
		STRINGS(o, "args", "sh");
	STRINGS(o, "env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"TERM=xterm");
	json_out_string(o, "cwd", "/");
	json_out_object(o, "capabilities");
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		STRINGS(o, sets[i], "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE");
	json_out_end(o);
	json_out_array(o, "rlimits");
	json_out_object(o, NULL);
	json_out_string(o, "type", "RLIMIT_NOFILE");
	json_out_u64(o, "hard", 1024);
	json_out_u64(o, "soft", 1024);
	json_out_end(o);
	json_out_end(o);
	json_out_bool(o, "noNewPrivileges", true);
	json_out_end(o);
}

static void out_mount(struct json_out *o, const char *destination, const char *type,
		      const char *source, const char *const *options, size_t n)
{
	json_out_object(o, NULL);
	json_out_string(o, "destination", destination);
	json_out_string(o, "type", type);
	json_out_string(o, "source", source);
	if (n > 0)
		out_list(o, "options", options, n);
	json_out_end(o);
}

#define MOUNT(o, destination, type, source, ...) \
	out_mount((o), (destination), (type), (source), LIST(__VA_ARGS__))

static void out_mounts(struct json_out *o, bool rootless)
{
	json_out_array(o, "mounts");
	out_mount(o, "/proc", "proc", "proc", NULL, 0);
	MOUNT(o, "/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k");
	if (rootless)
		MOUNT(o, "/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance",
		      "ptmxmode=0666", "mode=0620");
	else
		MOUNT(o, "/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance",
		      "ptmxmode=0666", "mode=0620", "gid=5");
	MOUNT(o, "/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777",
	      "size=65536k");
	MOUNT(o, "/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev");
	if (rootless)
		MOUNT(o, "/sys", "none", "/sys", "rbind", "nosuid", "noexec", "nodev", "ro");
	else
		MOUNT(o, "/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro");
	MOUNT(o, "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime",
	      "ro");
	json_out_end(o);
}

static void out_id_map(struct json_out *o, const char *key, uint32_t host_id)
{
	json_out_array(o, key);
	json_out_object(o, NULL);
	json_out_u64(o, "containerID", 0);
	json_out_u64(o, "hostID", host_id);
	json_out_u64(o, "size", 1);
	json_out_end(o);
	json_out_end(o);
}

static void out_resources(struct json_out *o)
{
	json_out_object(o, "resources");
	json_out_array(o, "devices");
	json_out_object(o, NULL);
	json_out_bool(o, "allow", false);
	json_out_string(o, "access", "rwm");
	json_out_end(o);
	json_out_end(o);
	json_out_end(o);
}

static void out_linux(struct json_out *o, bool rootless)
{
	static const enum oci_ns_type namespaces[] = { OCI_NS_PID, OCI_NS_NETWORK, OCI_NS_IPC,
						       OCI_NS_UTS, OCI_NS_MOUNT,   OCI_NS_CGROUP };

	json_out_object(o, "linux");
	if (rootless) {
		out_id_map(o, "uidMappings", geteuid());
		out_id_map(o, "gidMappings", getegid());
	} else {
		out_resources(o);
	}
	json_out_array(o, "namespaces");
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		enum oci_ns_type t = namespaces[i];

		if (rootless && t == OCI_NS_NETWORK)
			t = OCI_NS_USER;
		json_out_object(o, NULL);
		json_out_string(o, "type", oci_ns_name(t));
		json_out_end(o);
	}
	json_out_end(o);
	STRINGS(o, "maskedPaths", "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys",
		"/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
		"/sys/firmware", "/proc/scsi");
	STRINGS(o, "readonlyPaths", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
		"/proc/sysrq-trigger");
	json_out_end(o);
}

char *oci_spec_default_json(const char *hostname, bool rootless, const char *const *args)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct json_out o;

	json_out_init(&o, &sb, "\t");
	json_out_object(&o, NULL);
	json_out_string(&o, "ociVersion", "1.0.2");
	out_process(&o, args);
	json_out_object(&o, "root");
	json_out_string(&o, "path", "rootfs");
	json_out_bool(&o, "readonly", true);
	json_out_end(&o);
	json_out_string(&o, "hostname", hostname);
	out_mounts(&o, rootless);
	out_linux(&o, rootless);
	json_out_end(&o);
	if (json_out_finish(&o) < 0)
		return NULL;
	return strbuf_detach(&sb, NULL);
}

int oci_spec_write_default(const char *bundle, const char *hostname, bool rootless,
			   const char *const *args, struct error *err)
{
	_cleanup_free_ char *path = path_join(bundle, "config.json");
	_cleanup_free_ char *json = oci_spec_default_json(hostname, rootless, args);
	_cleanup_fd_ int fd = -1;
	int r;

	if (!path || !json)
		return error_oom(err);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0640);
	if (fd < 0 && errno == EEXIST)
		return error_set(err, -EEXIST, "File %s exists. Remove it first", path);
	if (fd < 0)
		return error_sys(err, -errno, "%s", path);
	r = fd_write_full(fd, json, strlen(json));
	if (r < 0) {
		unlink(path);
		return error_sys(err, r, "%s", path);
	}
	return 0;
}
