/* SPDX-License-Identifier: Apache-2.0 */
#include "source/filecaps.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"

#define REVISION_2     0x02000000u /* VFS_CAP_REVISION_2 */
#define FLAG_EFFECTIVE 1u	   /* VFS_CAP_FLAGS_EFFECTIVE */

/* Their numbers are their positions (include/uapi/linux/capability.h). */
static const char *const names[] = {
	"chown",
	"dac_override",
	"dac_read_search",
	"fowner",
	"fsetid",
	"kill",
	"setgid",
	"setuid",
	"setpcap",
	"linux_immutable",
	"net_bind_service",
	"net_broadcast",
	"net_admin",
	"net_raw",
	"ipc_lock",
	"ipc_owner",
	"sys_module",
	"sys_rawio",
	"sys_chroot",
	"sys_ptrace",
	"sys_pacct",
	"sys_admin",
	"sys_boot",
	"sys_nice",
	"sys_resource",
	"sys_time",
	"sys_tty_config",
	"mknod",
	"lease",
	"audit_write",
	"audit_control",
	"setfcap",
	"mac_override",
	"mac_admin",
	"syslog",
	"wake_alarm",
	"block_suspend",
	"audit_read",
	"perfmon",
	"bpf",
	"checkpoint_restore",
};

struct sets {
	uint64_t effective, inheritable, permitted;
};

/* The sets of a list of names; an empty one is all of them, as "all" is. */
static bool read_names(const char **text, uint64_t *ret)
{
	const uint64_t all = (UINT64_C(1) << ARRAY_SIZE(names)) - 1;
	const char *p = *text;

	*ret = 0;
	if (*p == '=') {
		*ret = all;
		return true;
	}
	for (;; p++) {
		size_t len = strcspn(p, ",=+- \t\n"), i;

		if (len == 3 && !strncasecmp(p, "all", 3)) {
			*ret = all;
		} else {
			if (len <= 4 || strncasecmp(p, "cap_", 4) != 0)
				return false;
			for (i = 0; i < ARRAY_SIZE(names); i++)
				if (strlen(names[i]) == len - 4 &&
				    !strncasecmp(names[i], p + 4, len - 4))
					break;
			if (i == ARRAY_SIZE(names))
				return false;
			*ret |= UINT64_C(1) << i;
		}
		p += len;
		if (*p != ',')
			break;
	}
	*text = p;
	return true;
}

static void apply(uint64_t *set, uint64_t caps, char op)
{
	if (op == '-')
		*set &= ~caps;
	else
		*set |= caps;
}

/* One or several of an operator and flags: "=ep", "+i-p". */
static bool read_actions(const char **text, uint64_t caps, struct sets *s)
{
	const char *p = *text;

	if (!*p || !strchr("=+-", *p))
		return false;
	while (*p && strchr("=+-", *p)) {
		const char op = *p++;

		if (op == '=') {
			s->effective &= ~caps;
			s->inheritable &= ~caps;
			s->permitted &= ~caps;
		}
		for (; *p && strchr("eip", *p); p++)
			apply(*p == 'e'	  ? &s->effective
			      : *p == 'i' ? &s->inheritable
					  : &s->permitted,
			      caps, op);
	}
	*text = p;
	return !*p || strchr(" \t\n", *p);
}

static void put_le32(uint8_t *out, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(v >> 8 * i);
}

int filecaps_parse(const char *text, uint8_t out[FILECAPS_SIZE], struct error *err)
{
	struct sets s = { 0 };
	const char *p = text;

	for (p += strspn(p, " \t\n"); *p; p += strspn(p, " \t\n")) {
		uint64_t caps;

		if (!read_names(&p, &caps) || !read_actions(&p, caps, &s))
			return error_set(err, -EBADMSG, "capabilities '%.100s' are not known",
					 text);
	}
	if (s.effective && s.effective != (s.permitted | s.inheritable))
		return error_set(err, -EBADMSG, "capabilities '%.100s' cannot be those of a file",
				 text);
	put_le32(out, REVISION_2 | (s.effective ? FLAG_EFFECTIVE : 0));
	put_le32(out + 4, (uint32_t)s.permitted);
	put_le32(out + 8, (uint32_t)s.inheritable);
	put_le32(out + 12, (uint32_t)(s.permitted >> 32));
	put_le32(out + 16, (uint32_t)(s.inheritable >> 32));
	return 0;
}
