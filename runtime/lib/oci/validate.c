/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec.h"

#include <stdio.h>
#include <string.h>
#include "base/strbuf.h"

/* Room for a path such as "process.capabilities.inheritable[65535]". */
#define PATH_TEXT 64

/* capabilities(7), linux/capability.h */
static const char *const known_caps[] = {
	"CAP_AUDIT_CONTROL",   "CAP_AUDIT_READ",   "CAP_AUDIT_WRITE",
	"CAP_BLOCK_SUSPEND",   "CAP_BPF",	   "CAP_CHECKPOINT_RESTORE",
	"CAP_CHOWN",	       "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",	       "CAP_FSETID",	   "CAP_IPC_LOCK",
	"CAP_IPC_OWNER",       "CAP_KILL",	   "CAP_LEASE",
	"CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN",	   "CAP_MAC_OVERRIDE",
	"CAP_MKNOD",	       "CAP_NET_ADMIN",	   "CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",   "CAP_NET_RAW",	   "CAP_PERFMON",
	"CAP_SETFCAP",	       "CAP_SETGID",	   "CAP_SETPCAP",
	"CAP_SETUID",	       "CAP_SYSLOG",	   "CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",	       "CAP_SYS_CHROOT",   "CAP_SYS_MODULE",
	"CAP_SYS_NICE",	       "CAP_SYS_PACCT",	   "CAP_SYS_PTRACE",
	"CAP_SYS_RAWIO",       "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",  "CAP_WAKE_ALARM",
};

/* getrlimit(2) */
static const char *const known_rlimits[] = {
	"RLIMIT_AS",	 "RLIMIT_CORE",	  "RLIMIT_CPU",	       "RLIMIT_DATA",
	"RLIMIT_FSIZE",	 "RLIMIT_LOCKS",  "RLIMIT_MEMLOCK",    "RLIMIT_MSGQUEUE",
	"RLIMIT_NICE",	 "RLIMIT_NOFILE", "RLIMIT_NPROC",      "RLIMIT_RSS",
	"RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK",
};

static bool is_known(const char *const *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(table[i], name) == 0)
			return true;
	}
	return false;
}

/* A string that must be there and start with a slash. */
static int check_absolute(const char *path, const char *s, struct error *err)
{
	if (!s || !*s)
		return error_set(err, -EINVAL, "%s: missing", path);
	if (s[0] != '/')
		return error_set(err, -EINVAL, "%s: \"%s\" is not an absolute path", path, s);
	return 0;
}

static int check_absolute_all(const char *path, const struct oci_strings *list, struct error *err)
{
	char text[PATH_TEXT];

	for (size_t i = 0; i < list->n; i++) {
		int r;

		snprintf(text, sizeof(text), "%s[%zu]", path, i);
		r = check_absolute(text, list->v[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_caps(const struct oci_capabilities *c, struct error *err)
{
	const struct {
		const char *name;
		const struct oci_strings *list;
	} sets[] = {
		{ "bounding", &c->bounding },	    { "effective", &c->effective },
		{ "inheritable", &c->inheritable }, { "permitted", &c->permitted },
		{ "ambient", &c->ambient },
	};

	for (size_t s = 0; s < ARRAY_SIZE(sets); s++) {
		for (size_t i = 0; i < sets[s].list->n; i++) {
			const char *cap = sets[s].list->v[i];

			if (!is_known(known_caps, ARRAY_SIZE(known_caps), cap))
				return error_set(
					err, -EINVAL,
					"process.capabilities.%s[%zu]: unknown capability \"%s\"",
					sets[s].name, i, cap);
		}
	}
	return 0;
}

static int check_rlimits(const struct oci_process *p, struct error *err)
{
	for (size_t i = 0; i < p->n_rlimits; i++) {
		const char *type = p->rlimits[i].type;

		if (!type || !is_known(known_rlimits, ARRAY_SIZE(known_rlimits), type))
			return error_set(err, -EINVAL,
					 "process.rlimits[%zu].type: unknown limit \"%s\"", i,
					 type ? type : "");
		for (size_t k = 0; k < i; k++) {
			if (strcmp(p->rlimits[k].type, type) == 0)
				return error_set(err, -EINVAL,
						 "process.rlimits[%zu].type: %s was given already",
						 i, type);
		}
	}
	return 0;
}

static int check_process(const struct oci_process *p, struct error *err)
{
	int r;

	if (!p)
		return error_set(err, -EINVAL, "process: missing");
	if (p->args.n == 0)
		return error_set(err, -EINVAL, "process.args: missing or empty");
	if (!*p->args.v[0])
		return error_set(err, -EINVAL, "process.args[0]: empty command");
	r = check_absolute("process.cwd", p->cwd, err);
	if (r == 0)
		r = check_caps(&p->caps, err);
	return r < 0 ? r : check_rlimits(p, err);
}

static int check_mounts(const struct oci_spec *spec, struct error *err)
{
	char text[PATH_TEXT];

	for (size_t i = 0; i < spec->n_mounts; i++) {
		int r;

		snprintf(text, sizeof(text), "mounts[%zu].destination", i);
		r = check_absolute(text, spec->mounts[i].destination, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_hook_list(const char *name, const struct oci_hook_list *list, struct error *err)
{
	char text[PATH_TEXT];

	for (size_t i = 0; i < list->n; i++) {
		const struct oci_hook *h = &list->v[i];
		int r;

		snprintf(text, sizeof(text), "hooks.%s[%zu].path", name, i);
		r = check_absolute(text, h->path, err);
		if (r < 0)
			return r;
		if (h->has_timeout && h->timeout <= 0)
			return error_set(err, -EINVAL,
					 "hooks.%s[%zu].timeout: %lld is not positive", name, i,
					 (long long)h->timeout);
	}
	return 0;
}

static int check_hooks(const struct oci_hooks *h, struct error *err)
{
	int r;

	if ((r = check_hook_list("prestart", &h->prestart, err)) < 0 ||
	    (r = check_hook_list("createRuntime", &h->create_runtime, err)) < 0 ||
	    (r = check_hook_list("createContainer", &h->create_container, err)) < 0 ||
	    (r = check_hook_list("startContainer", &h->start_container, err)) < 0 ||
	    (r = check_hook_list("poststart", &h->poststart, err)) < 0)
		return r;
	return check_hook_list("poststop", &h->poststop, err);
}

static int check_linux(const struct oci_linux *l, struct error *err)
{
	bool seen[OCI_NS_MAX] = { false };
	char text[PATH_TEXT];
	int r;

	for (size_t i = 0; i < l->n_namespaces; i++) {
		const struct oci_namespace *ns = &l->namespaces[i];

		if (ns->type >= OCI_NS_MAX)
			return error_set(err, -EINVAL,
					 "linux.namespaces[%zu].type: unknown namespace", i);
		if (seen[ns->type])
			return error_set(err, -EINVAL,
					 "linux.namespaces[%zu].type: %s was given already", i,
					 oci_ns_name(ns->type));
		seen[ns->type] = true;
	}
	for (size_t i = 0; i < l->n_devices; i++) {
		snprintf(text, sizeof(text), "linux.devices[%zu].path", i);
		r = check_absolute(text, l->devices[i].path, err);
		if (r < 0)
			return r;
	}
	r = check_absolute_all("linux.maskedPaths", &l->masked_paths, err);
	return r < 0 ? r : check_absolute_all("linux.readonlyPaths", &l->readonly_paths, err);
}

int oci_spec_validate(const struct oci_spec *spec, struct error *err)
{
	int r;

	if (!spec->oci_version)
		return error_set(err, -EINVAL, "ociVersion: missing");
	if (!str_after(spec->oci_version, "1."))
		return error_set(err, -EINVAL, "ociVersion: \"%s\" is not supported, only 1.x is",
				 spec->oci_version);
	r = check_process(spec->process, err);
	if (r < 0)
		return r;
	if (!spec->root_path || !*spec->root_path)
		return error_set(err, -EINVAL, "root.path: missing");
	if ((r = check_mounts(spec, err)) < 0 || (r = check_hooks(&spec->hooks, err)) < 0)
		return r;
	return check_linux(&spec->linux_, err);
}
