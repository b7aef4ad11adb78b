/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"
#include "support/fake_guest.h"
#include "vmm/vhost_user.h"

/* The test is the hypervisor: it writes messages as docs/interop/vhost-user.rst lays them out. */
struct fixture {
	struct loop *loop;
	struct vhost_user *v;
	struct fake_guest g;
	int fd;
	bool gone;
	struct error err;
	unsigned started, stopped, kicked;
	struct virtqueue *q[2];
};

static void dev_config(void *dev, uint32_t offset, void *buf, uint32_t len)
{
	memset(buf, 0xab, len);
}
static void dev_start(void *dev, unsigned index, struct virtqueue *q)
{
	struct fixture *f = dev;

	f->started++;
	f->q[index] = q;
}
static void dev_stop(void *dev, unsigned index)
{
	((struct fixture *)dev)->stopped++;
}
static void dev_kick(void *dev, unsigned index)
{
	((struct fixture *)dev)->kicked++;
}
static void dev_gone(void *dev, const struct error *err)
{
	struct fixture *f = dev;

	f->gone = true;
	f->err = *err;
}
static const struct vhost_user_device ops = {
	.name = "test",
	.n_queues = 2,
	.config = dev_config,
	.queue_start = dev_start,
	.queue_stop = dev_stop,
	.kick = dev_kick,
	.gone = dev_gone,
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int sv[2];

	if (!f || loop_new(&f->loop) < 0 || fd_socketpair(sv, 0) < 0)
		return -1;
	f->fd = sv[0];
	fake_guest_open(&f->g);
	*state = f;
	return vhost_user_new(f->loop, sv[1], &ops, f, &f->v);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	vhost_user_free(f->v);
	fd_close(f->fd);
	fake_guest_close(&f->g);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void steps(struct fixture *f)
{
	for (int i = 0; i < 20; i++)
		loop_step(f->loop, 0);
}

/* Sends a message with up to 9 descriptors. */
static void say(struct fixture *f, uint32_t request, uint32_t flags, const void *payload,
		uint32_t size, const int *fds, unsigned n_fds)
{
	uint32_t h[3] = { request, flags, size };
	struct iovec iov[2] = { { h, sizeof(h) }, { (void *)(uintptr_t)payload, size } };
	union {
		char buf[CMSG_SPACE(sizeof(int) * 9)];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = payload ? 2 : 1 };

	if (n_fds) {
		m.msg_control = control.buf;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, sizeof(int) * n_fds);
	}
	assert_true(sendmsg(f->fd, &m, 0) >= (ssize_t)sizeof(h));
	steps(f);
}

static void say_u64(struct fixture *f, uint32_t request, uint64_t value, int fd)
{
	say(f, request, 1, &value, sizeof(value), &fd, fd >= 0);
}

static void say_state(struct fixture *f, uint32_t request, uint32_t index, uint32_t num)
{
	uint32_t s[2] = { index, num };

	say(f, request, 1, s, sizeof(s), NULL, 0);
}

static void hear(struct fixture *f, uint32_t request, void *payload, uint32_t size)
{
	uint32_t h[3];

	assert_int_equal(recv(f->fd, h, sizeof(h), MSG_DONTWAIT), sizeof(h));
	assert_int_equal(h[0], request);
	assert_int_equal(h[1], 5);
	assert_int_equal(h[2], size);
	assert_int_equal(recv(f->fd, payload, size, MSG_DONTWAIT), size);
}

static void say_mem(struct fixture *f)
{
	uint64_t t[5] = { 1, 0, FAKE_SIZE, FAKE_UVA, 0 };

	say(f, 5, 1, t, sizeof(t), &f->g.fd, 1);
}

static void say_addr(struct fixture *f, uint32_t index, uint64_t at)
{
	uint64_t a[5] = { index, at, at + FAKE_USED, at + FAKE_AVAIL, 0 };

	say(f, 9, 1, a, sizeof(a), NULL, 0);
}

static void test_life(void **state)
{
	struct fixture *f = *state;
	int kick = eventfd(0, EFD_CLOEXEC), call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct virtqueue_chain c;
	uint64_t u;
	uint32_t s[2];
	uint8_t config[20] = { 0 };

	say(f, 1, 1, NULL, 0, NULL, 0);
	hear(f, 1, &u, 8);
	assert_true(u == ((1ULL << 32) | (1ULL << 30)));
	say(f, 15, 1, NULL, 0, NULL, 0);
	hear(f, 15, &u, 8);
	assert_true(u == ((1ULL << 9) | (1ULL << 3)));
	say_u64(f, 16, u, -1);
	say_u64(f, 2, (1ULL << 32) | (1ULL << 30), -1);
	say(f, 3, 1, NULL, 0, NULL, 0);
	say(f, 17, 1, NULL, 0, NULL, 0);
	hear(f, 17, &u, 8);
	assert_int_equal(u, 2);
	config[4] = 8;
	say(f, 24, 1, config, sizeof(config), NULL, 0);
	hear(f, 24, config, sizeof(config));
	assert_int_equal(config[12], 0xab);
	assert_int_equal(config[19], 0xab);

	say_mem(f);
	say_state(f, 8, 1, FAKE_NUM);
	say_state(f, 10, 1, 0);
	say_addr(f, 1, FAKE_UVA + FAKE_TX_DESC);
	say_u64(f, 12, 1, kick);
	say_u64(f, 13, 1, call);
	assert_int_equal(f->started, 0);
	/* with an acknowledgement */
	s[0] = 1;
	s[1] = 1;
	say(f, 18, 1 | 8, s, sizeof(s), NULL, 0);
	hear(f, 18, &u, 8);
	assert_int_equal(u, 0);
	assert_int_equal(f->started, 1);

	fake_desc(&f->g, FAKE_TX_DESC)[0] = (struct vring_desc){ 0x10000, 4, 0, 0 };
	fake_make_available(&f->g, FAKE_TX_DESC, 0);
	u = 1;
	assert_int_equal(write(kick, &u, 8), 8);
	steps(f);
	assert_int_equal(f->kicked, 1);
	assert_int_equal(virtqueue_pop(f->q[1], &c), 1);
	virtqueue_push(f->q[1], c.head, 0);
	virtqueue_flush(f->q[1]);
	assert_int_equal(read(call, &u, 8), 8);

	/* A new memory table under the running queue keeps its place. */
	say_mem(f);
	fake_make_available(&f->g, FAKE_TX_DESC, 0);
	assert_int_equal(virtqueue_pop(f->q[1], &c), 1);

	say_state(f, 11, 1, 0);
	hear(f, 11, s, sizeof(s));
	assert_int_equal(s[1], 2);
	assert_int_equal(f->stopped, 1);
	assert_false(f->gone);
	f->fd = fd_close(f->fd);
	steps(f);
	assert_true(f->gone);
	assert_string_equal(f->err.msg, "vhost-user test: the hypervisor closed the connection");
	fd_close(kick);
	fd_close(call);
}

static void rejected(struct fixture *f, const char *why)
{
	char buf[256];

	steps(f);
	assert_true(f->gone);
	snprintf(buf, sizeof(buf), "vhost-user test: %s", why);
	assert_string_equal(f->err.msg, buf);
}

static void test_bad_version(void **state)
{
	say(*state, 1, 2, NULL, 0, NULL, 0);
	rejected(*state, "bad message header (request 1, flags 0x2, 0 bytes)");
}

static void test_too_long(void **state)
{
	say(*state, 1, 1, NULL, 4096, NULL, 0);
	rejected(*state, "bad message header (request 1, flags 0x1, 4096 bytes)");
}

static void test_too_short(void **state)
{
	uint32_t x = 0;

	say(*state, 8, 1, &x, sizeof(x), NULL, 0);
	rejected(*state, "message 8 has 4 bytes");
}

static void test_unknown(void **state)
{
	say(*state, 99, 1, NULL, 0, NULL, 0);
	rejected(*state, "message 99 is not supported");
}

static void test_bad_queue(void **state)
{
	say_state(*state, 8, 2, 16);
	rejected(*state, "message 8: queue 2 of 2");
}

static void test_bad_size(void **state)
{
	say_state(*state, 8, 0, 17);
	rejected(*state, "queue 0: bad size 17");
}

static void test_bad_base(void **state)
{
	say_state(*state, 10, 0, 65536);
	rejected(*state, "queue 0: bad base 65536");
}

static void test_bad_features(void **state)
{
	say_u64(*state, 2, 1ULL << 28, -1);
	rejected(*state, "features 0x10000000 were not offered");
}

static void test_table_without_fds(void **state)
{
	uint64_t t[5] = { 1, 0, FAKE_SIZE, FAKE_UVA, 0 };

	say(*state, 5, 1, t, sizeof(t), NULL, 0);
	rejected(*state, "memory table of 1 regions in 40 bytes with 0 descriptors");
}

static void test_table_too_many(void **state)
{
	struct fixture *f = *state;
	uint64_t t[5] = { 9, 0, FAKE_SIZE, FAKE_UVA, 0 };
	int fds[9];

	for (int i = 0; i < 9; i++)
		fds[i] = f->g.fd;
	say(f, 5, 1, t, sizeof(t), fds, 9);
	rejected(f, "a message came with more than 8 descriptors");
}

static void test_table_beyond_file(void **state)
{
	struct fixture *f = *state;
	uint64_t t[5] = { 1, 0, 2 * FAKE_SIZE, FAKE_UVA, 0 };

	say(f, 5, 1, t, sizeof(t), &f->g.fd, 1);
	rejected(f, "memory region at 0x0: its file has 1048576 bytes, needed are 2097152");
}

static void test_rings_outside(void **state)
{
	struct fixture *f = *state;
	int kick = eventfd(0, EFD_CLOEXEC);

	say_mem(f);
	say_state(f, 8, 0, FAKE_NUM);
	say_addr(f, 0, FAKE_UVA + FAKE_SIZE - 64);
	say_u64(f, 12, 0, kick);
	fd_close(kick);
	rejected(f, "queue 0: its rings are outside guest memory");
}

static void test_no_kick_fd(void **state)
{
	say_u64(*state, 12, 0, -1);
	rejected(*state, "message 12 for queue 0: no descriptor came along");
}

static void test_bad_config(void **state)
{
	uint32_t c[3] = { 0, 300, 0 };

	say(*state, 24, 1, c, sizeof(c), NULL, 0);
	rejected(*state, "configuration request of 300 bytes at 0 in 12 bytes");
}

static void test_config_is_read_only(void **state)
{
	uint32_t c[3] = { 0, 0, 0 };

	say(*state, 25, 1, c, sizeof(c), NULL, 0);
	rejected(*state, "the configuration space is read-only");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_life),		T(test_bad_version),
		T(test_too_long),	T(test_too_short),
		T(test_unknown),	T(test_bad_queue),
		T(test_bad_size),	T(test_bad_base),
		T(test_bad_features),	T(test_table_without_fds),
		T(test_table_too_many), T(test_table_beyond_file),
		T(test_rings_outside),	T(test_no_kick_fd),
		T(test_bad_config),	T(test_config_is_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
