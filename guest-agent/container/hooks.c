/* SPDX-License-Identifier: Apache-2.0 */
#include "container/hooks.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "base/time.h"

#define STDERR_SHOWN 400 /* bytes of a failed hook's standard error in the message */

bool hooks_before_exec(const struct oci_hooks *h)
{
	return h->prestart.n || h->create_runtime.n || h->create_container.n ||
	       h->start_container.n;
}

static int add_string(struct strbuf *sb, const char *before, const char *value, const char *after)
{
	return strbuf_addstr(sb, before) < 0 || strbuf_add_json(sb, value ? value : "") < 0 ||
			       strbuf_addstr(sb, after) < 0
		       ? -ENOMEM
		       : 0;
}

char *hooks_state(const struct oci_spec *spec, const char *id, const char *status, pid_t pid,
		  const char *bundle)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int r = add_string(&sb, "{\"ociVersion\":\"",
			   spec->oci_version ? spec->oci_version : "1.0.2", "\"");

	r |= add_string(&sb, ",\"id\":\"", id, "\"");
	r |= add_string(&sb, ",\"status\":\"", status, "\"");
	if (pid > 0)
		r |= strbuf_addf(&sb, ",\"pid\":%d", (int)pid);
	r |= add_string(&sb, ",\"bundle\":\"", bundle, "\"");
	if (spec->n_annotations)
		r |= strbuf_addstr(&sb, ",\"annotations\":{");
	for (size_t i = 0; i < spec->n_annotations; i++) {
		r |= add_string(&sb, i ? ",\"" : "\"", spec->annotations[i].key, "\":\"");
		r |= add_string(&sb, "", spec->annotations[i].value, "\"");
	}
	r |= strbuf_addstr(&sb, spec->n_annotations ? "}}" : "}");
	return r < 0 ? NULL : strbuf_detach(&sb, NULL);
}

/* A file that a hook reads to its end; with a pipe, one that does not read could hold up its maker. */
static int state_file(const char *state)
{
	_cleanup_fd_ int fd = -1;
	int r = fd_memfd("state", &fd);

	if (r == 0)
		r = fd_write_full(fd, state, strlen(state));
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? r : fd_steal(&fd);
}

/* 0, or -ETIMEDOUT when it had to be killed. */
static int wait_hook(pid_t pid, const struct oci_hook *h, int *ret_status)
{
	_cleanup_fd_ int pidfd = h->has_timeout ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	uint64_t end =
		time_mono_usec() + (uint64_t)(h->has_timeout ? h->timeout : 0) * USEC_PER_SEC;
	bool late = false;

	while (pidfd >= 0 && !late) {
		uint64_t now = time_mono_usec();
		struct pollfd p = { .fd = pidfd, .events = POLLIN };
		uint64_t left = now < end ? (end - now) / 1000 + 1 : 0;

		late = left == 0;
		if (!late && poll(&p, 1, left < 1000000 ? (int)left : 1000000) > 0)
			break;
	}
	if (late)
		kill(pid, SIGKILL);
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return late ? -ETIMEDOUT : 0;
}

/* The end of what the hook wrote, on one line. */
static void read_tail(int fd, char *buf, size_t size)
{
	off_t end = lseek(fd, 0, SEEK_END);
	off_t from = end > (off_t)size - 1 ? end - (off_t)size + 1 : 0;
	ssize_t n = pread(fd, buf, size - 1, from);

	buf[n > 0 ? n : 0] = '\0';
	for (char *p = buf; *p; p++)
		if (*p == '\n')
			*p = p[1] ? ' ' : '\0';
}

static int run_one(const struct oci_hook *h, const char *state, struct error *err)
{
	static char *const no_env[] = { NULL };
	char *const plain[] = { h->path, NULL };
	char said[STDERR_SHOWN];
	_cleanup_fd_ int in = state_file(state), errfd = -1;
	struct process_params p;
	int status = 0, r;
	pid_t pid;

	if (in < 0 || fd_memfd("stderr", &errfd) < 0)
		return error_sys(err, in, "cannot pass the state");
	process_params_preset(&p);
	p.path = h->path;
	p.argv = h->args.n ? h->args.v : plain;
	p.envp = h->env.n ? h->env.v : no_env;
	p.stdin_fd = in;
	p.stderr_fd = errfd;
	if (process_spawn(&p, &pid, err) < 0)
		return err->code;
	r = wait_hook(pid, h, &status);
	if (r == -ETIMEDOUT)
		return error_set(err, r, "did not end in %lld s", (long long)h->timeout);
	if (r < 0)
		return error_sys(err, r, "cannot wait");
	if (status == 0)
		return 0;
	read_tail(errfd, said, sizeof(said));
	return error_set(err, -EIO, "%s %d%s%s",
			 WIFSIGNALED(status) ? "ended by signal" : "exit status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
			 *said ? ": " : "", said);
}

int hooks_run(const struct oci_hook_list *list, const char *name, const char *state,
	      struct error *err)
{
	for (size_t i = 0; i < list->n; i++)
		if (run_one(&list->v[i], state, err) < 0)
			return error_prefix(err, "%s hook %s", name, list->v[i].path);
	return 0;
}
