/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/guest-agent/service/agent_client.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/time.h"
#include "wire/health.pb-c.h"
#include "wire/transport.h"

#define BUSYBOX	  "/bin/busybox"
#define CALL_MS	  60000
#define AGENT_SVC "grpc.AgentService"

static const char *const applets[] = { "sh",	 "cat",	 "sleep",    "true", "false", "id",
				       "pwd",	 "env",	 "stty",     "kill", "mount", "touch",
				       "grep",	 "head", "hostname", "ps",   "mkdir", "dd",
				       "test",	 "tty",	 "readlink", "ls",   "mknod", "wc",
				       "printf", "umask" };

/* The agent that was built with this test: OUT/guest/bin/kata-agent, or the sanitized one beside this program. */
static const char *agent_path(void)
{
	static char path[4096];
	ssize_t n;
	char *p;

#ifndef KATA_SANITIZED
	if (getenv("KATA_AGENT"))
		return getenv("KATA_AGENT");
#endif
	n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	if (n < 0)
		return NULL;
	path[n] = '\0';
	p = strstr(path, "/test/guest-agent/");
	if (!p)
		return NULL;
#ifdef KATA_SANITIZED
	snprintf(p, 32, "/bin/kata-agent");
#else
	*p = '\0';
	p = strrchr(path, '/');
	snprintf(p, 32, "/guest/bin/kata-agent");
#endif
	return access(path, X_OK) == 0 ? path : NULL;
}

bool agent_client_in_guest(void)
{
	return getenv("KATA_TEST_AGENT_ADDR") != NULL;
}

/* Containers pivot away from it, and a namespace can be sealed off from the host's, only if "/" is a mount. */
static bool root_is_mount(void)
{
	struct statx stx;

	return statx(AT_FDCWD, "/", 0, STATX_BASIC_STATS, &stx) == 0 &&
	       (!(stx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
		stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

const char *agent_client_missing(void)
{
	if (geteuid() != 0)
		return "needs root";
	if (access(BUSYBOX, X_OK) < 0)
		return "needs " BUSYBOX " (package busybox-static)";
	if (!agent_client_in_guest() && !agent_path())
		return "needs kata-agent (make all)";
	if (!agent_client_in_guest() && !root_is_mount())
		return "needs a root directory that is a mount: this is a chroot";
	return NULL;
}

static int make_rootfs(const char *dir)
{
	static const char *const dirs[] = {
		"rootfs",     "rootfs/bin", "rootfs/proc", "rootfs/dev",
		"rootfs/sys", "rootfs/tmp", "rootfs/etc",  "rootfs/data"
	};
	struct strbuf bb = STRBUF_INIT;
	char path[256];
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, dirs[i]);
		if (mkdir(path, 0755) < 0)
			return -errno;
	}
	r = file_read(AT_FDCWD, BUSYBOX, 16u << 20, &bb, NULL);
	snprintf(path, sizeof(path), "%s/rootfs/bin/busybox", dir);
	if (r == 0)
		r = file_write_atomic(AT_FDCWD, path, 0755, bb.buf, bb.len, NULL);
	strbuf_release(&bb);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(applets); i++) {
		snprintf(path, sizeof(path), "%s/rootfs/bin/%s", dir, applets[i]);
		r = symlink("busybox", path) < 0 ? -errno : 0;
	}
	snprintf(path, sizeof(path), "%s/rootfs/etc/passwd", dir);
	if (r == 0)
		r = file_write_atomic(AT_FDCWD, path, 0644,
				      "root:x:0:0:root:/root:/bin/sh\n"
				      "web:x:1234:1234::/srv/web:/bin/sh\n",
				      strlen("root:x:0:0:root:/root:/bin/sh\n"
					     "web:x:1234:1234::/srv/web:/bin/sh\n"),
				      NULL);
	return r;
}

/* Short waits for devices that never come, and every port. */
static int write_config(const char *dir)
{
	static const char text[] = "hotplug_timeout = 1\nlog_level = \"debug\"\nlog_vport = 1025\n"
				   "debug_console = true\ndebug_console_vport = 1026\n";
	char path[96];

	snprintf(path, sizeof(path), "%s/agent.toml", dir);
	return file_write_atomic(AT_FDCWD, path, 0644, text, sizeof(text) - 1, NULL);
}

static _noreturn_ void agent_child(const char *addr, const char *dir)
{
	char config[96];
	const char *quiet = getenv("KATA_TEST_VERBOSE");

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") < 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0)
		_exit(99);
	if (!quiet) {
		int fd = open("/dev/null", O_RDWR);

		dup2(fd, 1);
	}
	snprintf(config, sizeof(config), "%s/agent.toml", dir);
	execl(agent_path(), "kata-agent", "--server-addr", addr, "-c", config, (char *)NULL);
	_exit(98);
}

/* The helper makes the namespaces, so that this program's own stay as they are. */
static pid_t spawn_agent(const char *addr, const char *dir)
{
	pid_t helper = fork();

	if (helper == 0) {
		pid_t pid;
		int status;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC |
			    CLONE_NEWNET) < 0)
			_exit(97);
		pid = fork();
		if (pid == 0)
			agent_child(addr, dir);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
	return helper;
}

int agent_client_reconnect(struct agent_client *c)
{
	uint64_t end = time_mono_usec() + 20 * USEC_PER_SEC;
	struct transport_addr addr;
	struct error err = ERROR_INIT;
	char text[96];
	int fd = -1, r;

	c->ttrpc = ttrpc_client_free(c->ttrpc);
	if (agent_client_in_guest())
		snprintf(text, sizeof(text), "%s", getenv("KATA_TEST_AGENT_ADDR"));
	else
		snprintf(text, sizeof(text), "unix://%s/sock", c->dir);
	r = transport_addr_parse(text, &addr, &err);
	while (r == 0) {
		r = transport_connect(&addr, 1000, &fd, &err);
		if (r == 0)
			return ttrpc_client_new(c->loop, fd, &c->ttrpc);
		if (time_mono_usec() > end)
			return r;
		usleep(5000);
		r = 0;
	}
	return r;
}

int agent_client_start(struct agent_client *c)
{
	char addr[96];
	int r;

	memset(c, 0, sizeof(*c));
	snprintf(c->dir, sizeof(c->dir), "/tmp/agent-test-XXXXXX");
	/* Open to all: a container's root may be another user here. */
	if (!mkdtemp(c->dir) || chmod(c->dir, 0755) < 0)
		return -errno;
	r = make_rootfs(c->dir);
	if (r == 0)
		r = write_config(c->dir);
	if (r == 0)
		r = loop_new(&c->loop);
	if (r < 0)
		return r;
	if (!agent_client_in_guest()) {
		snprintf(addr, sizeof(addr), "unix://%s/sock", c->dir);
		c->pid = spawn_agent(addr, c->dir);
	}
	return agent_client_reconnect(c);
}

int agent_client_join(struct agent_client *c, int timeout_ms)
{
	int status;

	for (int i = 0; i < timeout_ms / 10; i++) {
		if (waitpid(c->pid, &status, WNOHANG) == c->pid) {
			c->pid = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		}
		usleep(10000);
	}
	return -1;
}

void agent_client_stop(struct agent_client *c)
{
	ttrpc_client_free(c->ttrpc);
	loop_free(c->loop);
	if (c->pid > 0) {
		kill(c->pid, SIGKILL); /* the agent goes by its parent-death signal */
		waitpid(c->pid, NULL, 0);
	}
	if (c->dir[0])
		file_remove_tree(AT_FDCWD, c->dir, NULL);
}

void agent_ignore_reply(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
			void *data)
{
}

enum ttrpc_code agent_call_resp(struct agent_client *c, const char *service, const char *method,
				const ProtobufCMessage *req, const ProtobufCMessageDescriptor *desc,
				ProtobufCMessage **ret, struct error *err)
{
	struct error own = ERROR_INIT;
	int r = ttrpc_client_call_sync(c->ttrpc, service, method, req, desc, CALL_MS, ret, &own);

	if (err)
		*err = own;
	return r < 0 ? ttrpc_code_of(r) : TTRPC_OK;
}

enum ttrpc_code agent_call(struct agent_client *c, const char *method, const ProtobufCMessage *req,
			   struct error *err)
{
	return agent_call_resp(c, AGENT_SVC, method, req, &google__protobuf__empty__descriptor,
			       NULL, err);
}

static void set_ns(struct test_spec *s, size_t i, const char *type)
{
	grpc__linux_namespace__init(&s->ns[i]);
	s->ns[i].type = (char *)type;
	s->ns_list[i] = &s->ns[i];
}

static void set_mount(struct test_spec *s, size_t i, const char *type, const char *dest)
{
	grpc__mount__init(&s->mounts[i]);
	s->mounts[i].type = s->mounts[i].source = (char *)type;
	s->mounts[i].destination = (char *)dest;
	s->mount_list[i] = &s->mounts[i];
}

void test_spec_init(struct test_spec *s, const struct agent_client *c, char *const *args)
{
	static char *env[] = { (char *)"PATH=/bin", (char *)"COLOUR=green" };

	memset(s, 0, sizeof(*s));
	grpc__spec__init(&s->spec);
	grpc__process__init(&s->process);
	grpc__user__init(&s->user);
	grpc__root__init(&s->root);
	grpc__linux__init(&s->linux_);
	snprintf(s->rootfs, sizeof(s->rootfs), "%s/rootfs", c->dir);
	s->root.path = s->rootfs;
	s->process.args = (char **)args;
	while (args[s->process.n_args])
		s->process.n_args++;
	s->process.env = env;
	s->process.n_env = ARRAY_SIZE(env);
	s->process.cwd = (char *)"/";
	s->process.user = &s->user;
	set_ns(s, 0, "mount");
	set_ns(s, 1, "pid");
	set_ns(s, 2, "ipc");
	set_ns(s, 3, "uts");
	s->linux_.namespaces = s->ns_list;
	s->linux_.n_namespaces = 4;
	set_mount(s, 0, "proc", "/proc");
	set_mount(s, 1, "tmpfs", "/dev");
	set_mount(s, 2, "devpts", "/dev/pts");
	s->spec.mounts = s->mount_list;
	s->spec.n_mounts = 3;
	s->spec.version = (char *)"1.0.2";
	s->spec.process = &s->process;
	s->spec.root = &s->root;
	s->spec.linux_ = &s->linux_;
}

enum ttrpc_code agent_create(struct agent_client *c, const char *cid, struct test_spec *s,
			     struct error *err)
{
	Grpc__CreateContainerRequest req = GRPC__CREATE_CONTAINER_REQUEST__INIT;

	/* Cgroups are the machine's: without a name of its own, a test that runs beside this one would kill this one's processes. */
	snprintf(s->cgroup, sizeof(s->cgroup), "/agent-test-%d-%.64s", (int)getpid(), cid);
	if (!agent_client_in_guest() && !*s->linux_.cgroupspath)
		s->linux_.cgroupspath = s->cgroup;
	req.container_id = req.exec_id = (char *)cid;
	req.oci = &s->spec;
	req.storages = s->storages;
	req.n_storages = s->n_storages;
	return agent_call(c, "CreateContainer", &req.base, err);
}

enum ttrpc_code agent_start(struct agent_client *c, const char *cid, struct error *err)
{
	Grpc__StartContainerRequest req = GRPC__START_CONTAINER_REQUEST__INIT;

	req.container_id = (char *)cid;
	return agent_call(c, "StartContainer", &req.base, err);
}

enum ttrpc_code agent_exec(struct agent_client *c, const char *cid, const char *exec_id,
			   Grpc__Process *p, struct error *err)
{
	Grpc__ExecProcessRequest req = GRPC__EXEC_PROCESS_REQUEST__INIT;

	req.container_id = (char *)cid;
	req.exec_id = (char *)exec_id;
	req.process = p;
	return agent_call(c, "ExecProcess", &req.base, err);
}

enum ttrpc_code agent_signal(struct agent_client *c, const char *cid, const char *exec_id, int sig)
{
	Grpc__SignalProcessRequest req = GRPC__SIGNAL_PROCESS_REQUEST__INIT;

	req.container_id = (char *)cid;
	req.exec_id = (char *)exec_id;
	req.signal = (uint32_t)sig;
	return agent_call(c, "SignalProcess", &req.base, NULL);
}

enum ttrpc_code agent_remove(struct agent_client *c, const char *cid, uint32_t timeout)
{
	Grpc__RemoveContainerRequest req = GRPC__REMOVE_CONTAINER_REQUEST__INIT;

	req.container_id = (char *)cid;
	req.timeout = timeout;
	return agent_call(c, "RemoveContainer", &req.base, NULL);
}

int agent_wait(struct agent_client *c, const char *cid, const char *exec_id)
{
	Grpc__WaitProcessRequest req = GRPC__WAIT_PROCESS_REQUEST__INIT;
	ProtobufCMessage *resp = NULL;
	enum ttrpc_code code;
	int status;

	req.container_id = (char *)cid;
	req.exec_id = (char *)exec_id;
	code = agent_call_resp(c, AGENT_SVC, "WaitProcess", &req.base,
			       &grpc__wait_process_response__descriptor, &resp, NULL);
	if (code != TTRPC_OK)
		return -(int)code;
	status = ((Grpc__WaitProcessResponse *)resp)->status;
	protobuf_c_message_free_unpacked(resp, NULL);
	return status;
}

/* One answer; the number of bytes, 0 at the end, or -enum ttrpc_code. */
static ssize_t read_some(struct agent_client *c, const char *cid, const char *exec_id, bool is_err,
			 struct strbuf *out)
{
	Grpc__ReadStreamRequest req = GRPC__READ_STREAM_REQUEST__INIT;
	ProtobufCMessage *resp = NULL;
	enum ttrpc_code code;
	size_t n;

	req.container_id = (char *)cid;
	req.exec_id = (char *)exec_id;
	req.len = 32768;
	code = agent_call_resp(c, AGENT_SVC, is_err ? "ReadStderr" : "ReadStdout", &req.base,
			       &grpc__read_stream_response__descriptor, &resp, NULL);
	if (code != TTRPC_OK)
		return -(ssize_t)code;
	n = ((Grpc__ReadStreamResponse *)resp)->data.len;
	strbuf_add(out, ((Grpc__ReadStreamResponse *)resp)->data.data, n);
	protobuf_c_message_free_unpacked(resp, NULL);
	return (ssize_t)n;
}

int agent_read_all(struct agent_client *c, const char *cid, const char *exec_id, bool is_err,
		   struct strbuf *out)
{
	ssize_t n;

	do {
		n = read_some(c, cid, exec_id, is_err, out);
	} while (n > 0);
	return (int)n;
}

int agent_read_until(struct agent_client *c, const char *cid, const char *exec_id, const char *text,
		     struct strbuf *out)
{
	ssize_t n = 1;

	while (n > 0 && !(out->len && strstr(out->buf, text)))
		n = read_some(c, cid, exec_id, false, out);
	return n > 0 ? 0 : (int)n - 1;
}

int agent_write(struct agent_client *c, const char *cid, const char *exec_id, const void *buf,
		size_t n)
{
	Grpc__WriteStreamRequest req = GRPC__WRITE_STREAM_REQUEST__INIT;
	ProtobufCMessage *resp = NULL;
	enum ttrpc_code code;
	int len;

	req.container_id = (char *)cid;
	req.exec_id = (char *)exec_id;
	req.data.data = (uint8_t *)buf;
	req.data.len = n;
	code = agent_call_resp(c, AGENT_SVC, "WriteStdin", &req.base,
			       &grpc__write_stream_response__descriptor, &resp, NULL);
	if (code != TTRPC_OK)
		return -(int)code;
	len = (int)((Grpc__WriteStreamResponse *)resp)->len;
	protobuf_c_message_free_unpacked(resp, NULL);
	return len;
}

int agent_close_stdin(struct agent_client *c, const char *cid, const char *exec_id)
{
	Grpc__CloseStdinRequest req = GRPC__CLOSE_STDIN_REQUEST__INIT;

	req.container_id = (char *)cid;
	req.exec_id = (char *)exec_id;
	return -(int)agent_call(c, "CloseStdin", &req.base, NULL);
}

int agent_run(struct agent_client *c, const char *cid, struct test_spec *s, struct strbuf *out,
	      struct strbuf *errout, struct error *err)
{
	struct strbuf none = STRBUF_INIT;
	enum ttrpc_code code = agent_create(c, cid, s, err);
	int r;

	if (code != TTRPC_OK)
		return -(int)code;
	code = agent_start(c, cid, err);
	if (code != TTRPC_OK) {
		agent_remove(c, cid, 10);
		return -(int)code;
	}
	agent_read_all(c, cid, cid, false, out ? out : &none);
	agent_read_all(c, cid, cid, true, errout ? errout : &none);
	r = agent_wait(c, cid, cid);
	agent_remove(c, cid, 10);
	strbuf_release(&none);
	return r;
}

int agent_run_sh(struct agent_client *c, const char *script, struct strbuf *out)
{
	char *args[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	struct error err = ERROR_INIT;
	struct test_spec s;
	int r;

	test_spec_init(&s, c, args);
	r = agent_run(c, "script", &s, out, NULL, &err);
	if (r < 0)
		fprintf(stderr, "agent: %s\n", error_text(&err));
	return r;
}
