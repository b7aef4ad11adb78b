/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/options.h"
#include "base/parse.h"
#include "base/process.h"
#include "container/launch.h"
#include "container/sync.h"
#include "runk/cgroups.h"
#include "runk/create.h"
#include "runk/foreground.h"
#include "runk/runk.h"

/* As other runtimes: 255 when the process could not be made, since every other number may be the process's own. */
#define EXEC_FAILED 255

struct exec_options {
	const char *id;
	const char *console_socket, *cwd, *user, *process, *pid_file, *label, *apparmor;
	const char *preserve_fds, *cgroup;
	const char *env[OPTION_LIST_MAX + 1], *gids[OPTION_LIST_MAX + 1],
		*caps[OPTION_LIST_MAX + 1];
	bool tty, detach, no_new_privs, ignore_paused;
	char **args;
	size_t n_args;
};

/* What the new process is: owned by the arena but for what is the spec's or argv's. */
struct exec {
	const struct runk *rk;
	const struct exec_options *o;
	struct state s;
	struct oci_spec *spec;
	struct oci_process_doc *doc;
	struct oci_process process;
	struct arena arena;
	struct launch launch;
	struct cgroups cg;
	int sync, pty;
	pid_t pid;
};

static size_t count(const char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

/* A vector of base and what is added; NULL: out of memory. */
static char **joined(struct arena *a, const struct oci_strings *base, const char *const *more)
{
	char **v = arena_new_array(a, char *, base->n + count(more) + 1);

	for (size_t i = 0; v && i < base->n; i++)
		v[i] = base->v[i];
	for (size_t i = 0; v && more[i]; i++)
		v[base->n + i] = (char *)more[i];
	return v;
}

/* "UID" or "UID:GID", as numbers. */
static int parse_user(const char *text, struct oci_user *u, struct error *err)
{
	const char *colon = strchr(text, ':');
	_cleanup_free_ char *uid = colon ? strndup(text, (size_t)(colon - text)) : strdup(text);

	if (!uid)
		return error_oom(err);
	if (parse_u32(uid, 10, &u->uid) < 0 || (colon && parse_u32(colon + 1, 10, &u->gid) < 0))
		return error_set(err, -EINVAL, "invalid user \"%s\": UID[:GID] as numbers", text);
	u->username = NULL;
	return 0;
}

static int add_gids(struct exec *e, struct error *err)
{
	struct oci_user *u = &e->process.user;
	size_t n = count(e->o->gids);
	uint32_t *all;

	if (!n)
		return 0;
	all = arena_new_array(&e->arena, uint32_t, u->n_additional_gids + n);
	if (!all)
		return error_oom(err);
	for (size_t i = 0; i < u->n_additional_gids; i++)
		all[i] = u->additional_gids[i];
	for (size_t i = 0; i < n; i++)
		if (parse_u32(e->o->gids[i], 10, &all[u->n_additional_gids + i]) < 0)
			return error_set(err, -EINVAL, "invalid group \"%s\"", e->o->gids[i]);
	u->additional_gids = all;
	u->n_additional_gids += n;
	return 0;
}

static int add_caps(struct exec *e, struct error *err)
{
	struct oci_capabilities *c = &e->process.caps;
	struct oci_strings *sets[] = { &c->bounding, &c->effective, &c->permitted };

	if (!count(e->o->caps))
		return 0;
	e->process.has_capabilities = true;
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		char **v = joined(&e->arena, sets[i], e->o->caps);

		if (!v)
			return error_oom(err);
		sets[i]->v = v;
		sets[i]->n += count(e->o->caps);
	}
	return 0;
}

/* The container's own process with what the options say. */
static int process_by_options(struct exec *e, struct error *err)
{
	const struct exec_options *o = e->o;
	struct oci_process *p = &e->process;

	*p = *e->spec->process;
	if (!o->n_args)
		return error_set(err, -EINVAL, "exec: process args cannot be empty");
	p->args = (struct oci_strings){ o->args, o->n_args };
	p->terminal = o->tty;
	p->console_height = p->console_width = 0;
	if (o->cwd)
		p->cwd = (char *)o->cwd;
	if (o->apparmor)
		p->apparmor_profile = (char *)o->apparmor;
	if (o->label)
		p->selinux_label = (char *)o->label;
	p->no_new_privileges |= o->no_new_privs;
	p->env.v = joined(&e->arena, &p->env, o->env);
	if (!p->env.v)
		return error_oom(err);
	p->env.n += count(o->env);
	if (o->user && parse_user(o->user, &p->user, err) < 0)
		return err->code;
	return add_gids(e, err) < 0 || add_caps(e, err) < 0 ? err->code : 0;
}

static int process_by_file(struct exec *e, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	if (file_read(AT_FDCWD, e->o->process, OCI_SPEC_MAX_BYTES, &sb, err) < 0)
		return err->code;
	if (oci_process_parse(sb.buf, sb.len, &e->doc, err) < 0)
		return error_prefix(err, "%s", e->o->process);
	e->process = e->doc->process;
	return 0;
}

static int check_state(const struct exec *e, struct error *err)
{
	switch (state_status(&e->s)) {
	case STATUS_STOPPED:
		return error_set(err, -ESRCH, "cannot exec in a stopped container");
	case STATUS_CREATING:
		return error_set(err, -EBUSY, "cannot exec in a container that is being created");
	case STATUS_PAUSED:
		if (!e->o->ignore_paused)
			return error_set(
				err, -EBUSY,
				"cannot exec in a paused container (use --ignore-paused to "
				"override)");
		return 0;
	default:
		return 0;
	}
}

static int check_terminal(const struct exec *e, struct error *err)
{
	if (e->process.terminal && e->o->detach && !e->o->console_socket)
		return error_set(err, -EINVAL,
				 "cannot allocate tty if runk will detach without setting console "
				 "socket");
	if (e->o->console_socket && !(e->process.terminal && e->o->detach))
		return error_set(err, -EINVAL,
				 "cannot use console socket if runk will not detach or allocate "
				 "tty");
	return 0;
}

static int prepare(struct exec *e, struct error *err)
{
	struct child_plan *plan = &e->launch.plan;

	if (state_load(e->rk->root, e->o->id, &e->s, err) < 0 || check_state(e, err) < 0 ||
	    state_load_spec(&e->s, &e->spec, err) < 0)
		return err->code;
	if ((e->o->process ? process_by_file(e, err) : process_by_options(e, err)) < 0 ||
	    launch_check_process(&e->process, err) < 0 || check_terminal(e, err) < 0 ||
	    parse_preserve_fds(e->o->preserve_fds, &plan->preserve_fds, err) < 0 ||
	    cgroups_open(e->s.cgroup, &e->cg, err) < 0)
		return err->code;
	e->launch.cgroup = e->cg.cg;
	e->process.has_capabilities = true;
	plan->id = e->s.id;
	plan->bundle = e->s.bundle;
	plan->keyring = arena_printf(&e->arena, "_ses.%s", e->s.id);
	if (!plan->keyring)
		return error_oom(err);
	return launch_prepare_join(&e->launch, e->spec, e->s.pid, &e->process, err);
}

static int take_terminal(struct exec *e, int fd, struct error *err)
{
	int r = 0;

	if (e->o->console_socket)
		r = send_console(e->o->console_socket, fd, err);
	else if (e->pty < 0)
		e->pty = fd_steal(&fd);
	fd_close(fd);
	return r;
}

/* Until execve has worked, or not. */
static int follow(struct exec *e, struct error *err)
{
	bool exec_seen = false;
	struct sync_msg m = { 0 };
	int fd = -1, r;

	while ((r = sync_recv(e->sync, &m, &fd)) > 0) {
		if (m.type == SYNC_PTY && fd >= 0)
			r = take_terminal(e, fd_steal(&fd), err);
		else if (m.type == SYNC_ERROR)
			r = error_set(err, m.code < 0 ? m.code : -EIO, "%s", m.text);
		exec_seen |= m.type == SYNC_EXEC;
		fd_close(fd);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return error_sys(err, r, "cannot hear the new process");
	return exec_seen ? 0 : error_set(err, -EIO, "the process ended during its set-up");
}

static int make_process(struct exec *e, struct error *err)
{
	struct child_plan *plan = &e->launch.plan;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, -errno, "cannot make a socket pair");
	e->sync = pair[0];
	plan->sync = pair[1];
	r = launch_spawn(&e->launch, &e->pid, err);
	plan->sync = fd_close(plan->sync);
	if (r < 0)
		return r;
	r = launch_go(&e->launch, e->pid, e->sync, err);
	if (r == 0)
		r = follow(e, err);
	if (r == 0)
		r = process_write_pid(e->o->pid_file, e->pid, err);
	if (r < 0) {
		kill(e->pid, SIGKILL);
		while (waitpid(e->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return r;
}

static int run(const struct runk *rk, const struct exec_options *o, struct error *err)
{
	struct exec e = { .rk = rk, .o = o, .s = STATE_INIT, .sync = -1, .pty = -1 };
	struct foreground f = FOREGROUND_INIT;
	int code = 0, r = 0;

	launch_init(&e.launch);
	if (!o->detach)
		r = foreground_begin(&f, err);
	if (r == 0)
		r = prepare(&e, err);
	if (r == 0)
		r = make_process(&e, err);
	launch_release(&e.launch);
	e.sync = fd_close(e.sync);
	if (r == 0 && !o->detach)
		r = foreground_wait(&f, e.pid, fd_steal(&e.pty), &code, err);
	foreground_end(&f);
	fd_close(e.pty);
	cgroups_close(&e.cg);
	oci_process_free(e.doc);
	oci_spec_free(e.spec);
	state_release(&e.s);
	arena_release(&e.arena);
	return r < 0 ? EXEC_FAILED : code;
}

int cmd_exec(const struct runk *rk, int argc, char **argv, struct error *err)
{
	struct exec_options o = { 0 };
	const struct option_def defs[] = {
		{ "console-socket", NULL, OPTION_STRING, &o.console_socket, "SOCKET",
		  "who gets the terminal's master" },
		{ "cwd", NULL, OPTION_STRING, &o.cwd, "DIR", "working directory" },
		{ "env", "e", OPTION_LIST, o.env, "NAME=VALUE", "set in the environment" },
		{ "tty", "t", OPTION_FLAG, &o.tty, NULL, "with a terminal" },
		{ "user", "u", OPTION_STRING, &o.user, "UID[:GID]", "user and group" },
		{ "additional-gids", "g", OPTION_LIST, o.gids, "GID", "one more group" },
		{ "process", "p", OPTION_STRING, &o.process, "FILE", "the process as JSON" },
		{ "detach", "d", OPTION_FLAG, &o.detach, NULL, "do not wait for its end" },
		{ "pid-file", NULL, OPTION_STRING, &o.pid_file, "FILE", "where to write the pid" },
		{ "process-label", NULL, OPTION_STRING, &o.label, "LABEL", "of SELinux" },
		{ "apparmor", NULL, OPTION_STRING, &o.apparmor, "PROFILE", "of AppArmor" },
		{ "no-new-privs", NULL, OPTION_FLAG, &o.no_new_privs, NULL,
		  "no more rights by execve" },
		{ "cap", "c", OPTION_LIST, o.caps, "CAP", "one more capability" },
		{ "preserve-fds", NULL, OPTION_STRING, &o.preserve_fds, "N",
		  "pass descriptors 3 to 3+N-1 on" },
		{ "ignore-paused", NULL, OPTION_FLAG, &o.ignore_paused, NULL,
		  "in a paused container, too" },
	};
	int next;

	if (options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err) < 0)
		return EXEC_FAILED;
	if (next >= argc) {
		error_set(err, -EINVAL, "exec: a container's id is required");
		return EXEC_FAILED;
	}
	o.id = argv[next];
	o.args = argv + next + 1;
	o.n_args = (size_t)(argc - next - 1);
	if (!o.detach)
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	return run(rk, &o, err);
}
