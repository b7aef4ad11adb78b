/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_SYNC_H
#define CONTAINER_SYNC_H

#include "base/error.h"

/*
 * What a process being made and its maker tell each other, over a close-on-exec SOCK_SEQPACKET pair.
 *
 *	maker            child
 *	GO        ->                 cgroup and id maps are set; go on. code: the child's pid in the maker's eyes
 *	          <-     PTY + fd    terminal's master, when it has one
 *	          <-     HOOKS       the mounts are made (only with hooks that run before execve)
 *	GO, ERROR ->                 the maker's hooks have run
 *	          <-     READY       all is set up (only processes that wait for START)
 *	START     ->                 execute
 *	          <-     EXEC        execve follows; the end of the stream after it means that it worked
 *	          <-     ERROR       {stage, errno, text}; the child ends
 */
enum sync_type {
	SYNC_GO = 1,
	SYNC_PTY,
	SYNC_HOOKS,
	SYNC_READY,
	SYNC_START,
	SYNC_EXEC,
	SYNC_ERROR,
};

enum sync_stage {
	SYNC_STAGE_SETUP, /* the errno is about the environment */
	SYNC_STAGE_EXEC,  /* the errno is about the program */
};

struct sync_msg {
	int type;
	int stage;
	int code; /* -errno */
	char text[ERROR_MSG_MAX];
};

/* fd -1: none. Blocks unless the socket does not. 0 or -errno. */
int sync_send(int sock, enum sync_type type, int fd);
int sync_send_code(int sock, enum sync_type type, int code);
int sync_send_error(int sock, enum sync_stage stage, const struct error *err);
/* 1 with a message (*ret_fd is the caller's or -1), 0 at the end of the stream, or -errno. */
int sync_recv(int sock, struct sync_msg *ret, int *ret_fd);
/* Waits for one type; 0, or -EPROTO for anything else. */
int sync_expect(int sock, enum sync_type type);
/* The same, with the message. What it says when it is an ERROR comes in err. */
int sync_await(int sock, enum sync_type type, struct sync_msg *ret, struct error *err);

#endif
