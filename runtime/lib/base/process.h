/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/strbuf.h"

/*
 * Starting programs. The child reports its own failure {errno, text} to the parent over a close-on-exec pipe, so a program
 * that cannot be executed fails in process_spawn() with the child's words, and success means that exec happened.
 */
struct process_params {
	const char *path;	  /* looked up in PATH when without a slash */
	char *const *argv;	  /* NULL ended, argv[0] included */
	char *const *envp;	  /* NULL: the caller's */
	const char *cwd;	  /* NULL: the caller's */
	int stdin_fd;		  /* -1: /dev/null */
	int stdout_fd, stderr_fd; /* -1: /dev/null; PROCESS_INHERIT: the caller's */
	const int *
		keep_fds; /* descriptors passed at the same number; all others from 3 on are closed */
	size_t n_keep_fds;
	bool new_session; /* setsid */
	int death_signal; /* nonzero: PR_SET_PDEATHSIG, checked against a parent that died meanwhile */
	/* Runs in the child just before exec (async-signal-safe work only); non-zero -errno fails the spawn. May be NULL. */
	int (*child_fn)(void *data);
	void *child_data;
};
#define PROCESS_INHERIT (-2)
void process_params_preset(struct process_params *p); /* all -1 and NULL */

int process_spawn(const struct process_params *p, pid_t *ret_pid, struct error *err);

/*
 * Runs to the end and collects stdout and stderr (each at most 16 MiB; NULL: discarded). *ret_status is the wait status.
 * Not for event loops: it blocks.
 */
int process_run(const struct process_params *p, struct strbuf *out, struct strbuf *errout,
		int *ret_status, struct error *err);

/* All signals to their default action, none blocked: what a program expects at its start. Async-signal safe; for children. */
void process_reset_signals(void);
/* Wait status to a shell's number: exit code, or 128 + signal. */
int process_exit_code(int wait_status);
/* Start time in clock ticks since boot (field 22 of /proc/PID/stat): with the pid, the identity of a process. 0 if gone. */
uint64_t process_start_time(pid_t pid);
/* The pid in decimal, alone, as --pid-file wants it; it appears whole. path NULL: nothing. */
int process_write_pid(const char *path, pid_t pid, struct error *err);
/* Sends the signal if the process with this pid still is the one that started then. 0, -ESRCH or -errno. */
int process_kill_exact(pid_t pid, uint64_t start_time, int sig);

#endif
