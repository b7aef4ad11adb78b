/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/options.h"
#include "base/process.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/known.h"
#include "cli/session.h"
#include "cli/standin.h"
#include "cli/task_client.h"
#include "codec/json.h"
#include "oci/spec.h"
#include "wire/google.pb-c.h"

#define USAGE		 "exec [options] ID COMMAND [ARG...]"
#define PROCESS_TYPE_URL "types.containerd.io/opencontainers/runtime-spec/1/Process"
#define PROCESS_MAX	 (1u << 20)

struct exec_options {
	const char *cwd, *user, *process, *console_socket, *pid_file;
	const char *env[OPTION_LIST_MAX + 1];
	bool tty, detach, no_new_privs, ignored;
};

static int parse(struct exec_options *o, int argc, char **argv, int *next, struct error *err)
{
	const struct option_def defs[] = {
		{ "cwd", NULL, OPTION_STRING, &o->cwd, "DIR", "" },
		{ "env", "e", OPTION_LIST, o->env, "NAME=VALUE", "" },
		{ "tty", "t", OPTION_FLAG, &o->tty, NULL, "" },
		{ "user", "u", OPTION_STRING, &o->user, "UID[:GID]", "" },
		{ "process", "p", OPTION_STRING, &o->process, "FILE", "" },
		{ "detach", "d", OPTION_FLAG, &o->detach, NULL, "" },
		{ "pid-file", NULL, OPTION_STRING, &o->pid_file, "FILE", "" },
		{ "console-socket", NULL, OPTION_STRING, &o->console_socket, "PATH", "" },
		{ "no-new-privs", NULL, OPTION_FLAG, &o->no_new_privs, NULL, "" },
		{ "no-subreaper", NULL, OPTION_FLAG, &o->ignored, NULL, NULL },
	};
	int r = options_parse(defs, ARRAY_SIZE(defs), argc, argv, next, err);

	if (r < 0)
		return r;
	if (argc - *next < (o->process ? 1 : 2))
		return error_set(err, -EINVAL, "expected a container id and a command: %s", USAGE);
	if (!o->detach && o->console_socket)
		return error_set(err, -EINVAL, "--console-socket is for exec --detach");
	return 0;
}

static int parse_user(const char *text, uint32_t *uid, uint32_t *gid, struct error *err)
{
	_cleanup_free_ char *copy = strdup(text);
	char *colon;

	if (!copy)
		return error_oom(err);
	colon = strchr(copy, ':');
	if (colon)
		*colon++ = '\0';
	if (parse_u32(copy, 10, uid) < 0 || (colon && parse_u32(colon, 10, gid) < 0))
		return error_set(err, -EINVAL, "--user \"%s\": expected UID[:GID]", text);
	return 0;
}

/* The container's own process of config.json, with the command line's changes, as JSON. */
static int build_process(const struct exec_options *o, const struct oci_process *base, char **args,
			 size_t n_args, struct strbuf *out, struct error *err)
{
	uint32_t uid = base->user.uid, gid = base->user.gid;
	struct json_out j;
	int r;

	if (o->user && (r = parse_user(o->user, &uid, &gid, err)) < 0)
		return r;
	json_out_init(&j, out, NULL);
	json_out_object(&j, NULL);
	json_out_bool(&j, "terminal", o->tty);
	json_out_object(&j, "user");
	json_out_u64(&j, "uid", uid);
	json_out_u64(&j, "gid", gid);
	json_out_end(&j);
	json_out_strings(&j, "args", args, n_args);
	json_out_array(&j, "env");
	for (size_t i = 0; i < base->env.n; i++)
		json_out_string(&j, NULL, base->env.v[i]);
	for (size_t i = 0; o->env[i]; i++)
		json_out_string(&j, NULL, o->env[i]);
	json_out_end(&j);
	json_out_string(&j, "cwd", o->cwd ? o->cwd : base->cwd);
	if (base->has_capabilities) {
		json_out_object(&j, "capabilities");
		json_out_strings(&j, "bounding", base->caps.bounding.v, base->caps.bounding.n);
		json_out_strings(&j, "effective", base->caps.effective.v, base->caps.effective.n);
		json_out_strings(&j, "inheritable", base->caps.inheritable.v,
				 base->caps.inheritable.n);
		json_out_strings(&j, "permitted", base->caps.permitted.v, base->caps.permitted.n);
		json_out_strings(&j, "ambient", base->caps.ambient.v, base->caps.ambient.n);
		json_out_end(&j);
	}
	json_out_bool(&j, "noNewPrivileges", base->no_new_privileges || o->no_new_privs);
	json_out_end(&j);
	return json_out_finish(&j) < 0 ? error_oom(err) : 0;
}

static int make_process(const struct exec_options *o, const struct known *k, char **args,
			size_t n_args, struct strbuf *out, bool *ret_terminal, struct error *err)
{
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	struct oci_process_doc *doc = NULL;
	_cleanup_fd_ int dir = -1;
	int r;

	if (o->process) {
		r = file_read(AT_FDCWD, o->process, PROCESS_MAX, out, err);
		if (r >= 0)
			r = oci_process_parse(out->buf, out->len, &doc, err);
		if (r < 0)
			return error_prefix(err, "%s", o->process);
		*ret_terminal = doc->process.terminal;
		oci_process_free(doc);
		return 0;
	}
	dir = open(k->state.bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, -errno, "bundle %s", k->state.bundle);
	r = oci_spec_load(dir, k->state.bundle, &spec, err);
	if (r < 0)
		return r;
	*ret_terminal = o->tty;
	return build_process(o, spec->process, args, n_args, out, err);
}

static int send_exec(struct task_client *c, const struct session *s, const char *exec_id,
		     const struct strbuf *process, struct error *err)
{
	Containerd__Task__V2__ExecProcessRequest req =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Google__Protobuf__Any spec = GOOGLE__PROTOBUF__ANY__INIT;

	spec.type_url = (char *)PROCESS_TYPE_URL;
	spec.value.data = (uint8_t *)process->buf;
	spec.value.len = process->len;
	req.id = (char *)c->id;
	req.exec_id = (char *)exec_id;
	req.terminal = s->is_terminal;
	req.stdin = s->fifo[SESSION_IN];
	req.stdout = s->fifo[SESSION_OUT];
	req.stderr = s->fifo[SESSION_ERR];
	req.spec = &spec;
	return task_call(c, "Exec", &req.base, err);
}

static void remove_fifos(const struct session *s)
{
	for (int k = 0; k < SESSION_STREAMS; k++) {
		if (s->fifo[k] && *s->fifo[k])
			unlink(s->fifo[k]);
	}
}

/* One process of a container, from its description to its end. */
struct exec {
	struct known k;
	struct strbuf process; /* JSON */
	bool is_terminal;
	char exec_id[48];
	struct loop *loop;
	struct task_client client;
	struct session session;
};

static int make_and_start(struct exec *e, struct error *err)
{
	int r = loop_new(&e->loop);

	if (r < 0)
		return error_sys(err, r, "event loop");
	snprintf(e->exec_id, sizeof(e->exec_id), "exec-%d-%llu", (int)getpid(),
		 (unsigned long long)time_mono_usec());
	session_init(&e->session, e->loop);
	r = session_catch_signals(&e->session, err);
	if (r == 0)
		r = task_client_open(&e->client, e->loop, &e->k.instance, err);
	if (r == 0)
		r = session_make_fifos(&e->session, &e->k.instance, e->exec_id, e->is_terminal,
				       err);
	if (r == 0)
		r = send_exec(&e->client, &e->session, e->exec_id, &e->process, err);
	if (r < 0)
		return r;
	r = session_attach(&e->session, &e->client, e->exec_id, err);
	if (r == 0)
		r = task_start(&e->client, e->exec_id, err);
	if (r == 0)
		r = session_started(&e->session, err);
	if (r == 0)
		return 0;
	(void)task_delete(&e->client, e->exec_id, NULL);
	if (strstr(error_text(err), "exec \""))
		return err->code == -ENOENT ? 127 : 126;
	return r;
}

static int begin(void *data, struct error *err)
{
	struct exec *e = data;
	int r = make_and_start(e, err);

	if (r)
		remove_fifos(&e->session);
	return r;
}

static int end(void *data, struct error *err)
{
	struct exec *e = data;
	int status = 0, r = session_run(&e->session, &status, err);

	(void)task_delete(&e->client, e->exec_id, NULL);
	remove_fifos(&e->session);
	return r < 0 ? r : status;
}

static void release(struct exec *e)
{
	remove_fifos(&e->session);
	task_client_close(&e->client);
	session_release(&e->session);
	loop_free(e->loop);
	strbuf_release(&e->process);
	known_release(&e->k);
}

static int run_process(struct exec *e, const struct exec_options *o, struct error *err)
{
	struct standin s = { .terminal = e->is_terminal,
			     .console_socket = o->console_socket,
			     .pid_file = o->pid_file,
			     .begin = begin,
			     .end = end,
			     .data = e };
	int r;

	if (o->detach) {
		r = standin_check(&s, "run detached", err);
		return r < 0 ? r : standin_run(&s, err);
	}
	if (e->is_terminal && !isatty(STDIN_FILENO))
		return error_set(err, -ENOTTY, "a terminal is asked for, but stdin is none");
	r = begin(e, err);
	if (r == 0)
		r = process_write_pid(o->pid_file, getpid(), err);
	return r ? r : end(e, err);
}

static int find_container(struct exec *e, const struct cli *cli, const char *id, struct error *err)
{
	int r = known_need(&e->k, cli, id, err);

	if (r < 0)
		return r;
	if (!e->k.alive || strcmp(e->k.state.status, "running") != 0)
		return error_set(err, -ESRCH, "container \"%s\" is not running", id);
	return 0;
}

int cmd_exec(const struct cli *cli, int argc, char **argv, struct error *err)
{
	struct exec e = { .k = KNOWN_INIT, .process = STRBUF_INIT, .client = TASK_CLIENT_INIT };
	struct exec_options o = { 0 };
	int next, r = parse(&o, argc, argv, &next, err);

	if (r < 0)
		return r;
	session_init(&e.session, NULL);
	r = find_container(&e, cli, argv[next], err);
	if (r == 0)
		r = make_process(&o, &e.k, argv + next + 1, (size_t)(argc - next - 1), &e.process,
				 &e.is_terminal, err);
	if (r == 0)
		r = run_process(&e, &o, err);
	release(&e);
	return r;
}
