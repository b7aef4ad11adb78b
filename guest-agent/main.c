/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kata-agent: /sbin/init of the guest, or a plain process. As PID 1 it sets the machine up, serves the agent protocol, and switches the
 * machine off when it ends, whatever the reason; it never leaves the kernel without an init.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "base/agent_note.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "init/cmdline.h"
#include "init/pid1.h"
#include "init/settings.h"
#include "service/agent.h"
#include "service/side_port.h"
#include "wire/transport.h"

/* What image manifests say of this program. */
AGENT_NOTE_DEFINE(KATA_VERSION " " AGENT_PROTOCOL);

#define LISTEN_RETRY_USEC 10000
#define LISTEN_WAIT_USEC  (10 * USEC_PER_SEC) /* for the vsock driver of a late device */

struct options {
	const char
		*server_addr; /* NULL: by environment, configuration file or kernel command line */
	const char *config;   /* NULL: none */
};

static const char usage[] =
	"usage: kata-agent [-v | --version] [-h | --help] [-c | --config FILE] [--server-addr ADDRESS]\n"
	"FILE: settings in TOML, in addition to the kernel command line's\n"
	"ADDRESS: vsock://CID:PORT or unix://PATH (default " AGENT_ADDR_DEFAULT "; also from the\n"
	"environment's KATA_AGENT_SERVER_ADDR and the kernel parameter agent.server_addr)\n";

static void say(int fd, const char *text)
{
	(void)!write(fd, text, strlen(text));
}

/* Returns -1 to go on, else the exit code. */
static int parse_options(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		const char *v = str_after(argv[i], "--server-addr=");
		const char *file = str_after(argv[i], "--config=");

		if (str_eq(argv[i], "-v") || str_eq(argv[i], "--version")) {
			say(1, "kata-agent version " KATA_VERSION "\n");
			return 0;
		}
		if (str_eq(argv[i], "-h") || str_eq(argv[i], "--help")) {
			say(1, usage);
			return 0;
		}
		if (v) {
			o->server_addr = v;
		} else if (str_eq(argv[i], "--server-addr") && i + 1 < argc) {
			o->server_addr = argv[++i];
		} else if (file) {
			o->config = file;
		} else if ((str_eq(argv[i], "-c") || str_eq(argv[i], "--config")) && i + 1 < argc) {
			o->config = argv[++i];
		} else {
			say(2, "kata-agent: unknown or incomplete option \"");
			say(2, argv[i]);
			say(2, "\"\n");
			say(2, usage);
			return 2;
		}
	}
	return -1;
}

/* Text of the environment instead of a setting, if it is there. */
static int from_env(struct agent_config *c, const char *var, const char *param, struct error *err)
{
	const char *v = getenv(var);
	const char *fault = v ? setting_from_param(c, param, v) : NULL;

	return fault ? error_set(err, -EINVAL, "%s: %s \"%.200s\"", var, fault, v) : 0;
}

/* What comes later wins: the file that the kernel command line names, that line itself, the file of -c, the environment. */
static int read_config(struct agent_config *c, const struct options *o, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = file_read(AT_FDCWD, "/proc/cmdline", AGENT_CMDLINE_MAX, &text, err);

	if (r == 0)
		r = agent_config_parse_cmdline(c, text.buf, err);
	if (r == 0 && *c->config_file) {
		r = agent_config_read_file(c, c->config_file, err);
		strv_release(&c->unsupported); /* the second reading names them again */
		if (r == 0)
			r = agent_config_parse_cmdline(c, text.buf, err);
	}
	if (r == 0 && o->config)
		r = agent_config_read_file(c, o->config, err);
	if (r == 0)
		r = from_env(c, "KATA_AGENT_SERVER_ADDR", "agent.server_addr", err);
	if (r == 0)
		r = from_env(c, "KATA_AGENT_LOG_LEVEL", "agent.log", err);
	if (r == 0)
		r = from_env(c, "KATA_AGENT_POLICY_FILE", "agent.policy_file", err);
	return r;
}

/* The vsock driver may come up a moment after this program. */
static int listen_on(const char *text, int *ret_fd, struct error *err)
{
	uint64_t deadline = time_mono_usec() + LISTEN_WAIT_USEC;
	struct transport_addr addr;
	int r = transport_addr_parse(text, &addr, err);

	while (r == 0) {
		r = transport_listen(&addr, ret_fd, err);
		if (r == 0 || addr.kind != TRANSPORT_VSOCK || time_mono_usec() > deadline ||
		    (r != -ENODEV && r != -EADDRNOTAVAIL && r != -EAFNOSUPPORT))
			break;
		usleep(LISTEN_RETRY_USEC);
		r = 0;
	}
	return r;
}

static void on_term(struct loop_source *s, const siginfo_t *si, void *data)
{
	log_info("ending by signal %u", si->si_signo);
	loop_exit(loop_of(s), 0);
}

static int add_signals(struct loop *loop)
{
	static const int ending[] = { SIGTERM, SIGINT, SIGPWR };
	int r = 0;

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(ending); i++)
		r = loop_add_signal(loop, ending[i], on_term, NULL, NULL);
	return r;
}

static int serve(struct loop *loop, const struct agent_config *config, bool pid1,
		 uint64_t boot_usec, struct error *err)
{
	struct debug_console *console = NULL;
	struct agent *a = NULL;
	int fd = -1;
	int r = agent_new(loop, config, pid1, &a, err);

	if (r == 0)
		r = agent_load_policy(a, config->policy_file, err);
	if (r == 0)
		r = listen_on(config->server_addr, &fd, err);
	if (r == 0)
		r = agent_serve(a, fd, err);
	if (r == 0 && config->debug_console &&
	    debug_console_new(a, config->debug_console_vport, &console, err) < 0) {
		log_warn("%s: no debug console", error_text(err));
		error_clear(err);
	}
	if (r == 0) {
		a->boot_usec = boot_usec;
		a->ready_usec = time_boot_usec();
		log_info("serving on %s", config->server_addr);
		r = loop_run(loop);
		if (r < 0)
			error_sys(err, r, "event loop");
	}
	debug_console_free(console);
	agent_free(a);
	return r;
}

/* The log also goes to who connects to the port. Without the port there is still the console. */
static void open_log_port(struct loop *loop, const struct agent_config *config,
			  struct log_config *lc, struct log_port **ret)
{
	struct error err = ERROR_INIT;

	if (log_port_new(loop, config->server_addr, config->log_vport, lc->fd, ret, &lc->fd, &err) <
	    0)
		log_warn("%s: no log port", error_text(&err));
	else
		log_init(lc);
}

static int run(const struct options *o, bool pid1, uint64_t boot_usec, struct error *err)
{
	struct log_config lc = { .name = "kata-agent",
				 .source = "agent",
				 .level = LOG_L_INFO,
				 .format = LOG_F_JSON,
				 .fd = 1 };
	struct agent_config config;
	struct log_port *log_port = NULL;
	struct loop *loop = NULL;
	int r;

	agent_config_preset(&config);
	r = read_config(&config, o, err);
	if (r < 0)
		goto out;
	lc.level = config.log_level;
	log_init(&lc);
	for (size_t i = 0; i < config.unsupported.n; i++)
		log_warn("setting %s is not supported by this agent: ignored",
			 config.unsupported.v[i]);
	if (o->server_addr) {
		const char *fault =
			setting_from_param(&config, "agent.server_addr", o->server_addr);

		if (fault) {
			r = error_set(err, -EINVAL, "server address is %s", fault);
			goto out;
		}
	}
	r = loop_new(&loop);
	if (r == 0)
		r = add_signals(loop);
	if (r < 0) {
		error_sys(err, r, "cannot make the event loop");
		goto out;
	}
	if (config.log_vport)
		open_log_port(loop, &config, &lc, &log_port);
	r = serve(loop, &config, pid1, boot_usec, err);
	lc.fd = 1;
	log_init(&lc);
out:
	log_port_free(log_port);
	loop_free(loop);
	agent_config_release(&config);
	return r;
}

/* A plain process in a pid namespace of its own (a test) says so by naming its address or its settings. */
static bool is_guest_init(int argc, char **argv)
{
	return getpid() == 1 && !(argc > 1 && (str_after(argv[1], "--server-addr") ||
					       str_after(argv[1], "--config")));
}

int main(int argc, char **argv)
{
	uint64_t boot_usec = time_boot_usec();
	bool pid1 = is_guest_init(argc, argv);
	struct options o = { NULL, NULL };
	struct error err = ERROR_INIT;
	int r;

	if (pid1) {
		/* Arguments are the kernel's leftovers from its command line ("single"), not for this program. */
		r = pid1_setup(&err);
	} else {
		r = parse_options(argc, argv, &o);
		if (r >= 0)
			return r;
		r = pid1_standard_fds("/dev/null");
		if (r < 0)
			error_sys(&err, r, "cannot open standard streams");
		/* Orphans of containers come to this process, as they come to PID 1. */
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	}
	if (r == 0)
		r = run(&o, pid1, boot_usec, &err);
	if (r < 0) {
		say(2, "kata-agent: ");
		say(2, error_text(&err));
		say(2, "\n");
	}
	if (pid1)
		pid1_power_off();
	return r < 0 ? 1 : 0;
}
