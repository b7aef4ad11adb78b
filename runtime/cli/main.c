/* SPDX-License-Identifier: Apache-2.0 */
/* kata-runtime: the OCI commands, as clients of the engine's Task service. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/compiler.h"
#include "base/log.h"
#include "base/options.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "config/config.h"

#ifndef KATA_COMMIT
#define KATA_COMMIT "unknown"
#endif

struct command {
	const char *name;
	cli_command_fn fn; /* NULL: known, not built yet */
	const char *help;
};

static const struct command commands[] = {
	{ "create", cmd_create, "create a container, whose process waits" },
	{ "start", cmd_start, "start the process of created containers" },
	{ "run", cmd_run, "create and run a container" },
	{ "spec", cmd_spec, "write a new config.json" },
	{ "state", cmd_state, "print the state of a container" },
	{ "list", cmd_list, "list the containers below the root" },
	{ "kill", cmd_kill, "send a signal to a container's process" },
	{ "exec", cmd_exec, "run another process in a container" },
	{ "pause", cmd_pause, "stop the processes of a container, for now" },
	{ "resume", cmd_resume, "let them go on" },
	{ "update", cmd_update, "change the limits of a container" },
	{ "delete", cmd_delete, "delete a container and what is left of it" },
	{ "ps", NULL, NULL },
	{ "events", NULL, NULL },
	{ "check", NULL, NULL },
	{ "kata-check", NULL, NULL },
	{ "env", NULL, NULL },
	{ "kata-env", NULL, NULL },
	{ "metrics", NULL, NULL },
	{ "factory", NULL, NULL },
	{ "direct-volume", NULL, NULL },
	{ "iptables", NULL, NULL },
	{ "policy", NULL, NULL },
};

struct global_options {
	struct cli cli;
	const char *rootless;
	bool show_paths, version, help, systemd_cgroup, debug;
};

#define GLOBAL_DEFS(g)                                                                                 \
	{                                                                                              \
		{ "config",	    "kata-config", OPTION_STRING,                                      \
		  &(g)->cli.config, "FILE",	   "the configuration file" },                         \
			{ "show-default-config-paths",                                                 \
			  "kata-show-default-config-paths",                                            \
			  OPTION_FLAG,                                                                 \
			  &(g)->show_paths,                                                            \
			  NULL,                                                                        \
			  "where the configuration file is looked for" },                              \
			{ "log",	 NULL,	 OPTION_STRING,                                        \
			  &(g)->cli.log, "FILE", "where to log (/dev/null)" },                         \
			{ "log-format",		NULL,	  OPTION_STRING,                               \
			  &(g)->cli.log_format, "FORMAT", "text or json (text)" },                     \
			{ "root",	 NULL,                                                         \
			  OPTION_STRING, &(g)->cli.root,                                               \
			  "DIR",	 "where the state of containers is kept; should be a tmpfs" }, \
			{ "rootless",	     NULL,                                                     \
			  OPTION_STRING,     &(g)->rootless,                                           \
			  "true|false|auto", "accepted; what root is needed for is found out" },       \
			{ "systemd-cgroup",	NULL, OPTION_FLAG,                                     \
			  &(g)->systemd_cgroup, NULL, "accepted: cgroups are the guest's" },           \
			{ "debug", NULL, OPTION_FLAG, &(g)->debug, NULL, "log more" },                 \
			{ "help", "h", OPTION_FLAG, &(g)->help, NULL, "show this" },                   \
			{ "version", "v", OPTION_FLAG, &(g)->version, NULL, "print the version" },     \
	}

static int print_help(const struct option_def *defs, size_t n)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	strbuf_addstr(&sb,
		      "kata-runtime - runs containers in lightweight virtual machines\n\n"
		      "USAGE:\n   kata-runtime [global options] COMMAND [options] [arguments]\n\n"
		      "COMMANDS:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (commands[i].fn)
			strbuf_addf(&sb, "   %-10s %s\n", commands[i].name, commands[i].help);
	}
	strbuf_addstr(&sb, "\nGLOBAL OPTIONS:\n");
	options_help(defs, n, &sb);
	fputs(sb.buf, stdout);
	return 0;
}

static int print_paths(void)
{
	for (int i = 0; config_default_paths[i]; i++)
		puts(config_default_paths[i]);
	return 0;
}

static int print_version(void)
{
	printf("kata-runtime  : %s\n   commit   : %s\n   OCI specs: %s\n", KATA_VERSION,
	       KATA_COMMIT, CLI_OCI_VERSION);
	return 0;
}

void cli_warn(const char *line, void *data)
{
	fprintf(stderr, "kata-runtime: warning: %s\n", line);
	log_warn("%s", line);
}

static int open_log(const struct global_options *g, struct error *err)
{
	struct log_config lc = { .name = "kata-runtime",
				 .source = "runtime",
				 .level = g->debug ? LOG_L_DEBUG : LOG_L_WARN,
				 .format = LOG_F_TEXT,
				 .fd = -1,
				 .syslog = 1 };

	if (g->cli.log_format && strcmp(g->cli.log_format, "json") == 0)
		lc.format = LOG_F_JSON;
	else if (g->cli.log_format && strcmp(g->cli.log_format, "text") != 0)
		return error_set(err, -EINVAL, "unknown log-format \"%s\"", g->cli.log_format);
	if (g->cli.log && *g->cli.log) {
		lc.fd = open(g->cli.log,
			     O_WRONLY | O_CREAT | O_APPEND | O_SYNC | O_CLOEXEC | O_NOCTTY, 0640);
		if (lc.fd < 0)
			return error_sys(err, -errno, "log %s", g->cli.log);
	}
	log_init(&lc);
	return 0;
}

static int fail(const struct error *err, int status)
{
	fprintf(stderr, "kata-runtime: %s\n", error_text(err));
	log_error("%s", error_text(err));
	return status > 0 ? status : 1;
}

static int dispatch(const struct global_options *g, int argc, char **argv)
{
	struct error err = ERROR_INIT;
	int status;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, argv[0]) != 0)
			continue;
		if (!commands[i].fn) {
			error_set(&err, -ENOSYS, "the command \"%s\" is not supported yet",
				  argv[0]);
			return fail(&err, 1);
		}
		status = commands[i].fn(&g->cli, argc, argv, &err);
		return err.code ? fail(&err, status) : status;
	}
	fprintf(stderr, "Invalid command \"%s\"\n", argv[0]);
	return 1;
}

int main(int argc, char **argv)
{
	struct global_options g = { 0 };
	const struct option_def defs[] = GLOBAL_DEFS(&g);
	struct error err = ERROR_INIT;
	int next = 1;

	/* Until the options are known, to the system log alone. */
	log_init(&(struct log_config){ .name = "kata-runtime",
				       .source = "runtime",
				       .level = LOG_L_WARN,
				       .fd = -1,
				       .syslog = 1 });
	signal(SIGPIPE, SIG_IGN); /* who reads no more is seen as EPIPE, where it happens */
	if (options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, &err) < 0)
		return fail(&err, 1);
	if (g.show_paths)
		return print_paths();
	if (g.version)
		return print_version();
	if (g.help || next == argc || strcmp(argv[next], "help") == 0)
		return print_help(defs, ARRAY_SIZE(defs));
	if (g.rootless && strcmp(g.rootless, "true") != 0 && strcmp(g.rootless, "false") != 0 &&
	    strcmp(g.rootless, "auto") != 0) {
		error_set(&err, -EINVAL, "unknown value \"%s\" for --rootless", g.rootless);
		return fail(&err, 1);
	}
	if (open_log(&g, &err) < 0)
		return fail(&err, 1);
	if (strcmp(argv[next], "version") == 0)
		return print_version();
	return dispatch(&g, argc - next, argv + next);
}
