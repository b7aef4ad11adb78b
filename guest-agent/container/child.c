/* SPDX-License-Identifier: Apache-2.0 */
#include "container/child.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <linux/if.h> /* wants sys/socket.h before it */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "container/console.h"
#include "container/hooks.h"
#include "container/identity.h"
#include "container/label.h"
#include "container/rootfs.h"
#include "container/schedule.h"
#include "container/sync.h"

void child_plan_init(struct child_plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	plan->rootfd = plan->mnt_ns = plan->user_ns = plan->time_ns = -1;
	plan->sync = plan->start_sock = -1;
	plan->in = plan->out = plan->err = plan->filter.listener = -1;
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

/* The clocks of timeOffsets; they can be set only while nobody is in the namespace (time_namespaces(7)). */
static int make_time_ns(const struct oci_linux *l, struct error *err)
{
	const struct {
		const char *clock;
		const struct oci_time_offset *offset;
	} clocks[] = { { "monotonic", &l->monotonic }, { "boottime", &l->boottime } };
	_cleanup_fd_ int ns = -1;

	if (unshare(CLONE_NEWTIME) < 0)
		return error_sys(err, -errno, "cannot make a time namespace");
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		const struct oci_time_offset *o = clocks[i].offset;
		char text[64];

		if (!o->has)
			continue;
		snprintf(text, sizeof(text), "%s %lld %u\n", clocks[i].clock, (long long)o->secs,
			 o->nanosecs);
		if (file_write_existing(AT_FDCWD, "/proc/self/timens_offsets", text, err) < 0)
			return error_prefix(err, "linux.timeOffsets");
	}
	ns = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWTIME) < 0)
		return error_sys(err, -errno, "cannot enter the time namespace");
	return 0;
}

static int enter_namespaces(struct child_plan *plan, struct error *err)
{
	if (plan->user_ns >= 0 && setns(plan->user_ns, CLONE_NEWUSER) < 0)
		return error_sys(err, -errno, "cannot join the user namespace");
	if (plan->mapped && become_mapped_root(err) < 0)
		return err->code;
	if (plan->late_flags && unshare(plan->late_flags) < 0)
		return error_sys(err, -errno, "cannot make namespaces");
	/* Only now, because the maker has put this process into its cgroup: that one becomes the namespace's root. */
	if (plan->new_cgroup && unshare(CLONE_NEWCGROUP) < 0)
		return error_sys(err, -errno, "cannot make a cgroup namespace");
	if (plan->new_time && make_time_ns(&plan->spec->linux_, err) < 0)
		return err->code;
	if (plan->time_ns >= 0 && setns(plan->time_ns, CLONE_NEWTIME) < 0)
		return error_sys(err, -errno, "cannot join the time namespace");
	return 0;
}

static void session_keyring(const struct child_plan *plan)
{
	/* A kernel without keys, or a filter that forbids them: nothing is inherited then either. */
	if (plan->keyring)
		syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, plan->keyring);
}

/* What goes through the maker's files, and what wants rights that the user may not have. */
static int apply_early(struct child_plan *plan, struct error *err)
{
	const struct oci_linux *l = &plan->spec->linux_;

	if (identity_apply_limits(plan->process, err) < 0 ||
	    schedule_apply(plan->process, l, err) < 0)
		return err->code;
	session_keyring(plan);
	return label_set_exec(plan->process, err);
}

static char *own_state(const struct child_plan *plan, const char *status)
{
	return hooks_state(plan->spec, plan->id ? plan->id : "", status, plan->host_pid,
			   plan->bundle ? plan->bundle : "");
}

/* The maker's hooks, then those that run here. */
static int run_create_hooks(struct child_plan *plan, struct error *err)
{
	const struct oci_hooks *h = &plan->spec->hooks;
	_cleanup_free_ char *state = NULL;
	struct sync_msg m = { 0 };
	int r;

	if (!hooks_before_exec(h))
		return 0;
	r = sync_send(plan->sync, SYNC_HOOKS, -1);
	if (r < 0)
		return error_sys(err, r, "cannot talk to the maker");
	if (sync_await(plan->sync, SYNC_GO, &m, err) < 0)
		return err->code;
	state = own_state(plan, "creating");
	if (!state)
		return error_oom(err);
	return hooks_run(&h->create_container, "createContainer", state, err);
}

static int prepare_seccomp(struct child_plan *plan, struct error *err)
{
	const struct oci_seccomp *s = plan->spec->linux_.seccomp;
	_cleanup_free_ char *state = NULL;

	if (!s)
		return 0;
	if (filter_compile(s, &plan->filter, err) < 0)
		return err->code;
	state = own_state(plan, "creating");
	return state ? filter_connect(s, state, plan->host_pid, &plan->filter, err)
		     : error_oom(err);
}

static int init_root(struct child_plan *plan, struct error *err)
{
	const struct oci_spec *spec = plan->spec;
	struct rootfs_env env = { plan->new_cgroup, plan->cgroup_path, plan->trees,
				  plan->no_pivot };
	struct console con = CONSOLE_INIT;
	struct rootfs root = { .fd = -1 };
	int r = rootfs_begin(&root, spec, plan->rootfs, err);

	if (r == 0)
		r = rootfs_populate(&root, spec, &env, err);
	if (r == 0 && plan->process->terminal) {
		r = open_console(plan, root.fd, &con, err);
		if (r == 0)
			r = console_bind(root.fd, con.slave, err);
	}
	if (r == 0)
		r = run_create_hooks(plan, err);
	if (r == 0)
		r = rootfs_seal(&root, spec, err);
	if (r == 0)
		r = attach_streams(plan, con.slave, err);
	if (r == 0)
		r = rootfs_enter(&root, spec, &env, err);
	/* Nothing of the set-up may be there when the working directory is entered (CVE-2024-21626). */
	fd_close(root.fd);
	for (size_t i = 0; i < plan->n_trees; i++)
		fd_close(plan->trees[i]);
	if (con.slave > 2)
		fd_close(con.slave);
	return r;
}

static int init_environment(struct child_plan *plan, struct error *err)
{
	const struct oci_spec *spec = plan->spec;

	if (prepare_seccomp(plan, err) < 0 || enter_namespaces(plan, err) < 0)
		return err->code;
	/* A copy of it: the root that changes shall not be that of others. */
	if (plan->mnt_ns >= 0 && (setns(plan->mnt_ns, CLONE_NEWNS) < 0 || unshare(CLONE_NEWNS) < 0))
		return error_sys(err, -errno, "cannot join the mount namespace");
	if (plan->new_net)
		loopback_up();
	if (apply_early(plan, err) < 0 || rootfs_sysctl(&spec->linux_, err) < 0)
		return err->code;
	if (plan->new_uts && set_names(spec, err) < 0)
		return err->code;
	return init_root(plan, err);
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
	/* Without no_new_privs loading needs a capability that the user may not have: then what follows runs under the filter, too. */
	if (!p->no_new_privileges && filter_load(&plan->filter, &err) < 0)
		child_fail(plan, SYNC_STAGE_SETUP, &err);
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
	if (plan->process->no_new_privileges && filter_load(&plan->filter, &err) < 0)
		child_fail(plan, SYNC_STAGE_SETUP, &err);
	execve(path, plan->process->args.v, env);
	error_sys(&err, -errno, "exec \"%s\"", path);
	child_fail(plan, SYNC_STAGE_EXEC, &err);
}

static void common_start(struct child_plan *plan)
{
	struct sync_msg m = { 0 };

	process_reset_signals();
	umask(022);
	/*
	 * Until execve, processes of the container shall not look into this copy of the maker. With id maps only when they are written:
	 * the files for them are root's then, whom the maker need not be.
	 */
	if (!plan->mapped)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (sync_await(plan->sync, SYNC_GO, &m, NULL) < 0)
		_exit(1);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	plan->host_pid = m.code;
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

static void run_start_hooks(struct child_plan *plan)
{
	const struct oci_hook_list *list = &plan->spec->hooks.start_container;
	_cleanup_free_ char *state = NULL;
	struct error err = ERROR_INIT;

	if (!list->n)
		return;
	state = own_state(plan, "created");
	if (!state)
		error_oom(&err);
	else
		hooks_run(list, "startContainer", state, &err);
	if (err.code)
		child_fail(plan, SYNC_STAGE_SETUP, &err);
}

void child_main_init(struct child_plan *plan)
{
	struct error err = ERROR_INIT;
	char **env = NULL;
	char *path = NULL;

	common_start(plan);
	if (init_environment(plan, &err) < 0)
		child_fail(plan, SYNC_STAGE_SETUP, &err);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	settle(plan, &env, &path);
	if (sync_send(plan->sync, SYNC_READY, -1) < 0)
		_exit(1);
	await_start(plan);
	run_start_hooks(plan);
	execute(plan, env, path);
}

/* It is in its cgroup when it comes here, so "initial" is what holds until now, and "final" from now on. */
static int set_affinity(const struct oci_process *p, struct error *err)
{
	const char *cpus = p->exec_cpu_affinity.final ? p->exec_cpu_affinity.final
						      : p->exec_cpu_affinity.initial;

	if (cpus && schedule_affinity(cpus, err) < 0)
		return error_prefix(err, "process.execCPUAffinity");
	return 0;
}

static int join_environment(struct child_plan *plan, struct error *err)
{
	struct console con = CONSOLE_INIT;

	if (prepare_seccomp(plan, err) < 0)
		return err->code;
	/* Through the maker's /proc, so before the mount namespace changes; the spec's personality is inherited by init alone. */
	if (apply_early(plan, err) < 0 || set_affinity(plan->process, err) < 0 ||
	    enter_namespaces(plan, err) < 0)
		return err->code;
	/* The container's root could trace this copy of the maker, now that it has the same user (CVE-2016-9962). */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (setns(plan->mnt_ns, CLONE_NEWNS) < 0)
		return error_sys(err, -errno, "cannot join the mount namespace");
	if (fchdir(plan->rootfd) < 0 || chroot(".") < 0)
		return error_sys(err, -errno, "cannot enter the container's root");
	plan->rootfd = fd_close(plan->rootfd);
	plan->mnt_ns = fd_close(plan->mnt_ns);
	plan->user_ns = fd_close(plan->user_ns);
	plan->time_ns = fd_close(plan->time_ns);
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
