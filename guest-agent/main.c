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
#include "service/agent.h"
#include "wire/transport.h"

/* What image manifests say of this program. */
AGENT_NOTE_DEFINE(KATA_VERSION " " AGENT_PROTOCOL);

#define LISTEN_RETRY_USEC 10000
#define LISTEN_WAIT_USEC  (10 * USEC_PER_SEC) /* for the vsock driver of a late device */

struct options {
	const char *server_addr; /* NULL: by environment or kernel command line */
};

static const char usage[] =
	"usage: kata-agent [-v | --version] [-h | --help] [--server-addr ADDRESS]\n"
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

static int read_config(struct agent_config *c, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = file_read(AT_FDCWD, "/proc/cmdline", AGENT_CMDLINE_MAX, &text, err);

	return r < 0 ? r : agent_config_parse_cmdline(c, text.buf, err);
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
	struct agent *a = NULL;
	int fd = -1;
	int r = agent_new(loop, config, pid1, &a, err);

	if (r == 0)
		r = agent_load_policy(a, AGENT_POLICY_FILE, err);
	if (r == 0)
		r = listen_on(config->server_addr, &fd, err);
	if (r == 0)
		r = agent_serve(a, fd, err);
	if (r == 0) {
		a->boot_usec = boot_usec;
		a->ready_usec = time_boot_usec();
		log_info("serving on %s", config->server_addr);
		r = loop_run(loop);
		if (r < 0)
			error_sys(err, r, "event loop");
	}
	agent_free(a);
	return r;
}

static int run(const struct options *o, bool pid1, uint64_t boot_usec, struct error *err)
{
	const char *addr = o->server_addr ? o->server_addr : getenv("KATA_AGENT_SERVER_ADDR");
	struct log_config lc = { .name = "kata-agent",
				 .source = "agent",
				 .level = LOG_L_INFO,
				 .format = LOG_F_JSON,
				 .fd = 1 };
	struct agent_config config;
	struct loop *loop = NULL;
	int r;

	agent_config_preset(&config);
	r = read_config(&config, err);
	if (r < 0)
		goto out;
	lc.level = config.log_level;
	log_init(&lc);
	for (size_t i = 0; i < config.unsupported.n; i++)
		log_warn("kernel parameter %s is not supported by this agent: ignored",
			 config.unsupported.v[i]);
	if (addr) {
		if (strlen(addr) >= sizeof(config.server_addr)) {
			r = error_set(err, -EINVAL, "server address is too long");
			goto out;
		}
		memcpy(config.server_addr, addr, strlen(addr) + 1);
	}
	r = loop_new(&loop);
	if (r == 0)
		r = add_signals(loop);
	if (r < 0)
		error_sys(err, r, "cannot make the event loop");
	else
		r = serve(loop, &config, pid1, boot_usec, err);
out:
	loop_free(loop);
	agent_config_release(&config);
	return r;
}

/* A plain process in a pid namespace of its own (a test) says so by naming its address. */
static bool is_guest_init(int argc, char **argv)
{
	return getpid() == 1 && !(argc > 1 && str_after(argv[1], "--server-addr"));
}

int main(int argc, char **argv)
{
	uint64_t boot_usec = time_boot_usec();
	bool pid1 = is_guest_init(argc, argv);
	struct options o = { NULL };
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
