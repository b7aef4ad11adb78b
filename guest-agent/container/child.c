/* SPDX-License-Identifier: Apache-2.0 */
#include "container/child.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <linux/if.h> /* wants sys/socket.h before it */
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/process.h"
#include "container/console.h"
#include "container/identity.h"
#include "container/rootfs.h"
#include "container/sync.h"

void child_plan_init(struct child_plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	plan->rootfd = plan->mnt_ns = plan->user_ns = plan->sync = plan->start_sock = -1;
	plan->in = plan->out = plan->err = -1;
}

_noreturn_ static void child_fail(const struct child_plan *plan, enum sync_stage stage,
				  const struct error *err)
{
	sync_send_error(plan->sync, stage, err);
	_exit(1);
}

/* The user that the id maps call root. Ids change, so the kernel makes /proc/self root's until told otherwise. */
static int become_mapped_root(struct error *err)
{
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return error_sys(err, -errno, "cannot become root of the user namespace");
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	return 0;
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		ioctl(fd, SIOCSIFFLAGS, &ifr); /* a kernel without IPv4: nothing to bring up */
}

static int set_names(const struct oci_spec *spec, struct error *err)
{
	if (spec->hostname && *spec->hostname &&
	    sethostname(spec->hostname, strlen(spec->hostname)) < 0)
		return error_sys(err, -errno, "cannot set hostname \"%s\"", spec->hostname);
	if (spec->domainname && *spec->domainname &&
	    setdomainname(spec->domainname, strlen(spec->domainname)) < 0)
		return error_sys(err, -errno, "cannot set domainname \"%s\"", spec->domainname);
	return 0;
}

static int open_console(struct child_plan *plan, int rootfd, struct console *con, struct error *err)
{
	const struct oci_process *p = plan->process;
	int r;

	if (console_open(rootfd, p->console_height, p->console_width, p->user.uid, con, err) < 0)
		return err->code;
	r = sync_send(plan->sync, SYNC_PTY, con->master);
	con->master = fd_close(con->master);
	return r < 0 ? error_sys(err, r, "cannot hand over the terminal") : 0;
}

static int attach_streams(const struct child_plan *plan, int slave, struct error *err)
{
	const int fds[3] = { plan->in, plan->out, plan->err };

	if (plan->process->terminal)
		return console_attach(slave, err);
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0 && dup2(fds[i], i) < 0)
			return error_sys(err, -errno, "cannot attach standard streams");
	return 0;
}

static int init_environment(struct child_plan *plan, struct error *err)
{
	const struct oci_spec *spec = plan->spec;
	struct rootfs_env env = { plan->new_cgroup, plan->cgroup_path };
	struct console con = CONSOLE_INIT;
	struct rootfs root = { .fd = -1 };
	int r;

	if (plan->new_user && become_mapped_root(err) < 0)
		return err->code;
	/* Only now, because the maker has put this process into its cgroup: that one becomes the namespace's root. */
	if (plan->new_cgroup && unshare(CLONE_NEWCGROUP) < 0)
		return error_sys(err, -errno, "cannot make a cgroup namespace");
	if (plan->new_net)
		loopback_up();
	if (identity_apply_limits(plan->process, err) < 0 || rootfs_sysctl(&spec->linux_, err) < 0)
		return err->code;
	if (plan->new_uts && set_names(spec, err) < 0)
		return err->code;
	r = rootfs_begin(&root, spec, plan->rootfs, err);
	if (r == 0)
		r = rootfs_populate(&root, spec, &env, err);
	if (r == 0 && plan->process->terminal) {
		r = open_console(plan, root.fd, &con, err);
		if (r == 0)
			r = console_bind(root.fd, con.slave, err);
	}
	if (r == 0)
		r = rootfs_seal(&root, spec, err);
	if (r == 0)
		r = attach_streams(plan, con.slave, err);
	if (r == 0)
		r = rootfs_enter(&root, spec, err);
	return r;
}

/* Everything the process needs to be, up to the program's path. */
static void settle(struct child_plan *plan, char ***ret_env, char **ret_path)
{
	const struct oci_process *p = plan->process;
	struct error err = ERROR_INIT;
	char **env = identity_environment(p);

	if (!env) {
		error_oom(&err);
		child_fail(plan, SYNC_STAGE_SETUP, &err);
	}
	if (identity_apply(p, &err) < 0)
		child_fail(plan, SYNC_STAGE_SETUP, &err);
	if (identity_find_program(p->args.n ? p->args.v[0] : NULL, env, ret_path, &err) < 0)
		child_fail(plan, SYNC_STAGE_EXEC, &err);
	*ret_env = env;
}

_noreturn_ static void execute(struct child_plan *plan, char **env, const char *path)
{
	struct error err = ERROR_INIT;

	if (sync_send(plan->sync, SYNC_EXEC, -1) < 0)
		_exit(1);
	execve(path, plan->process->args.v, env);
	error_sys(&err, -errno, "exec \"%s\"", path);
	child_fail(plan, SYNC_STAGE_EXEC, &err);
}

static void common_start(struct child_plan *plan)
{
	process_reset_signals();
	umask(022);
	/* Until execve, processes of the container shall not look into this copy of the agent. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (sync_expect(plan->sync, SYNC_GO) < 0)
		_exit(1);
	setsid();
}

/* Whoever connects and goes again without START (it died, or another was first) changes nothing. */
static void await_start(struct child_plan *plan)
{
	if (plan->start_sock < 0) {
		if (sync_expect(plan->sync, SYNC_START) < 0)
			_exit(1);
		return;
	}
	plan->sync = fd_close(plan->sync);
	for (;;) {
		int fd = accept4(plan->start_sock, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0 && sync_expect(fd, SYNC_START) == 0) {
			plan->sync = fd;
			break;
		}
		if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
			_exit(1);
		fd_close(fd);
	}
	plan->start_sock = fd_close(plan->start_sock);
}

void child_main_init(struct child_plan *plan)
{
	struct error err = ERROR_INIT;
	char **env = NULL;
	char *path = NULL;

	common_start(plan);
	if (init_environment(plan, &err) < 0)
		child_fail(plan, SYNC_STAGE_SETUP, &err);
	settle(plan, &env, &path);
	if (sync_send(plan->sync, SYNC_READY, -1) < 0)
		_exit(1);
	await_start(plan);
	execute(plan, env, path);
}

static int join_environment(struct child_plan *plan, struct error *err)
{
	struct console con = CONSOLE_INIT;

	/* Limits go through the agent's /proc, so before the mount namespace changes. */
	if (identity_apply_limits(plan->process, err) < 0)
		return err->code;
	if (plan->user_ns >= 0) {
		if (setns(plan->user_ns, CLONE_NEWUSER) < 0)
			return error_sys(err, -errno, "cannot join the user namespace");
		if (become_mapped_root(err) < 0)
			return err->code;
	}
	if (setns(plan->mnt_ns, CLONE_NEWNS) < 0)
		return error_sys(err, -errno, "cannot join the mount namespace");
	if (fchdir(plan->rootfd) < 0 || chroot(".") < 0)
		return error_sys(err, -errno, "cannot enter the container's root");
	if (plan->process->terminal && open_console(plan, AT_FDCWD, &con, err) < 0)
		return err->code;
	return attach_streams(plan, con.slave, err);
}

void child_main_join(struct child_plan *plan)
{
	struct error err = ERROR_INIT;
	char **env = NULL;
	char *path = NULL;

	common_start(plan);
	if (join_environment(plan, &err) < 0)
		child_fail(plan, SYNC_STAGE_SETUP, &err);
	settle(plan, &env, &path);
	execute(plan, env, path);
}
