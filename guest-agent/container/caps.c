/* SPDX-License-Identifier: Apache-2.0 */
#include "container/caps.h"

#include <linux/capability.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const cap_names[] = {
	[CAP_CHOWN] = "CHOWN",
	[CAP_DAC_OVERRIDE] = "DAC_OVERRIDE",
	[CAP_DAC_READ_SEARCH] = "DAC_READ_SEARCH",
	[CAP_FOWNER] = "FOWNER",
	[CAP_FSETID] = "FSETID",
	[CAP_KILL] = "KILL",
	[CAP_SETGID] = "SETGID",
	[CAP_SETUID] = "SETUID",
	[CAP_SETPCAP] = "SETPCAP",
	[CAP_LINUX_IMMUTABLE] = "LINUX_IMMUTABLE",
	[CAP_NET_BIND_SERVICE] = "NET_BIND_SERVICE",
	[CAP_NET_BROADCAST] = "NET_BROADCAST",
	[CAP_NET_ADMIN] = "NET_ADMIN",
	[CAP_NET_RAW] = "NET_RAW",
	[CAP_IPC_LOCK] = "IPC_LOCK",
	[CAP_IPC_OWNER] = "IPC_OWNER",
	[CAP_SYS_MODULE] = "SYS_MODULE",
	[CAP_SYS_RAWIO] = "SYS_RAWIO",
	[CAP_SYS_CHROOT] = "SYS_CHROOT",
	[CAP_SYS_PTRACE] = "SYS_PTRACE",
	[CAP_SYS_PACCT] = "SYS_PACCT",
	[CAP_SYS_ADMIN] = "SYS_ADMIN",
	[CAP_SYS_BOOT] = "SYS_BOOT",
	[CAP_SYS_NICE] = "SYS_NICE",
	[CAP_SYS_RESOURCE] = "SYS_RESOURCE",
	[CAP_SYS_TIME] = "SYS_TIME",
	[CAP_SYS_TTY_CONFIG] = "SYS_TTY_CONFIG",
	[CAP_MKNOD] = "MKNOD",
	[CAP_LEASE] = "LEASE",
	[CAP_AUDIT_WRITE] = "AUDIT_WRITE",
	[CAP_AUDIT_CONTROL] = "AUDIT_CONTROL",
	[CAP_SETFCAP] = "SETFCAP",
	[CAP_MAC_OVERRIDE] = "MAC_OVERRIDE",
	[CAP_MAC_ADMIN] = "MAC_ADMIN",
	[CAP_SYSLOG] = "SYSLOG",
	[CAP_WAKE_ALARM] = "WAKE_ALARM",
	[CAP_BLOCK_SUSPEND] = "BLOCK_SUSPEND",
	[CAP_AUDIT_READ] = "AUDIT_READ",
	[CAP_PERFMON] = "PERFMON",
	[CAP_BPF] = "BPF",
	[CAP_CHECKPOINT_RESTORE] = "CHECKPOINT_RESTORE",
};

int cap_parse(const char *name)
{
	if (!name || strncasecmp(name, "CAP_", 4) != 0)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(cap_names); i++)
		if (strcasecmp(cap_names[i], name + 4) == 0)
			return (int)i;
	return -EINVAL;
}

const char *cap_name(int number)
{
	return number >= 0 && (size_t)number < ARRAY_SIZE(cap_names) ? cap_names[number] : NULL;
}

static int set_parse(const struct oci_strings *names, const char *which, uint64_t *ret,
		     struct error *err)
{
	uint64_t set = 0;

	for (size_t i = 0; i < names->n; i++) {
		int c = cap_parse(names->v[i]);

		if (c < 0)
			return error_set(err, -EINVAL,
					 "process.capabilities.%s: unknown capability \"%s\"",
					 which, names->v[i] ? names->v[i] : "");
		set |= 1ULL << c;
	}
	*ret = set;
	return 0;
}

int cap_sets_parse(const struct oci_capabilities *caps, struct cap_sets *ret, struct error *err)
{
	if (set_parse(&caps->bounding, "bounding", &ret->bounding, err) < 0 ||
	    set_parse(&caps->effective, "effective", &ret->effective, err) < 0 ||
	    set_parse(&caps->inheritable, "inheritable", &ret->inheritable, err) < 0 ||
	    set_parse(&caps->permitted, "permitted", &ret->permitted, err) < 0 ||
	    set_parse(&caps->ambient, "ambient", &ret->ambient, err) < 0)
		return -EINVAL;
	return 0;
}

int cap_apply_before_setuid(const struct cap_sets *sets, struct error *err)
{
	for (int c = 0; c < 64; c++) {
		if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) < 0)
			break; /* the kernel's last one was passed */
		if (!(sets->bounding & (1ULL << c)) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
			return error_sys(err, -errno, "cannot drop bounding capability %d", c);
	}
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return error_sys(err, -errno, "cannot keep capabilities");
	return 0;
}

int cap_apply_after_setuid(const struct cap_sets *sets, struct error *err)
{
	struct __user_cap_header_struct hdr = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];
	uint64_t own, permitted, effective, inheritable;

	if (syscall(SYS_capget, &hdr, d) < 0)
		return error_sys(err, -errno, "cannot read capabilities");
	own = d[0].permitted | (uint64_t)d[1].permitted << 32;
	permitted = sets->permitted & own;
	effective = sets->effective & permitted;
	inheritable = sets->inheritable & own;
	for (int i = 0; i < 2; i++) {
		d[i].permitted = (uint32_t)(permitted >> (32 * i));
		d[i].effective = (uint32_t)(effective >> (32 * i));
		d[i].inheritable = (uint32_t)(inheritable >> (32 * i));
	}
	if (syscall(SYS_capset, &hdr, d) < 0)
		return error_sys(err, -errno, "cannot set capabilities");
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return error_sys(err, -errno, "cannot reset keepcaps");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return error_sys(err, -errno, "cannot clear ambient capabilities");
	for (int c = 0; c < 64; c++) {
		if (!(sets->ambient & permitted & inheritable & (1ULL << c)))
			continue;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) < 0)
			return error_sys(err, -errno, "cannot raise ambient capability %d", c);
	}
	return 0;
}
