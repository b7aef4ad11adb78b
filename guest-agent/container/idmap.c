/* SPDX-License-Identifier: Apache-2.0 */
#include "container/idmap.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "base/strv.h"

static int map_text(const struct oci_id_map *map, size_t n, struct strbuf *ret)
{
	for (size_t i = 0; i < n; i++)
		if (strbuf_addf(ret, "%u %u %u\n", map[i].container_id, map[i].host_id,
				map[i].size) < 0)
			return -ENOMEM;
	return 0;
}

static int run_helper(const char *program, pid_t pid, const struct oci_id_map *map, size_t n,
		      struct error *err)
{
	_cleanup_strv_ struct strv argv = STRV_INIT;
	_cleanup_strbuf_ struct strbuf said = STRBUF_INIT;
	struct process_params p;
	int status = 0, r = strv_add(&argv, program);

	if (r == 0)
		r = strv_addf(&argv, "%d", (int)pid);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = strv_addf(&argv, "%u", map[i].container_id);
		if (r == 0)
			r = strv_addf(&argv, "%u", map[i].host_id);
		if (r == 0)
			r = strv_addf(&argv, "%u", map[i].size);
	}
	if (r < 0)
		return error_oom(err);
	process_params_preset(&p);
	p.path = program;
	p.argv = argv.v;
	if (process_run(&p, NULL, &said, &status, err) < 0)
		return err->code;
	strbuf_trim_end(&said);
	if (status != 0)
		return error_set(err, -EPERM, "%s: %s", program, said.len ? said.buf : "it failed");
	return 0;
}

static int write_map(pid_t pid, const char *file, const char *helper, const struct oci_id_map *map,
		     size_t n, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char path[64];
	int r;

	if (map_text(map, n, &text) < 0)
		return error_oom(err);
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	r = file_write_existing(AT_FDCWD, path, text.buf, err);
	if (r == -EPERM && geteuid() != 0) {
		error_clear(err);
		r = run_helper(helper, pid, map, n, err);
	}
	return r < 0 ? error_wrap(err, r, "cannot set the user namespace's maps") : 0;
}

/* An ordinary user that maps its one group itself must give up setgroups(2) before (user_namespaces(7)). */
static void deny_setgroups(pid_t pid, const struct id_maps *m)
{
	char path[64];

	if (geteuid() == 0 || m->n_gid != 1 || m->gid[0].size != 1 ||
	    m->gid[0].host_id != getegid())
		return;
	snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
	file_write_existing(AT_FDCWD, path, "deny", NULL);
}

int idmap_write(pid_t pid, const struct id_maps *m, struct error *err)
{
	if (!m->n_uid || !m->n_gid)
		return error_set(err, -EINVAL,
				 "a user namespace needs linux.uidMappings and linux.gidMappings");
	deny_setgroups(pid, m);
	if (write_map(pid, "uid_map", "newuidmap", m->uid, m->n_uid, err) < 0 ||
	    write_map(pid, "gid_map", "newgidmap", m->gid, m->n_gid, err) < 0)
		return err->code;
	return 0;
}

int idmap_namespace(const struct id_maps *maps, struct error *err)
{
	struct clone_args args;
	char path[64];
	long pid;
	int fd;

	memset(&args, 0, sizeof(args));
	args.flags = CLONE_NEWUSER;
	args.exit_signal = SIGCHLD;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return error_sys(err, -errno, "cannot make a user namespace");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		for (;;)
			pause();
	}
	snprintf(path, sizeof(path), "/proc/%ld/ns/user", pid);
	fd = idmap_write((pid_t)pid, maps, err);
	if (fd == 0) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			fd = error_sys(err, -errno, "cannot open a user namespace");
	}
	kill((pid_t)pid, SIGKILL);
	while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}

int idmap_mount(int tree, int userns, bool recursive, struct error *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns };

	if (mount_setattr(tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			  sizeof(attr)) < 0)
		return error_sys(err, -errno, "cannot map the ids of the mount");
	return 0;
}
