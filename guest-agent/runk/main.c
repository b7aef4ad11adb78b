/* SPDX-License-Identifier: Apache-2.0 */
/* runk: the container library as an OCI runtime with runc's commands. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/options.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "codec/json.h"
#include "runk/runk.h"
#include "runk/seal.h"

#define DEFAULT_ROOT "/run/runk"

struct command {
	const char *name;
	runk_command_fn fn;
	bool seals; /* makes a process of a container */
	const char *help;
};

static const struct command commands[] = {
	{ "create", cmd_create, true, "create a container" },
	{ "start", cmd_start, false, "run the program of a created container" },
	{ "run", cmd_run, true, "create and run a container" },
	{ "state", cmd_state, false, "print the state of a container" },
	{ "list", cmd_list, false, "list the containers below the root" },
	{ "kill", cmd_kill, false, "send a signal to a container" },
	{ "delete", cmd_delete, false, "delete a container and what is left of it" },
	{ "exec", cmd_exec, true, "run another process in a container" },
	{ "ps", cmd_ps, false, "list the processes of a container" },
	{ "pause", cmd_pause, false, "stop all processes of a container" },
	{ "resume", cmd_resume, false, "let them run again" },
	{ "update", cmd_update, false, "change the limits of a container" },
	{ "events", cmd_events, false, "print what a container uses, and out-of-memory events" },
	{ "features", cmd_features, false, "print what this runtime can do" },
	{ "spec", cmd_spec, false, "write a new config.json" },
};

/* Where lines go besides standard error. Set once, in main. */
static struct {
	int fd;
	bool json, debug;
} arg_log = { -1, false, false };

static void log_line(const char *level, const char *text)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	char now[TIME_RFC3339_MAX];
	struct json_out o;

	if (arg_log.fd < 0)
		return;
	time_rfc3339(now, time_wall_nsec());
	if (arg_log.json) {
		/* The keys that containerd, conmon and podman read. */
		json_out_init(&o, &sb, NULL);
		json_out_object(&o, NULL);
		json_out_string(&o, "level", level);
		json_out_string(&o, "msg", text);
		json_out_string(&o, "time", now);
		json_out_end(&o);
		if (json_out_finish(&o) < 0)
			return;
	} else {
		strbuf_addf(&sb, "time=\"%s\" level=%s msg=\"", now, level);
		strbuf_add_json(&sb, text);
		strbuf_addch(&sb, '"');
	}
	if (strbuf_addch(&sb, '\n') == 0)
		fd_write_full(arg_log.fd, sb.buf, sb.len);
}

void runk_warn(const char *fmt, ...)
{
	char text[ERROR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "runk: warning: %s\n", text);
	log_line("warning", text);
}

int runk_one_id(int argc, char **argv, int next, const char **ret, struct error *err)
{
	if (next >= argc)
		return error_set(err, -EINVAL, "%s: a container's id is required", argv[0]);
	if (next + 1 < argc)
		return error_set(err, -EINVAL, "%s: one argument expected, \"%s\" is another",
				 argv[0], argv[next + 1]);
	*ret = argv[next];
	return 0;
}

static int fail(const struct error *err, int status)
{
	fprintf(stderr, "runk: %s\n", error_text(err));
	log_line("error", error_text(err));
	return status > 0 ? status : 1;
}

struct global_options {
	struct runk rk;
	const char *root, *log, *log_format, *rootless, *criu;
	bool debug, version, help;
};

static int print_help(const struct option_def *defs, size_t n)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	strbuf_addstr(&sb, "runk - runs OCI containers without a virtual machine\n\n"
			   "USAGE:\n   runk [global options] COMMAND [options] [arguments]\n\n"
			   "COMMANDS:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		strbuf_addf(&sb, "   %-10s %s\n", commands[i].name, commands[i].help);
	strbuf_addstr(&sb, "\nGLOBAL OPTIONS:\n");
	options_help(defs, n, &sb);
	fputs(sb.buf, stdout);
	return 0;
}

static int open_log(const struct global_options *g, struct error *err)
{
	arg_log.json = g->log_format && strcmp(g->log_format, "json") == 0;
	arg_log.debug = g->debug;
	if (g->log_format && !arg_log.json && strcmp(g->log_format, "text") != 0)
		return error_set(err, -EINVAL, "unknown log-format \"%s\"", g->log_format);
	if (g->log && *g->log) {
		arg_log.fd =
			open(g->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
		if (arg_log.fd < 0)
			return error_sys(err, -errno, "log %s", g->log);
	}
	return 0;
}

static int choose_rootless(struct global_options *g, struct error *err)
{
	if (!g->rootless || strcmp(g->rootless, "auto") == 0)
		g->rk.rootless = geteuid() != 0;
	else if (strcmp(g->rootless, "true") == 0 || strcmp(g->rootless, "false") == 0)
		g->rk.rootless = g->rootless[0] == 't';
	else
		return error_set(err, -EINVAL, "unknown value \"%s\" for --rootless", g->rootless);
	return 0;
}

/* Absolute, as the directory may change; of a user without rights to /run below the user's own. Malloc'd. */
static char *choose_root(const struct global_options *g)
{
	const char *run = getenv("XDG_RUNTIME_DIR");

	if (g->root && g->root[0] == '/')
		return strdup(g->root);
	if (g->root) {
		_cleanup_free_ char *cwd = getcwd(NULL, 0);

		return cwd ? str_printf("%s/%s", cwd, g->root) : NULL;
	}
	if (geteuid() != 0 && run && *run)
		return str_printf("%s/runk", run);
	return strdup(DEFAULT_ROOT);
}

static int dispatch(const struct runk *rk, char **all, int argc, char **argv)
{
	struct error err = ERROR_INIT;
	int status;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, argv[0]) != 0)
			continue;
		if (commands[i].seals && seal_self(all, &err) < 0)
			return fail(&err, 1);
		status = commands[i].fn(rk, argc, argv, &err);
		return err.code ? fail(&err, status) : status;
	}
	error_set(&err, -EINVAL, "no command \"%s\"", argv[0]);
	return fail(&err, 1);
}

#define GLOBAL_DEFS(g)                                                                               \
	{                                                                                            \
		{ "root", NULL, OPTION_STRING, &(g).root, "DIR", "where the state is kept" },        \
			{ "log", NULL, OPTION_STRING, &(g).log, "FILE", "where to log, too" },       \
			{ "log-format",	   NULL,     OPTION_STRING,                                  \
			  &(g).log_format, "FORMAT", "text or json (text)" },                        \
			{ "systemd-cgroup",	  NULL, OPTION_FLAG,                                 \
			  &(g).rk.systemd_cgroup, NULL, "refused: there is no driver for systemd" }, \
			{ "rootless",	     NULL,                                                   \
			  OPTION_STRING,     &(g).rootless,                                          \
			  "true|false|auto", "leave out cgroups that may not be used (auto)" },      \
			{ "criu", NULL, OPTION_STRING, &(g).criu, NULL, NULL },                      \
			{ "debug", NULL, OPTION_FLAG, &(g).debug, NULL, "log more" },                \
			{ "help", "h", OPTION_FLAG, &(g).help, NULL, "show this" },                  \
			{ "version", "v", OPTION_FLAG, &(g).version, NULL, "print the version" },    \
	}

int main(int argc, char **argv)
{
	struct global_options g = { 0 };
	const struct option_def defs[] = GLOBAL_DEFS(g);
	struct error err = ERROR_INIT;
	char *root;
	int next = 1, status;

	signal(SIGPIPE, SIG_IGN); /* who reads no more is seen as EPIPE, where it happens */
	if (options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, &err) < 0)
		return fail(&err, 1);
	if (g.version) {
		printf("runk version %s\nspec: %s\n", KATA_VERSION, RUNK_OCI_VERSION);
		return 0;
	}
	if (g.help || next == argc || strcmp(argv[next], "help") == 0)
		return print_help(defs, ARRAY_SIZE(defs));
	if (open_log(&g, &err) < 0 || choose_rootless(&g, &err) < 0)
		return fail(&err, 1);
	root = choose_root(&g);
	if (!root) {
		error_oom(&err);
		return fail(&err, 1);
	}
	g.rk.root = root;
	status = dispatch(&g.rk, argv, argc - next, argv + next);
	free(root);
	return status;
}
