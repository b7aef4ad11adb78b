/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's other ports, and clients that do not behave. */
#include "support/cmocka_all.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "unit/guest-agent/service/agent_tests.h"

#define WAIT_MS 20000

static void socket_path(char *buf, size_t n, const char *port)
{
	const char *addr = getenv("KATA_TEST_AGENT_ADDR");

	if (addr)
		snprintf(buf, n, "%s%s", str_after(addr, "unix://"), port);
	else
		snprintf(buf, n, "%s/sock%s", client.dir, port);
}

static int connect_to(const char *port)
{
	struct error err = ERROR_INIT;
	char path[128];
	int fd = -1;

	socket_path(path, sizeof(path), port);
	if (fd_unix_connect(path, &fd, &err) < 0)
		print_message("%s: %s\n", path, err.msg);
	return fd;
}

/* Reads until the text has come. */
static bool wait_for(int fd, struct strbuf *out, const char *text)
{
	uint64_t end = time_mono_usec() + WAIT_MS * 1000ull;

	while (!strstr(out->buf, text)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char buf[512];
		ssize_t n;

		if (time_mono_usec() > end || poll(&p, 1, WAIT_MS) <= 0)
			return false;
		n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			return false;
		strbuf_add(out, buf, (size_t)n);
	}
	return true;
}

void test_debug_console(void **state)
{
	static const char line[] = "echo $((6 * 7))-yes; test -t 0 && echo on a terminal\n",
			  end[] = "exit\n";
	struct strbuf out = STRBUF_INIT;
	int fd = connect_to("_1026");
	char c;

	assert_true(fd >= 0);
	assert_int_equal(fd_write_full(fd, line, sizeof(line) - 1), 0);
	assert_true(wait_for(fd, &out, "42-yes"));
	assert_true(wait_for(fd, &out, "\non a terminal"));
	assert_int_equal(fd_write_full(fd, end, sizeof(end) - 1), 0);
	while (read(fd, &c, 1) > 0) /* its end comes with the shell's */
		;
	close(fd);
	strbuf_release(&out);
	/* One that hangs up takes its shell along; another comes in meanwhile. */
	fd = connect_to("_1026");
	assert_true(fd >= 0);
	close(fd);
	test_exec(state);
}

void test_log_port(void **state)
{
	Grpc__GuestDetailsRequest req = GRPC__GUEST_DETAILS_REQUEST__INIT;
	struct strbuf out = STRBUF_INIT;
	int fd = connect_to("_1025");
	int deaf = connect_to("_1025");

	assert_true(fd >= 0 && deaf >= 0);
	for (int i = 0; i < 5000 && !strstr(out.buf, "GetGuestDetails"); i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		/* The connection is taken a moment after it was made. */
		agent_call_resp(&client, "grpc.AgentService", "GetGuestDetails", &req.base,
				&grpc__guest_details_response__descriptor, NULL, NULL);
		if (poll(&p, 1, 10) > 0)
			assert_true(wait_for(fd, &out, "\n"));
	}
	assert_non_null(strstr(out.buf, "\"msg\":\"call GetGuestDetails\""));
	/* The other has read nothing of it, and nobody waited for it. */
	close(deaf);
	close(fd);
	strbuf_release(&out);
}

static void put_header(uint8_t h[10], uint32_t length, uint32_t stream, uint8_t type)
{
	for (int i = 0; i < 4; i++) {
		h[i] = (uint8_t)(length >> (24 - 8 * i));
		h[4 + i] = (uint8_t)(stream >> (24 - 8 * i));
	}
	h[8] = type;
	h[9] = 0;
}

/* Half a frame, a frame that is too long, bytes that are none, a client that never reads: each is alone with its trouble. */
void test_bad_clients(void **state)
{
	static const uint8_t noise[64] = { 0xff, 0xff, 0xff, 0xff, 0xff };
	static uint8_t big[65536];
	int half = connect_to(""), huge = connect_to(""), noisy = connect_to(""),
	    silent = connect_to("");
	struct pollfd p = { .fd = noisy, .events = POLLIN };
	uint8_t h[10];

	assert_true(half >= 0 && huge >= 0 && noisy >= 0 && silent >= 0);
	put_header(h, 1000, 1, 1);
	assert_int_equal(fd_write_full(half, h, 7), 0);
	put_header(h, 4u << 20, 1, 1); /* 4 MiB of nothing */
	assert_int_equal(fd_write_full(huge, h, 10), 0);
	for (int i = 0; i < 64; i++)
		assert_int_equal(fd_write_full(huge, big, sizeof(big)), 0);
	(void)!write(noisy, noise, sizeof(noise));
	shutdown(noisy, SHUT_WR);
	assert_true(poll(&p, 1, WAIT_MS) > 0);
	test_exec(state); /* it serves as before */
	close(half);
	close(huge);
	close(noisy);
	close(silent);
	test_exec(state);
}

/* 10,000 calls that wait, from one client: those over the limit are refused, and others are not held up. */
void test_many_streams(void **state)
{
	Grpc__WaitProcessRequest req = GRPC__WAIT_PROCESS_REQUEST__INIT;
	struct agent_client other = client;
	int fd = connect_to("");

	other.ttrpc = NULL;
	assert_int_equal(fd_set_nonblock(fd, true), 0);
	assert_int_equal(ttrpc_client_new(client.loop, fd, &other.ttrpc), 0);
	start_sleeper("many");
	req.container_id = req.exec_id = (char *)"many";
	for (int i = 0; i < 10000; i++) {
		int r = ttrpc_client_call(other.ttrpc, "grpc.AgentService", "WaitProcess",
					  &req.base, &grpc__wait_process_response__descriptor, 0,
					  agent_ignore_reply, NULL, NULL);

		if (r < 0)
			break;
		if (i % 100 == 0)
			loop_step(client.loop, 0);
	}
	test_exec(state);
	ttrpc_client_free(other.ttrpc);
	assert_int_equal(agent_remove(&client, "many", 5), TTRPC_OK);
	test_exec(state);
}
