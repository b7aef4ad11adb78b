/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "wire/transport.h"

static void test_parse(void **state)
{
	struct transport_addr a;
	struct error err = ERROR_INIT;

	assert_int_equal(transport_addr_parse("vsock://3:1024", &a, &err), 0);
	assert_int_equal(a.kind, TRANSPORT_VSOCK);
	assert_int_equal(a.cid, 3);
	assert_int_equal(a.port, 1024);
	assert_int_equal(transport_addr_parse("vsock://-1:1", &a, &err), 0);
	assert_int_equal(a.cid, UINT32_MAX);
	assert_int_equal(transport_addr_parse("vsock://any:1", &a, &err), 0);
	assert_int_equal(a.cid, UINT32_MAX);
	assert_int_equal(transport_addr_parse("unix:///run/a:b", &a, &err), 0);
	assert_int_equal(a.kind, TRANSPORT_UNIX);
	assert_string_equal(a.path, "/run/a:b");
	assert_int_equal(transport_addr_parse("unix://@name", &a, &err), 0);
	assert_string_equal(a.path, "@name");
	assert_int_equal(transport_addr_parse("hvsock:///run/x:y:1024", &a, &err), 0);
	assert_int_equal(a.kind, TRANSPORT_HVSOCK);
	assert_string_equal(a.path, "/run/x:y");
	assert_int_equal(a.port, 1024);
}

static void test_parse_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} t[] = {
		{ "", "must begin with vsock://, unix:// or hvsock://" },
		{ "tcp://1:2", "must begin with vsock://, unix:// or hvsock://" },
		{ "vsock://3", "port is missing" },
		{ "vsock://3:", "port must be a number from 1 to 4294967294" },
		{ "vsock://3:0", "port must be a number from 1 to 4294967294" },
		{ "vsock://3:4294967295", "port must be a number from 1 to 4294967294" },
		{ "vsock://3:99999999999", "port must be a number from 1 to 4294967294" },
		{ "vsock://3:10x", "port must be a number from 1 to 4294967294" },
		{ "vsock://:10", "nothing before the port" },
		{ "vsock://x:10", "CID must be a number, or -1 for any" },
		{ "vsock://-2:10", "CID must be a number, or -1 for any" },
		{ "vsock://00000000000000000003:10", "too long" },
		{ "unix://", "path is missing" },
		{ "unix://@", "path is missing" },
		{ "hvsock:///x", "port is missing" },
		{ "hvsock://:5", "nothing before the port" },
	};
	char want[256], longer[TRANSPORT_PATH_MAX + 32];
	struct transport_addr a;
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		error_clear(&err);
		assert_int_equal(transport_addr_parse(t[i].text, &a, &err), -EINVAL);
		(void)snprintf(want, sizeof(want), "address \"%s\": %s", t[i].text, t[i].why);
		assert_string_equal(error_text(&err), want);
	}
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	memcpy(longer, "unix://", 7);
	assert_int_equal(transport_addr_parse(longer, &a, &err), -EINVAL);
}

/* A directory with a socket path in it, removed at the end. */
struct fixture {
	char dir[32];
	struct transport_addr unix_addr, hv_addr;
	struct loop *loop;
	int lfd;
	int fd; /* result of a dial */
	int dials;
	struct error err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = ERROR_INIT;
	char text[128];

	assert_non_null(f);
	f->fd = -1;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/test-transport-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(text, sizeof(text), "unix://%s/s", f->dir);
	assert_int_equal(transport_addr_parse(text, &f->unix_addr, &err), 0);
	(void)snprintf(text, sizeof(text), "hvsock://%s/s:1024", f->dir);
	assert_int_equal(transport_addr_parse(text, &f->hv_addr, &err), 0);
	assert_int_equal(transport_listen(&f->unix_addr, &f->lfd, &err), 0);
	assert_int_equal(loop_new(&f->loop), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	loop_free(f->loop);
	fd_close(f->lfd);
	fd_close(f->fd);
	unlink(f->unix_addr.path);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void on_dialled(int fd, const struct error *err, void *data)
{
	struct fixture *f = data;

	f->dials++;
	f->fd = fd;
	assert_true((fd < 0) == (err != NULL));
	if (err)
		f->err = *err;
}

static int accept_one(struct fixture *f)
{
	struct pollfd p = { .fd = f->lfd, .events = POLLIN };
	int fd;

	assert_int_equal(poll(&p, 1, 5000), 1);
	fd = accept4(f->lfd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void expect_text(int fd, const char *text)
{
	char buf[64];

	assert_int_equal(fd_read_full(fd, buf, strlen(text)), 0);
	assert_memory_equal(buf, text, strlen(text));
}

static void test_unix(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	int fd, peer, again;

	assert_int_equal(transport_connect(&f->unix_addr, 1000, &fd, &err), 0);
	peer = accept_one(f);
	assert_int_equal(fd_write_full(fd, "hi", 2), 0);
	expect_text(peer, "hi");
	fd_close(fd);
	fd_close(peer);
	assert_int_equal(transport_listen(&f->unix_addr, &again, &err), -EADDRINUSE);
	assert_int_equal(transport_listen(&f->hv_addr, &again, &err), -EOPNOTSUPP);
	assert_string_equal(error_text(&err),
			    "cannot listen on a hybrid vsock: listen on unix://PATH_PORT");
	unlink(f->unix_addr.path);
	assert_int_equal(transport_connect(&f->unix_addr, 1000, &fd, &err), -ENOENT);
	assert_non_null(strstr(error_text(&err), f->unix_addr.path));
}

static void test_abstract(void **state)
{
	struct transport_addr a;
	struct error err = ERROR_INIT;
	char text[160];
	int lfd, fd;

	(void)snprintf(text, sizeof(text), "unix://@test-transport-%d", (int)getpid());
	assert_int_equal(transport_addr_parse(text, &a, &err), 0);
	assert_int_equal(transport_connect(&a, 0, &fd, &err), -ECONNREFUSED);
	assert_int_equal(transport_listen(&a, &lfd, &err), 0);
	assert_int_equal(transport_connect(&a, 0, &fd, &err), 0);
	fd_close(fd);
	fd_close(lfd);
	memset(text, 'n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "unix://@", 8);
	assert_int_equal(transport_addr_parse(text, &a, &err), 0);
	assert_int_equal(transport_listen(&a, &lfd, &err), -ENAMETOOLONG);
}

static void start(struct fixture *f, const struct transport_addr *a, uint64_t timeout_ms,
		  struct transport_dial **d)
{
	struct error err = ERROR_INIT;

	assert_int_equal(transport_dial_start(f->loop, a, timeout_ms, on_dialled, f, d, &err), 0);
	assert_int_equal(f->dials, 0);
}

static void run_until_dialled(struct fixture *f)
{
	while (f->dials == 0)
		assert_true(loop_step(f->loop, 5000) > 0);
	assert_int_equal(f->dials, 1);
}

static void test_hybrid(void **state)
{
	struct fixture *f = *state;
	struct transport_dial *d;
	char buf[8];
	int peer;

	start(f, &f->hv_addr, 5000, &d);
	peer = accept_one(f);
	expect_text(peer, "CONNECT 1024\n");
	assert_int_equal(fd_write_full(peer, "OK 10", 5), 0);
	while (loop_step(f->loop, 10) > 0)
		;
	assert_int_equal(f->dials, 0);
	/* What comes after the line is the stream's. */
	assert_int_equal(fd_write_full(peer, "73741\nmore", 10), 0);
	run_until_dialled(f);
	assert_true(f->fd >= 0);
	assert_int_equal(read(f->fd, buf, sizeof(buf)), 4);
	assert_memory_equal(buf, "more", 4);
	fd_close(peer);
}

static void hybrid_fails(struct fixture *f, const char *answer, int code, const char *text)
{
	struct transport_dial *d;
	char want[TRANSPORT_PATH_MAX + 100];
	int peer;

	start(f, &f->hv_addr, 5000, &d);
	peer = accept_one(f);
	expect_text(peer, "CONNECT 1024\n");
	assert_int_equal(fd_write_full(peer, answer, strlen(answer)), 0);
	fd_close(peer);
	run_until_dialled(f);
	assert_int_equal(f->fd, -1);
	assert_int_equal(f->err.code, code);
	(void)snprintf(want, sizeof(want), "%s: %s", f->hv_addr.path, text);
	assert_string_equal(error_text(&f->err), want);
}

static void test_hybrid_closed(void **state)
{
	hybrid_fails(*state, "", -ECONNREFUSED, "nothing listens on port 1024");
}

static void test_hybrid_refused(void **state)
{
	hybrid_fails(*state, "ERR no\n", -ECONNREFUSED, "CONNECT 1024 was answered \"ERR no\"");
}

static void test_hybrid_endless(void **state)
{
	hybrid_fails(*state, "OK 00000000000000000000000000000000000000", -EPROTO,
		     "answer to CONNECT is too long");
}

static void test_hybrid_timeout(void **state)
{
	struct fixture *f = *state;
	struct transport_dial *d;
	struct error err = ERROR_INIT;
	int fd;

	start(f, &f->hv_addr, 20, &d);
	run_until_dialled(f);
	assert_int_equal(f->err.code, -ETIMEDOUT);
	assert_non_null(strstr(error_text(&f->err), "no connection in time"));
	assert_int_equal(transport_connect(&f->hv_addr, 20, &fd, &err), -ETIMEDOUT);
	assert_non_null(strstr(error_text(&err), "no connection in time"));
}

static void test_dial_cancel(void **state)
{
	struct fixture *f = *state;
	struct transport_dial *d;

	start(f, &f->hv_addr, 20, &d);
	d = transport_dial_cancel(d);
	start(f, &f->unix_addr, 20, &d);
	d = transport_dial_cancel(d);
	while (loop_step(f->loop, 40) > 0)
		;
	assert_int_equal(f->dials, 0);
}

static void test_dial_unix(void **state)
{
	struct fixture *f = *state;
	struct transport_dial *d;

	start(f, &f->unix_addr, 0, &d);
	run_until_dialled(f);
	assert_true(f->fd >= 0);
}

/* Loopback vsock where the kernel has it. */
static void test_vsock(void **state)
{
	struct fixture *f = *state;
	struct transport_addr any, local;
	struct transport_dial *d;
	struct error err = ERROR_INIT;
	int lfd, fd, r;

	assert_int_equal(transport_addr_parse("vsock://-1:48321", &any, &err), 0);
	assert_int_equal(transport_addr_parse("vsock://1:48321", &local, &err), 0);
	if (transport_listen(&any, &lfd, &err) < 0) {
		skip_because("%s", error_text(&err));
	}
	r = transport_connect(&local, 2000, &fd, &err);
	if (r < 0) {
		fd_close(lfd);
		assert_non_null(strstr(error_text(&err), "vsock 1:48321"));
		skip_because("no loopback: %s", error_text(&err));
	}
	fd_close(fd);
	start(f, &local, 2000, &d);
	run_until_dialled(f);
	assert_true(f->fd >= 0);
	fd_close(lfd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refused),
		T(test_unix),
		cmocka_unit_test(test_abstract),
		T(test_hybrid),
		T(test_hybrid_closed),
		T(test_hybrid_refused),
		T(test_hybrid_endless),
		T(test_hybrid_timeout),
		T(test_dial_cancel),
		T(test_dial_unix),
		T(test_vsock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
