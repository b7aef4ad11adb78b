/* SPDX-License-Identifier: Apache-2.0 */
#include "container/label.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"

/* Writes to a file that must be procfs's own. */
static int write_attr(const char *path, const char *text)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct statfs st;

	if (fd < 0 || fstatfs(fd, &st) < 0)
		return -errno;
	if (st.f_type != PROC_SUPER_MAGIC)
		return -EXDEV;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int unsupported(int r)
{
	return r == -ENOENT || r == -EINVAL ? -EOPNOTSUPP : r;
}

static int set_apparmor(const char *profile, struct error *err)
{
	_cleanup_free_ char *text = str_printf("exec %s", profile);
	int r;

	if (!text)
		return error_oom(err);
	if (access("/sys/module/apparmor", F_OK) < 0)
		return error_set(err, -EOPNOTSUPP,
				 "process.apparmorProfile: this kernel has no AppArmor");
	r = write_attr("/proc/thread-self/attr/apparmor/exec", text);
	if (r == -ENOENT)
		r = write_attr("/proc/thread-self/attr/exec", text);
	return r < 0 ? error_sys(err, unsupported(r), "process.apparmorProfile \"%s\"", profile)
		     : 0;
}

int label_set_exec(const struct oci_process *p, struct error *err)
{
	int r = 0;

	if (p->apparmor_profile && *p->apparmor_profile &&
	    !str_eq(p->apparmor_profile, "unconfined"))
		r = set_apparmor(p->apparmor_profile, err);
	if (r == 0 && p->selinux_label && *p->selinux_label) {
		if (access("/sys/fs/selinux/enforce", F_OK) < 0)
			return error_set(err, -EOPNOTSUPP,
					 "process.selinuxLabel: SELinux is not enabled");
		r = write_attr("/proc/thread-self/attr/exec", p->selinux_label);
		if (r < 0)
			return error_sys(err, unsupported(r), "process.selinuxLabel \"%s\"",
					 p->selinux_label);
	}
	return r;
}
