/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/create.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/process.h"
#include "base/time.h"
#include "container/hooks.h"
#include "container/launch.h"
#include "container/sync.h"
#include "runk/cgroups.h"
#include "runk/end.h"

#define MAX_PRESERVE_FDS 1024

int send_console(const char *path, int pty, struct error *err)
{
	static const char name[] = "/dev/ptmx";
	_cleanup_fd_ int sock = -1;
	int r;

	if (fd_unix_connect(path, &sock, err) < 0)
		return error_prefix(err, "console socket");
	fd_set_nonblock(pty, false); /* what it was made with is for the agent's loop */
	r = fd_send_message(sock, name, sizeof(name) - 1, pty);
	if (r < 0)
		return error_sys(err, r, "console socket %s", path);
	return 0;
}

int parse_preserve_fds(const char *text, unsigned int *ret, struct error *err)
{
	const char *passed = getenv("LISTEN_FDS"); /* sd_listen_fds(3): as many from 3 on */
	uint32_t n = 0, listen = 0;

	if (text && (parse_u32(text, 10, &n) < 0 || n > MAX_PRESERVE_FDS))
		return error_set(err, -EINVAL, "invalid value \"%s\" for --preserve-fds", text);
	if (passed && (parse_u32(passed, 10, &listen) < 0 || listen > MAX_PRESERVE_FDS))
		return error_set(err, -EINVAL, "LISTEN_FDS: \"%s\" is no number", passed);
	n += listen;
	for (int fd = 3; fd < 3 + (int)n; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			return error_set(err, -EBADF,
					 "--preserve-fds %u: descriptor %d is not open", n, fd);
		fd_set_cloexec(fd, false);
	}
	*ret = n;
	return 0;
}

struct making {
	const struct runk *rk;
	const struct create_request *q;
	struct oci_spec *spec;
	struct state s;
	struct cgroups cg;
	struct launch launch;
	bool has_dir;
	int sync; /* the maker's end */
	int pty;
};

static int check_terminal(const struct making *m, struct error *err)
{
	bool tty = m->spec->process->terminal;

	if (tty && !m->q->attached && !m->q->console_socket)
		return error_set(err, -EINVAL,
				 "cannot allocate tty if runk will detach without setting console "
				 "socket");
	if ((!tty || m->q->attached) && m->q->console_socket)
		return error_set(err, -EINVAL,
				 "cannot use console socket if runk will not detach or allocate "
				 "tty");
	return 0;
}

static bool has_new_pidns(const struct oci_linux *l)
{
	for (size_t i = 0; i < l->n_namespaces; i++)
		if (l->namespaces[i].type == OCI_NS_PID)
			return !l->namespaces[i].path || !*l->namespaces[i].path;
	return false;
}

static int read_bundle(struct making *m, struct error *err)
{
	struct state *s = &m->s;
	_cleanup_free_ char *bundle = path_absolute(m->q->bundle);
	_cleanup_fd_ int fd = -1;
	char now[TIME_RFC3339_MAX];

	if (!bundle)
		return error_oom(err);
	fd = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, -errno, "bundle \"%s\"", bundle);
	if (oci_spec_load(fd, bundle, &m->spec, err) < 0 || oci_spec_validate(m->spec, err) < 0 ||
	    launch_check_spec(m->spec, err) < 0 || launch_check_sysctl(m->spec, err) < 0 ||
	    check_terminal(m, err) < 0)
		return err->code;
	/* None given is none had, as with other runtimes on hosts. */
	m->spec->process->has_capabilities = true;
	s->id = arena_strdup(&s->arena, m->q->id);
	s->bundle = arena_strdup(&s->arena, bundle);
	s->rootfs = m->spec->root_path[0] == '/'
			    ? arena_strdup(&s->arena, m->spec->root_path)
			    : arena_printf(&s->arena, "%s/%s", bundle, m->spec->root_path);
	s->created = arena_strdup(&s->arena, time_rfc3339(now, time_wall_nsec()));
	if (!s->id || !s->bundle || !s->rootfs || !s->created)
		return error_oom(err);
	s->owner = getuid();
	s->hooks = m->spec->hooks.poststart.n || m->spec->hooks.poststop.n;
	s->own_pidns = has_new_pidns(&m->spec->linux_);
	s->annotations = m->spec->annotations;
	s->n_annotations = m->spec->n_annotations;
	return 0;
}

/* The bundle's config.json, which may change or go before the last command that wants it. */
static int keep_config(struct making *m, struct error *err)
{
	_cleanup_fd_ int bundle = open(m->s.bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int out = openat(m->s.dirfd, STATE_CONFIG,
				      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int r;

	if (bundle < 0 || out < 0)
		return error_sys(err, -errno, "cannot keep config.json");
	r = file_read(bundle, STATE_CONFIG, OCI_SPEC_MAX_BYTES, &sb, err);
	if (r == 0)
		r = fd_write_full(out, sb.buf, sb.len);
	return r < 0 ? error_wrap(err, r, "cannot keep config.json") : 0;
}

/* Paths of sockets are short (unix(7)), those of directories need not be. */
static void sock_address(struct sockaddr_un *sa, int dirfd, const char *name)
{
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	snprintf(sa->sun_path, sizeof(sa->sun_path), "/proc/self/fd/%d/%s", dirfd, name);
}

static int listen_for_start(struct making *m, struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un sa;

	sock_address(&sa, m->s.dirfd, STATE_SOCK_MAKING);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 8) < 0)
		return error_sys(err, -errno, "cannot listen for the start");
	m->launch.plan.start_sock = fd_steal(&fd);
	return 0;
}

static int make_cgroup(struct making *m, struct error *err)
{
	const struct oci_linux *l = &m->spec->linux_;

	/* To make it behind systemd's back would be what the caller wanted to avoid. */
	if (m->rk->systemd_cgroup && access("/run/systemd/system", F_OK) < 0)
		return error_set(err, -EOPNOTSUPP, "--systemd-cgroup: systemd does not run here");
	if (m->rk->systemd_cgroup)
		return error_set(err, -EOPNOTSUPP,
				 "--systemd-cgroup is not supported: have the caller use the "
				 "cgroupfs driver");
	if (cgroups_root(&m->cg.root, err) < 0)
		return err->code;
	if (cgroup_create(m->cg.root, l->cgroups_path, m->q->id, l->resources, &m->cg.cg, err) < 0)
		return err->code;
	if (!m->cg.cg) /* a user without permission, who asked for none */
		return 0;
	m->s.cgroup = arena_strdup(&m->s.arena, cgroup_name(m->cg.cg));
	if (!m->s.cgroup)
		return error_oom(err);
	m->launch.plan.cgroup_path = cgroup_path(m->cg.cg);
	m->launch.cgroup = m->cg.cg;
	return 0;
}

static int make_process(struct making *m, struct error *err)
{
	struct child_plan *plan = &m->launch.plan;
	int pair[2], r;

	if (parse_preserve_fds(m->q->preserve_fds, &plan->preserve_fds, err) < 0 ||
	    launch_prepare_init(&m->launch, m->spec, m->s.rootfs, NULL, err) < 0)
		return err->code;
	plan->no_pivot = m->q->no_pivot;
	plan->id = m->s.id;
	plan->bundle = m->s.bundle;
	if (!m->q->no_new_keyring) {
		plan->keyring = arena_printf(&m->s.arena, "_ses.%s", m->s.id);
		if (!plan->keyring)
			return error_oom(err);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, -errno, "cannot make a socket pair");
	m->sync = pair[0];
	plan->sync = pair[1];
	r = launch_spawn(&m->launch, &m->s.pid, err);
	plan->sync = fd_close(plan->sync);
	plan->start_sock = fd_close(plan->start_sock);
	if (r < 0)
		return r;
	m->s.start_time = process_start_time(m->s.pid);
	return launch_go(&m->launch, m->s.pid, m->sync, err);
}

static int take_terminal(struct making *m, int fd, struct error *err)
{
	int r = 0;

	if (m->q->console_socket)
		r = send_console(m->q->console_socket, fd, err);
	else if (m->q->attached && m->pty < 0)
		m->pty = fd_steal(&fd);
	fd_close(fd);
	return r;
}

/* Until the process waits for its start. */
static int follow_process(struct making *m, struct error *err)
{
	for (;;) {
		struct sync_msg msg = { 0 };
		int fd = -1, status = 0;
		int r = sync_recv(m->sync, &msg, &fd);

		if (r < 0)
			return error_sys(err, r, "cannot hear the new process");
		if (r == 0) {
			while (waitpid(m->s.pid, &status, 0) < 0 && errno == EINTR)
				;
			m->s.pid = 0;
			return error_set(err, -EIO, "the process ended during its set-up (%d)",
					 process_exit_code(status));
		}
		if (msg.type == SYNC_ERROR) {
			fd_close(fd);
			return error_set(err, msg.code < 0 ? msg.code : -EIO, "%s", msg.text);
		}
		if (msg.type == SYNC_READY) {
			fd_close(fd);
			return 0;
		}
		if (msg.type == SYNC_HOOKS) {
			const struct launch_hooks h = { m->spec, m->s.id, m->s.bundle, m->s.pid };

			if (launch_run_hooks(&h, m->sync, err) < 0)
				return err->code;
		}
		if (msg.type == SYNC_PTY && fd >= 0) {
			if (take_terminal(m, fd_steal(&fd), err) < 0)
				return err->code;
		}
		fd_close(fd);
	}
}

static int make_container(struct making *m, struct error *err)
{
	int r;

	r = read_bundle(m, err);
	if (r < 0)
		return r;
	r = state_make_dir(m->rk->root, m->q->id, &m->s, err);
	if (r < 0)
		return r;
	m->has_dir = true;
	if (keep_config(m, err) < 0 || listen_for_start(m, err) < 0 || make_cgroup(m, err) < 0 ||
	    make_process(m, err) < 0)
		return err->code;
	/* While the process works, so that hooks and other commands find the container. */
	if (state_save(&m->s, err) < 0 || follow_process(m, err) < 0)
		return err->code;
	if (process_write_pid(m->q->pid_file, m->s.pid, err) < 0)
		return err->code;
	if (renameat(m->s.dirfd, STATE_SOCK_MAKING, m->s.dirfd, STATE_SOCK_CREATED) < 0)
		return error_sys(err, -errno, "cannot finish the creation");
	return 0;
}

static void undo(struct making *m)
{
	if (m->s.pid > 0) {
		kill(m->s.pid, SIGKILL);
		while (waitpid(m->s.pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (m->cg.cg) {
		cgroup_remove_wait(m->cg.cg, CGROUPS_REMOVE_USEC, NULL);
		m->cg.cg = NULL;
	}
	if (m->has_dir)
		state_remove(m->rk->root, m->q->id, NULL);
	m->pty = fd_close(m->pty);
}

int create_container(const struct runk *rk, const struct create_request *q, struct state *ret,
		     int *ret_pty, struct error *err)
{
	struct making m = { .rk = rk, .q = q, .s = STATE_INIT, .sync = -1, .pty = -1 };
	int r;

	if (!path_valid_id(q->id))
		return error_set(err, -EINVAL, "invalid container id: \"%s\"", q->id);
	launch_init(&m.launch);
	r = make_container(&m, err);
	if (r < 0)
		undo(&m);
	fd_close(m.launch.plan.start_sock);
	launch_release(&m.launch);
	fd_close(m.sync);
	cgroups_close(&m.cg);
	/* The annotations are the spec's. */
	m.s.annotations = NULL;
	m.s.n_annotations = 0;
	oci_spec_free(m.spec);
	if (r < 0) {
		state_release(&m.s);
		return r;
	}
	*ret = m.s;
	*ret_pty = m.pty;
	return 0;
}

/* A failing one is told, and the container runs on: "the runtime MUST log a warning, but ... continue". */
static void run_poststart(const struct state *s)
{
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	_cleanup_free_ char *state = NULL;
	struct error err = ERROR_INIT;

	if (state_load_spec(s, &spec, &err) == 0) {
		state = hooks_state(spec, s->id, "running", s->pid, s->bundle);
		if (!state)
			error_oom(&err);
		else
			hooks_run(&spec->hooks.poststart, "poststart", state, &err);
	}
	if (err.code)
		runk_warn("container \"%s\": %s", s->id, error_text(&err));
}

int start_container(const struct runk *rk, struct state *s, struct error *err)
{
	_cleanup_fd_ int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un sa;
	struct sync_msg msg = { 0 };
	int fd, r;

	sock_address(&sa, s->dirfd, STATE_SOCK_CREATED);
	if (sock < 0 || connect(sock, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return error_sys(err, -errno, "container \"%s\": cannot reach its process", s->id);
	if (unlinkat(s->dirfd, STATE_SOCK_CREATED, 0) < 0)
		return error_set(err, -EBUSY, "container \"%s\" was started already", s->id);
	r = sync_send(sock, SYNC_START, -1);
	if (r < 0)
		return error_sys(err, r, "container \"%s\": cannot start", s->id);
	/* EXEC, then the end of the stream by close-on-exec. */
	while ((r = sync_recv(sock, &msg, &fd)) > 0) {
		fd_close(fd);
		if (msg.type == SYNC_ERROR)
			return error_set(err, msg.code < 0 ? msg.code : -EIO, "%s", msg.text);
	}
	if (r < 0)
		return error_sys(err, r, "container \"%s\": cannot hear its process", s->id);
	if (s->hooks)
		run_poststart(s);
	return 0;
}
