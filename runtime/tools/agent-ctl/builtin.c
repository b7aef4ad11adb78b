/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that are no calls of the agent. Their names begin with a small letter. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/alloc.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "tools/agent-ctl/ctl.h"
#include "tools/agent-ctl/duration.h"
#include "wire/agent.pb-c.h"

static int say(const char *text, struct error *err)
{
	if (puts(text) == EOF || fflush(stdout) == EOF)
		return error_sys(err, -errno, "standard output");
	return 0;
}

/* Without the end of the line. */
static int do_echo(struct ctl *c, const char *rest, const struct ctl_line *line, struct error *err)
{
	_cleanup_free_ char *text = mem_dup0(rest, strcspn(rest, "\n"));

	return text ? say(text, err) : error_oom(err);
}

static int do_list(struct ctl *c, const char *rest, const struct ctl_line *line, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int r = strbuf_addstr(&sb, "Built-in commands:\n\n");

	for (const struct ctl_builtin *b = ctl_builtins; b->name; b++)
		r |= strbuf_addf(&sb, "  %s%s%s (%s)\n", b->name, *b->args ? " " : "", b->args,
				 b->help);
	r |= strbuf_addstr(&sb, "\nCalls of the agent:\n\n");
	for (size_t i = 0; ctl_services[i]; i++)
		for (unsigned int k = 0; k < ctl_services[i]->n_methods; k++)
			r |= strbuf_addf(&sb, "  %s (%s)\n", ctl_services[i]->methods[k].name,
					 ctl_services[i]->name);
	return r < 0 ? error_oom(err) : say(sb.buf, err);
}

static const char *type_name(const ProtobufCFieldDescriptor *fd)
{
	switch (fd->type) {
	case PROTOBUF_C_TYPE_BOOL:
		return "bool";
	case PROTOBUF_C_TYPE_STRING:
		return "string";
	case PROTOBUF_C_TYPE_BYTES:
		return "bytes";
	case PROTOBUF_C_TYPE_ENUM:
		return ((const ProtobufCEnumDescriptor *)fd->descriptor)->name;
	case PROTOBUF_C_TYPE_MESSAGE:
		return ((const ProtobufCMessageDescriptor *)fd->descriptor)->name;
	default:
		return "number";
	}
}

static int add_fields(struct strbuf *sb, const char *title, const ProtobufCMessageDescriptor *desc)
{
	int r = strbuf_addf(sb, "%s %s\n", title, desc->name);

	for (unsigned int i = 0; i < desc->n_fields && r == 0; i++) {
		const ProtobufCFieldDescriptor *fd = &desc->fields[i];

		r = strbuf_addf(sb, "  %-28s %s%s\n", message_field_name(fd),
				fd->label == PROTOBUF_C_LABEL_REPEATED ? "list of " : "",
				type_name(fd));
	}
	return r;
}

static const ProtobufCMessageDescriptor *find_message(const char *name)
{
	const ProtobufCServiceDescriptor *service = NULL;
	const ProtobufCMethodDescriptor *method;
	size_t n = strcspn(name, ".");
	_cleanup_free_ char *head = mem_dup0(name, n);
	const ProtobufCFieldDescriptor *fd;

	method = head ? ctl_method(head, &service) : NULL;
	if (!method)
		return NULL;
	if (!name[n])
		return method->input;
	fd = message_find_path(method->input, name + n + 1);
	return fd && fd->type == PROTOBUF_C_TYPE_MESSAGE ? fd->descriptor : NULL;
}

/* "describe CreateContainer", "describe CreateContainer.OCI" */
static int do_describe(struct ctl *c, const char *rest, const struct ctl_line *line,
		       struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	const ProtobufCServiceDescriptor *service = NULL;
	const ProtobufCMethodDescriptor *method;
	const ProtobufCMessageDescriptor *desc = NULL;

	if (line->words.n == 1)
		desc = find_message(line->words.v[0]);
	if (!desc)
		return error_set(err, -EINVAL,
				 "expected the name of a call, or CALL.FIELD of a message");
	method = ctl_method(line->words.v[0], &service);
	if (add_fields(&sb, method ? "request" : "message", desc) < 0 ||
	    (method && add_fields(&sb, "answer", method->output) < 0))
		return error_oom(err);
	strbuf_trim_end(&sb);
	return say(sb.buf, err);
}

static int do_help(struct ctl *c, const char *rest, const struct ctl_line *line, struct error *err)
{
	return line->words.n > 0 ? do_describe(c, rest, line, err) : do_list(c, rest, line, err);
}

static int do_repeat(struct ctl *c, const char *rest, const struct ctl_line *line,
		     struct error *err)
{
	int64_t n = 0;

	if (line->words.n != 1 || parse_i64(line->words.v[0], 10, &n) < 0 || n < -1)
		return error_set(err, -EINVAL, "expected a number, or -1 for ever");
	c->repeat = n < 0 ? CTL_REPEAT_EVER : (uint64_t)n;
	return 0;
}

static int do_sleep(struct ctl *c, const char *rest, const struct ctl_line *line, struct error *err)
{
	struct timespec left;
	uint64_t nsec = 0;
	int r;

	if (line->words.n != 1)
		return error_set(err, -EINVAL, "expected a time, as 100ms");
	r = ctl_duration_parse(line->words.v[0], &nsec, err);
	if (r < 0)
		return r;
	left.tv_sec = (time_t)(nsec / 1000000000);
	left.tv_nsec = (long)(nsec % 1000000000);
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	return 0;
}

static int do_source(struct ctl *c, const char *rest, const struct ctl_line *line,
		     struct error *err)
{
	if (line->words.n != 1)
		return error_set(err, -EINVAL, "expected a file, or - for standard input");
	return ctl_run_script(c, line->words.v[0], err);
}

static int do_quit(struct ctl *c, const char *rest, const struct ctl_line *line, struct error *err)
{
	c->quit = true;
	return 0;
}

/* expect CODE CALL...: succeeds when the call ends with this code, and prints its text. */
static int do_expect(struct ctl *c, const char *rest, const struct ctl_line *line,
		     struct error *err)
{
	_cleanup_ctl_request_ struct ctl_request req = CTL_REQUEST_INIT;
	_cleanup_ctl_line_ struct ctl_line inner = CTL_LINE_INIT;
	enum ttrpc_code want = TTRPC_OK, got = TTRPC_OK;
	_cleanup_strbuf_ struct strbuf json = STRBUF_INIT;
	struct error why = ERROR_INIT;
	int r;

	if (line->words.n < 1 || ttrpc_code_parse(line->words.v[0], &want) < 0)
		return error_set(err, -EINVAL, "expected a status such as NOT_FOUND, and a call");
	r = ctl_line_parse(ctl_line_rest(rest), &inner, err);
	if (r < 0)
		return r;
	if (!inner.name)
		return error_set(err, -EINVAL, "expected a call");
	r = ctl_request_build(&c->values, inner.name, &inner, &req, err);
	if (r < 0)
		return r;
	ctl_call(c, &req, &json, &got, &why);
	if (got != want)
		return error_set(err, -EPROTO, "%s: expected %s, but it ended with %s%s%s",
				 req.method->name, ttrpc_code_name(want), ttrpc_code_name(got),
				 got == TTRPC_OK ? "" : ": ", got == TTRPC_OK ? "" : why.msg);
	return say(got == TTRPC_OK ? json.buf : error_text(&why), err);
}

/* ---- streams ---- */

static int attach(struct ctl *c, const struct ctl_line *line, unsigned int parts, struct error *err)
{
	_cleanup_ctl_request_ struct ctl_request req = CTL_REQUEST_INIT;
	/* The message that names a process and nothing else. */
	int r = ctl_request_build(&c->values, "WaitProcess", line, &req, err);

	if (r < 0)
		return r;
	if (c->stdin_taken)
		parts &= ~(unsigned int)CTL_STDIN;
	return ctl_attach(c, ctl_field_text(req.msg, "container_id"),
			  ctl_field_text(req.msg, "exec_id"), parts, err);
}

static int do_attach(struct ctl *c, const char *rest, const struct ctl_line *line,
		     struct error *err)
{
	return attach(c, line, CTL_STDIN | CTL_OUTPUT | CTL_WAIT, err);
}

static int do_output(struct ctl *c, const char *rest, const struct ctl_line *line,
		     struct error *err)
{
	return attach(c, line, CTL_OUTPUT, err);
}

static int do_input(struct ctl *c, const char *rest, const struct ctl_line *line, struct error *err)
{
	if (c->stdin_taken)
		return error_set(err, -EBUSY, "commands are read from standard input");
	return attach(c, line, CTL_STDIN, err);
}

/* exec [PATH=VALUE]... COMMAND [ARG]... */
static int do_exec(struct ctl *c, const char *rest, const struct ctl_line *line, struct error *err)
{
	_cleanup_ctl_request_ struct ctl_request req = CTL_REQUEST_INIT;
	struct ctl_line call = CTL_LINE_INIT;
	enum ttrpc_code code = TTRPC_OK;
	bool in_command = false;
	Grpc__Process *process;
	int r = 0;

	for (size_t i = 0; i < line->words.n && r == 0; i++) {
		const char *word = line->words.v[i];

		in_command = in_command ||
			     !ctl_word_is_field(&grpc__exec_process_request__descriptor, word);
		r = strv_addf(&call.words, "%s%s", in_command ? "process.Args=" : "", word);
	}
	if (r < 0)
		r = error_oom(err);
	else
		r = ctl_request_build(&c->values, "ExecProcess", &call, &req, err);
	ctl_line_release(&call);
	if (r < 0)
		return r;
	process = ((Grpc__ExecProcessRequest *)req.msg)->process;
	if (!process || process->n_args == 0)
		return error_set(err, -EINVAL, "expected a command");
	if (!*process->cwd)
		process->cwd = (char *)"/";
	r = ctl_call(c, &req, NULL, &code, err);
	if (r < 0)
		return error_prefix(err, "%s: %s", req.method->name, ttrpc_code_name(code));
	return ctl_attach(c, ctl_field_text(req.msg, "container_id"),
			  ctl_field_text(req.msg, "exec_id"),
			  (c->stdin_taken ? 0 : CTL_STDIN) | CTL_OUTPUT | CTL_WAIT, err);
}

const struct ctl_builtin ctl_builtins[] = {
	{ "attach", "[cid=ID] [exec_id=ID]", "copy the streams of a process and wait for it",
	  do_attach },
	{ "describe", "CALL[.FIELD]", "show the fields of a call or of a message in it",
	  do_describe },
	{ "echo", "[TEXT]", "print the text", do_echo },
	{ "exec", "[PATH=VALUE]... COMMAND [ARG]...", "run a process in the container, attached",
	  do_exec },
	{ "expect", "STATUS CALL...", "succeed if the call ends with this status", do_expect },
	{ "help", "[CALL]", "as list, or as describe", do_help },
	{ "input", "[cid=ID] [exec_id=ID]", "copy standard input to a process and close its own",
	  do_input },
	{ "list", "", "show all commands", do_list },
	{ "output", "[cid=ID] [exec_id=ID]", "copy both outputs of a process until they end",
	  do_output },
	{ "quit", "", "end the program", do_quit },
	{ "repeat", "N", "run the next command N times; -1: for ever", do_repeat },
	{ "sleep", "TIME", "wait, as in 100ms; a number alone is nanoseconds", do_sleep },
	{ "source", "FILE", "run the commands of a file, or of standard input (-)", do_source },
	{ NULL, NULL, NULL, NULL },
};
