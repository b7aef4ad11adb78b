/* SPDX-License-Identifier: Apache-2.0 */
/* kata-agent-ctl: calls of the guest agent from the command line and from scripts. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "tools/agent-ctl/ctl.h"
#include "tools/agent-ctl/duration.h"
#include "tools/agent-ctl/options.h"

/* Exit codes; `exec` and `attach` end the program with the process's own. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define DEFAULT_PORT "1024" /* the agent's on vsock */

static const char usage[] =
	"kata-agent-ctl - calls of the Kata Containers agent\n\n"
	"USAGE:\n   kata-agent-ctl [-l LEVEL] connect OPTIONS -c COMMAND...\n"
	"   kata-agent-ctl generate-cid | generate-sid | examples\n\nOPTIONS:\n";

static const char warning[] =
	"\nThis tool makes any call in any order, and so can confuse or end the containers of the\n"
	"sandbox that it is pointed at. It is meant for machines that are there for tests.\n";

#define CONNECT "  kata-agent-ctl connect --server-address "
static const char examples[] =
	"Is the agent there, on a vsock, a hybrid vsock, a Unix socket, an abstract one:\n\n" CONNECT
	"vsock://3:1024 -c Check\n" CONNECT
	"unix:///run/vc/vm/foo/clh.sock --hybrid-vsock -c Check\n" CONNECT
	"unix:///tmp/agent.sock -c Check\n" CONNECT "unix://@/tmp/agent.sock -c Check\n"
	"\nAll commands, and the fields of one call:\n\n" CONNECT "vsock://3:1024 -c list\n" CONNECT
	"vsock://3:1024 -c 'describe CreateContainer'\n"
	"\nA sandbox with one container, its output, and the end of both:\n\n" CONNECT
	"vsock://3:1024 --bundle-dir BUNDLE \\\n"
	"    -c CreateSandbox -c CreateContainer -c StartContainer -c attach \\\n"
	"    -c RemoveContainer -c DestroySandbox\n"
	"\nAnother config.json, another command in the running container:\n\n" CONNECT
	"vsock://3:1024 -c 'CreateContainer spec=file:///tmp/config.json cid=c1'\n" CONNECT
	"vsock://3:1024 -c \"exec cid=c1 sh -c 'echo hello; exit 3'\"\n"
	"\nFields by name, as JSON, from a file:\n\n" CONNECT
	"vsock://3:1024 -c 'SignalProcess signal=usr1 cid=c1'\n" CONNECT
	"vsock://3:1024 -c 'GetGuestDetails json://{\"mem_block_size\": true}'\n" CONNECT
	"vsock://3:1024 -c 'GetGuestDetails file:///tmp/request.json'\n" CONNECT
	"vsock://3:1024 -c 'SetPolicy policy=file:///tmp/policy.toml'\n"
	"\nAgain and again, and what must fail:\n\n" CONNECT
	"vsock://3:1024 --repeat 7 --ignore-errors -c CreateSandbox\n" CONNECT
	"vsock://3:1024 -c 'repeat -1' -c GetMetrics\n" CONNECT
	"vsock://3:1024 -c 'expect NOT_FOUND StartContainer cid=nobody'\n"
	"\nA file of commands:\n\n" CONNECT "vsock://3:1024 -c 'source script.txt'\n";

static int fail(const struct error *err, int status)
{
	fprintf(stderr, "kata-agent-ctl: %s\n", error_text(err));
	return status;
}

static int print_help(void)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct option_def global[CTL_GLOBAL_OPTIONS], connect[CTL_CONNECT_OPTIONS];
	struct ctl_options o = { 0 };

	ctl_global_options(&o, global);
	ctl_connect_options(&o, connect);
	if (strbuf_addstr(&sb, usage) < 0 || options_help(global, CTL_GLOBAL_OPTIONS, &sb) < 0 ||
	    strbuf_addstr(&sb, "\nOPTIONS of connect:\n") < 0 ||
	    options_help(connect, CTL_CONNECT_OPTIONS, &sb) < 0 || strbuf_addstr(&sb, warning) < 0)
		return EXIT_FAILED;
	return fputs(sb.buf, stdout) == EOF ? EXIT_FAILED : EXIT_OK;
}

/* The levels have one more name here than elsewhere. */
static int open_log(const char *level, struct error *err)
{
	struct log_config lc = { .name = "kata-agent-ctl",
				 .source = "agent-ctl",
				 .level = LOG_L_WARN,
				 .format = LOG_F_TEXT,
				 .fd = STDERR_FILENO };

	if (level && log_level_parse(level, &lc.level) < 0)
		return error_set(err, -EINVAL, "unknown log level \"%s\"", level);
	log_init(&lc);
	return 0;
}

/* ---- connect ---- */

/* Options and commands may be mixed: what is no option is one more command, as after -c A B. */
static int parse_connect(struct ctl_options *o, int argc, char **argv, struct error *err)
{
	struct option_def defs[CTL_CONNECT_OPTIONS];
	size_t n;
	int next = 1, r;

	ctl_connect_options(o, defs);
	while (argc > 1) {
		r = options_parse(defs, CTL_CONNECT_OPTIONS, argc, argv, &next, err);
		if (r < 0)
			return r;
		if (next >= argc)
			break;
		for (n = 0; o->commands[n]; n++)
			;
		if (n == OPTION_LIST_MAX)
			return error_set(err, -E2BIG, "more than %d commands", OPTION_LIST_MAX);
		o->commands[n] = argv[next];
		argc -= next;
		argv += next;
	}
	return 0;
}

static int parse_address(const struct ctl_options *o, struct transport_addr *ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	const char *path;

	if (!o->server_address)
		return error_set(err, -EINVAL, "connect needs --server-address");
	if (!o->hybrid)
		return transport_addr_parse(o->server_address, ret, err);
	path = str_after(o->server_address, "unix://");
	if (!path)
		return error_set(err, -EINVAL, "--hybrid-vsock needs an address unix://PATH");
	if (strbuf_addf(&sb, "hvsock://%s:%s", path, o->hybrid_port) < 0)
		return error_oom(err);
	return transport_addr_parse(sb.buf, ret, err);
}

static int set_up(const struct ctl_options *o, struct ctl *c, int64_t *ret_repeat,
		  struct error *err)
{
	uint64_t nsec = 0;
	int r = parse_address(o, &c->addr, err);

	if (r == 0 && o->timeout)
		r = ctl_duration_parse(o->timeout, &nsec, err);
	if (r < 0)
		return r;
	if (o->repeat && (parse_i64(o->repeat, 10, ret_repeat) < 0 || *ret_repeat < -1))
		return error_set(err, -EINVAL, "--repeat \"%s\": expected a number, or -1 for ever",
				 o->repeat);
	if (!o->commands[0] && !o->interactive)
		return error_set(err, -EINVAL, "connect needs --cmd or --interactive");
	c->timeout_ms = (nsec + 999999) / 1000000;
	c->ignore_errors = o->ignore_errors;
	c->quiet = o->quiet;
	c->values.none = o->no_auto_values;
	c->values.bundle_dir = o->bundle_dir;
	c->repeat = 1;
	return 0;
}

static int run_commands(const struct ctl_options *o, struct ctl *c, int64_t repeat,
			struct error *err)
{
	int r = 0;

	for (int64_t i = 0; (repeat < 0 || i < repeat) && r == 0 && !c->quit; i++) {
		for (size_t k = 0; o->commands[k] && r == 0 && !c->quit; k++)
			r = ctl_run_line(c, o->commands[k], err);
		if (!o->commands[0])
			break;
	}
	if (r == 0 && o->interactive && !c->quit)
		r = ctl_run_interactive(c, err);
	return r;
}

static int cmd_connect(struct ctl_options *o, int argc, char **argv, struct error *err)
{
	struct ctl c = { .repeat = 1 };
	int64_t repeat = 1;
	int r, status = EXIT_OK;

	o->hybrid_port = DEFAULT_PORT;
	r = parse_connect(o, argc, argv, err);
	if (r == 0 && o->help)
		return print_help();
	if (r == 0)
		r = set_up(o, &c, &repeat, err);
	if (r == 0)
		r = open_log(o->log_level, err);
	if (r < 0)
		return fail(err, EXIT_USAGE);
	r = run_commands(o, &c, repeat, err);
	if (r < 0)
		status = fail(err, EXIT_FAILED);
	else if (c.failed && !c.ignore_errors)
		status = EXIT_FAILED;
	else
		status = c.status;
	ctl_release(&c);
	return status;
}

static int print_id(struct error *err)
{
	char id[CTL_ID_LEN + 1];

	if (ctl_random_id(id, err) < 0)
		return fail(err, EXIT_FAILED);
	return puts(id) == EOF ? EXIT_FAILED : EXIT_OK;
}

int main(int argc, char **argv)
{
	struct option_def defs[CTL_GLOBAL_OPTIONS];
	struct error err = ERROR_INIT;
	struct ctl_options o = { 0 };
	int next = 1;

	signal(SIGPIPE, SIG_IGN);
	ctl_global_options(&o, defs);
	if (options_parse(defs, CTL_GLOBAL_OPTIONS, argc, argv, &next, &err) < 0)
		return fail(&err, EXIT_USAGE);
	if (o.version)
		return puts("kata-agent-ctl " KATA_VERSION) == EOF ? EXIT_FAILED : EXIT_OK;
	if (o.help || (next < argc && strcmp(argv[next], "help") == 0))
		return print_help();
	if (next == argc) {
		error_set(&err, -EINVAL,
			  "expected connect, generate-cid, generate-sid or examples");
		return fail(&err, EXIT_USAGE);
	}
	if (strcmp(argv[next], "connect") == 0)
		return cmd_connect(&o, argc - next, argv + next, &err);
	if (strcmp(argv[next], "generate-cid") == 0 || strcmp(argv[next], "generate-sid") == 0)
		return print_id(&err);
	if (strcmp(argv[next], "examples") == 0)
		return fputs(examples, stdout) == EOF ? EXIT_FAILED : EXIT_OK;
	error_set(&err, -EINVAL, "unknown command \"%s\"", argv[next]);
	return fail(&err, EXIT_USAGE);
}
