/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_AGENT_CLIENT_H
#define TESTS_AGENT_CLIENT_H

#include <stdbool.h>
#include <sys/types.h>
#include "base/strbuf.h"
#include "wire/agent.pb-c.h"
#include "wire/ttrpc.h"

/*
 * For tests of the agent: the real program as PID 1 of a pid namespace of its own, with its own mounts and an empty /run, on a Unix
 * socket, and a client for it. Containers run from a directory with a static busybox.
 */
struct agent_client {
	char dir[64]; /* temporary; holds the socket and rootfs/ */
	pid_t pid;    /* of the helper that waits for the agent */
	struct loop *loop;
	struct ttrpc_client *ttrpc;
};

/* The agent is this machine's PID 1 and listens on $KATA_TEST_AGENT_ADDR (tests/integration/boot_agent.py): none is started. */
bool agent_client_in_guest(void);
/* NULL when tests can run here, else why not. */
const char *agent_client_missing(void);
int agent_client_start(struct agent_client *c);
void agent_client_stop(struct agent_client *c);
/* Waits for the agent's end: its exit code, or -1 when it takes longer. */
int agent_client_join(struct agent_client *c, int timeout_ms);
/* Another connection in place of the present one. */
int agent_client_reconnect(struct agent_client *c);

/* For calls whose answer is of no interest. */
void agent_ignore_reply(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
			void *data);
/* One call with an empty answer, or none wanted. Returns the status code; the peer's text in err. */
enum ttrpc_code agent_call(struct agent_client *c, const char *method, const ProtobufCMessage *req,
			   struct error *err);
/* As above with an answer of this type. */
enum ttrpc_code agent_call_resp(struct agent_client *c, const char *service, const char *method,
				const ProtobufCMessage *req, const ProtobufCMessageDescriptor *desc,
				ProtobufCMessage **ret, struct error *err);

/* A container's spec with what most tests want; change it, then agent_create(). Lives as long as the struct. */
struct test_spec {
	Grpc__Spec spec;
	Grpc__Process process;
	Grpc__User user;
	Grpc__Root root;
	Grpc__Linux linux_;
	Grpc__LinuxNamespace ns[5], *ns_list[5];
	Grpc__Mount mounts[8], *mount_list[8];
	Grpc__Storage **storages;
	size_t n_storages;
	char rootfs[96], cgroup[112];
};
void test_spec_init(struct test_spec *s, const struct agent_client *c, char *const *args);

enum ttrpc_code agent_create(struct agent_client *c, const char *cid, struct test_spec *s,
			     struct error *err);
enum ttrpc_code agent_start(struct agent_client *c, const char *cid, struct error *err);
enum ttrpc_code agent_exec(struct agent_client *c, const char *cid, const char *exec_id,
			   Grpc__Process *p, struct error *err);
enum ttrpc_code agent_signal(struct agent_client *c, const char *cid, const char *exec_id, int sig);
enum ttrpc_code agent_remove(struct agent_client *c, const char *cid, uint32_t timeout);
/* The exit code, or -(status code). */
int agent_wait(struct agent_client *c, const char *cid, const char *exec_id);
/* Reads one of the streams to its end. 0 or -(status code). */
int agent_read_all(struct agent_client *c, const char *cid, const char *exec_id, bool is_err,
		   struct strbuf *out);
/* Standard output up to where `text` is in `out`; negative when it ends before. */
int agent_read_until(struct agent_client *c, const char *cid, const char *exec_id, const char *text,
		     struct strbuf *out);
int agent_write(struct agent_client *c, const char *cid, const char *exec_id, const void *buf,
		size_t n);
int agent_close_stdin(struct agent_client *c, const char *cid, const char *exec_id);

/* Creates, starts, collects, waits, removes. Returns the exit code or -(status code) with the text in err. */
int agent_run(struct agent_client *c, const char *cid, struct test_spec *s, struct strbuf *out,
	      struct strbuf *errout, struct error *err);
/* The same with "sh -c SCRIPT". */
int agent_run_sh(struct agent_client *c, const char *script, struct strbuf *out);

#endif
