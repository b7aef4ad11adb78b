/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"
#include "support/fake_guest.h"

#define ALLOC 262144u /* buffer that the fake guest announces */
#define BOTH  (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

struct fixture {
	struct loop *loop;
	struct vsock_device *d;
	struct fake_guest g;
	int n_answers, fd, n_driver;
	struct error err;
	uint32_t guest_port;
	uint8_t data[FAKE_BUF];
	struct virtio_vsock_hdr h; /* the last packet received */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->fd = -1;
	fake_guest_open(&f->g);
	*state = f;
	return loop_new(&f->loop) < 0 || vsock_device_new(f->loop, FAKE_CID, &f->d) < 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	vsock_device_free(f->d);
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

static void on_connect(int fd, const struct error *err, void *data)
{
	struct fixture *f = data;

	f->n_answers++;
	f->fd = fd;
	error_clear(&f->err);
	if (err)
		f->err = *err;
}

static void on_accept(int fd, uint32_t guest_port, void *data)
{
	struct fixture *f = data;

	f->n_answers++;
	f->fd = fd;
	f->guest_port = guest_port;
}

static void on_driver(void *data)
{
	((struct fixture *)data)->n_driver++;
}

static void up(struct fixture *f)
{
	vsock_device_on_driver(f->d, on_driver, f);
	fake_post_rx(&f->g, FAKE_NUM);
	fake_guest_start(&f->g, f->d);
	steps(f);
	assert_int_equal(f->n_driver, 1);
}

static void expect(struct fixture *f, uint16_t op)
{
	steps(f);
	assert_true(fake_recv(&f->g, &f->h, f->data));
	assert_int_equal(f->h.op, op);
	assert_int_equal(f->h.type, VIRTIO_VSOCK_TYPE_STREAM);
	assert_int_equal(f->h.src_cid, VSOCK_HOST_CID);
	assert_int_equal(f->h.dst_cid, FAKE_CID);
	assert_int_equal(f->h.buf_alloc, VSOCK_BUF_SIZE);
}

static void expect_none(struct fixture *f)
{
	steps(f);
	assert_false(fake_recv(&f->g, &f->h, f->data));
}

/* A packet from the guest on the stream whose packet we saw last. */
static struct virtio_vsock_hdr answer(struct fixture *f, uint16_t op)
{
	return (struct virtio_vsock_hdr){
		.src_port = f->h.dst_port,
		.dst_port = f->h.src_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.buf_alloc = ALLOC,
	};
}

static void send_op(struct fixture *f, uint16_t op)
{
	fake_send(&f->g, f->d, answer(f, op), NULL);
}

static void send_data(struct fixture *f, const void *data, uint32_t len)
{
	struct virtio_vsock_hdr h = answer(f, VIRTIO_VSOCK_OP_RW);

	h.len = len;
	fake_send(&f->g, f->d, h, data);
}

static void send_shutdown(struct fixture *f, uint32_t flags)
{
	struct virtio_vsock_hdr h = answer(f, VIRTIO_VSOCK_OP_SHUTDOWN);

	h.flags = flags;
	fake_send(&f->g, f->d, h, NULL);
}

static void connected(struct fixture *f)
{
	up(f);
	assert_int_equal(vsock_device_connect(f->d, 1024, 1000, on_connect, f), 0);
	assert_int_equal(f->n_answers, 0);
	expect(f, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(f->h.dst_port, 1024);
	send_op(f, VIRTIO_VSOCK_OP_RESPONSE);
	assert_int_equal(f->n_answers, 0);
	steps(f);
	assert_int_equal(f->n_answers, 1);
	assert_true(f->fd >= 0);
}

static void test_config(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[12] = { 0 };

	vsock_device_config(f->d, 0, buf, sizeof(buf));
	assert_int_equal(buf[0], FAKE_CID);
	vsock_device_config(f->d, 4, buf, 4);
	assert_int_equal(buf[0], 0);
	buf[0] = 9;
	vsock_device_config(f->d, 8, buf, 4);
	assert_int_equal(buf[0], 9);
}

static void test_too_early(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(vsock_device_connect(f->d, 1024, 1000, on_connect, f), 0);
	assert_int_equal(f->n_answers, 0);
	steps(f);
	assert_int_equal(f->n_answers, 1);
	assert_int_equal(f->err.code, -ECONNREFUSED);
	assert_string_equal(f->err.msg, "vsock port 1024 of the guest: its driver is not up yet");
}

static void test_stream(void **state)
{
	struct fixture *f = *state;
	char buf[32];

	connected(f);
	assert_int_equal(write(f->fd, "hello", 5), 5);
	expect(f, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(f->h.len, 5);
	assert_memory_equal(f->data, "hello", 5);
	send_data(f, "guest says", 10);
	assert_int_equal(read(f->fd, buf, sizeof(buf)), 10);
	assert_memory_equal(buf, "guest says", 10);

	/* The guest closes: the rest is readable, then end of file, and it gets its RST. */
	send_data(f, "bye", 3);
	send_shutdown(f, BOTH);
	assert_int_equal(read(f->fd, buf, sizeof(buf)), 3);
	assert_int_equal(read(f->fd, buf, sizeof(buf)), 0);
	expect(f, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(vsock_device_n_streams(f->d), 0);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;

	up(f);
	vsock_device_connect(f->d, 1024, 0, on_connect, f);
	expect(f, VIRTIO_VSOCK_OP_REQUEST);
	send_op(f, VIRTIO_VSOCK_OP_RST);
	steps(f);
	assert_int_equal(f->n_answers, 1);
	assert_int_equal(f->err.code, -ECONNREFUSED);
	assert_string_equal(f->err.msg, "vsock port 1024 of the guest: connection refused");
	assert_int_equal(vsock_device_n_streams(f->d), 0);
}

static void test_timeout(void **state)
{
	struct fixture *f = *state;

	up(f);
	vsock_device_connect(f->d, 77, 20, on_connect, f);
	expect(f, VIRTIO_VSOCK_OP_REQUEST);
	usleep(30000);
	expect(f, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(f->n_answers, 1);
	assert_int_equal(f->err.code, -ETIMEDOUT);
	assert_string_equal(f->err.msg, "vsock port 77 of the guest: no answer");
	assert_int_equal(vsock_device_n_streams(f->d), 0);
	/* An answer that comes too late is told off. */
	send_op(f, VIRTIO_VSOCK_OP_RESPONSE);
	expect(f, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(f->n_answers, 1);
}

static void test_host_closes(void **state)
{
	struct fixture *f = *state;

	connected(f);
	assert_int_equal(write(f->fd, "last", 4), 4);
	f->fd = fd_close(f->fd);
	expect(f, VIRTIO_VSOCK_OP_RW);
	assert_memory_equal(f->data, "last", 4);
	expect(f, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(f->h.flags, BOTH);
	/* What the guest still sends goes nowhere, without harm. */
	send_data(f, "late", 4);
	assert_int_equal(vsock_device_n_streams(f->d), 1);
	send_op(f, VIRTIO_VSOCK_OP_RST);
	steps(f);
	assert_int_equal(vsock_device_n_streams(f->d), 0);
	expect_none(f);
}

static void test_half_close(void **state)
{
	struct fixture *f = *state;
	char buf[8];

	connected(f);
	shutdown(f->fd, SHUT_WR);
	expect(f, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(f->h.flags, VIRTIO_VSOCK_SHUTDOWN_SEND);
	send_data(f, "still", 5);
	assert_int_equal(read(f->fd, buf, sizeof(buf)), 5);
	send_shutdown(f, VIRTIO_VSOCK_SHUTDOWN_SEND);
	assert_int_equal(read(f->fd, buf, sizeof(buf)), 0);
	/* Both sides have ended: the stream is closed from here too. */
	expect(f, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(f->h.flags, BOTH);
}

static void test_credit(void **state)
{
	struct fixture *f = *state;
	struct virtio_vsock_hdr h;

	connected(f);
	h = answer(f, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	h.buf_alloc = 3;
	fake_send(&f->g, f->d, h, NULL);
	assert_int_equal(write(f->fd, "hello", 5), 5);
	expect(f, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(f->h.len, 3);
	expect_none(f);
	h.fwd_cnt = 1;
	fake_send(&f->g, f->d, h, NULL);
	expect(f, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(f->h.len, 1);
	assert_int_equal(f->data[0], 'l');
	send_op(f, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	expect(f, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	expect(f, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(f->data[0], 'o');
}

/* A hang-up of the user while data waits for credit: it all arrives, and the loop does not spin. */
static void test_hangup_without_credit(void **state)
{
	struct fixture *f = *state;
	struct virtio_vsock_hdr h;

	connected(f);
	h = answer(f, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	h.buf_alloc = 2;
	fake_send(&f->g, f->d, h, NULL);
	assert_int_equal(write(f->fd, "abcd", 4), 4);
	f->fd = fd_close(f->fd);
	expect(f, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(f->h.len, 2);
	steps(f);
	assert_int_equal(loop_step(f->loop, 10), 0);
	h.fwd_cnt = 2;
	fake_send(&f->g, f->d, h, NULL);
	expect(f, VIRTIO_VSOCK_OP_RW);
	assert_memory_equal(f->data, "cd", 2);
	h.fwd_cnt = 4;
	fake_send(&f->g, f->d, h, NULL);
	expect(f, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(f->h.flags, BOTH);
}

/* The guest may fill our buffer, not more; what is held arrives in order, and credit is told. */
static void test_flow_from_guest(void **state)
{
	struct fixture *f = *state;
	static uint8_t out[1 << 16], in[1 << 16];
	uint32_t sent = 0, got = 0, fwd = 0, value = 0;
	ssize_t n;

	connected(f);
	while (sent - fwd + sizeof(out) <= VSOCK_BUF_SIZE) {
		for (size_t i = 0; i < sizeof(out); i++)
			out[i] = (uint8_t)((sent + i) * 7);
		send_data(f, out, sizeof(out));
		sent += sizeof(out);
		steps(f);
		while (fake_recv(&f->g, &f->h, f->data))
			fwd = f->h.fwd_cnt;
		assert_true(sent < 10 * VSOCK_BUF_SIZE);
	}
	assert_true(sent > VSOCK_BUF_SIZE); /* the socket took a part */
	while (got < sent) {
		steps(f);
		n = read(f->fd, in, sizeof(in));
		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++, value++)
			assert_int_equal(in[i], (uint8_t)(value * 7));
		got += (uint32_t)n;
	}
	steps(f);
	while (fake_recv(&f->g, &f->h, f->data))
		fwd = f->h.fwd_cnt;
	assert_true(sent - fwd < VSOCK_BUF_SIZE / 4);
}

static void test_guest_overruns(void **state)
{
	struct fixture *f = *state;
	static uint8_t out[1 << 16];
	bool reset = false;

	connected(f);
	for (int i = 0; i < 40 && !reset; i++) {
		send_data(f, out, sizeof(out));
		steps(f);
		while (fake_recv(&f->g, &f->h, f->data))
			reset |= f->h.op == VIRTIO_VSOCK_OP_RST;
	}
	assert_true(reset);
	/* What came before is still for the user. */
	assert_int_equal(vsock_device_n_streams(f->d), 1);
	while (read(f->fd, out, sizeof(out)) > 0)
		steps(f);
	assert_int_equal(vsock_device_n_streams(f->d), 0);
}

static void test_no_buffers(void **state)
{
	struct fixture *f = *state;
	static uint8_t big[FAKE_NUM * FAKE_BUF];
	uint32_t got = 0;

	connected(f);
	assert_int_equal(write(f->fd, big, sizeof(big)), sizeof(big));
	steps(f);
	/* All 16 buffers are full; each one given back is used at the next kick. */
	while (fake_recv(&f->g, &f->h, f->data)) {
		assert_int_equal(f->h.op, VIRTIO_VSOCK_OP_RW);
		assert_true(f->h.len <= FAKE_BUF - sizeof(f->h));
		got += f->h.len;
		vsock_device_kick(f->d, VSOCK_QUEUE_RX);
		steps(f);
	}
	assert_int_equal(got, sizeof(big));
}

static void test_listen(void **state)
{
	struct fixture *f = *state;
	struct virtio_vsock_hdr h = {
		.src_port = 5,
		.dst_port = 500,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = 1,
		.buf_alloc = ALLOC,
	};
	char buf[8];

	up(f);
	assert_int_equal(vsock_device_listen(f->d, 500, on_accept, f), 0);
	assert_int_equal(vsock_device_listen(f->d, 500, on_accept, f), -EADDRINUSE);
	fake_send(&f->g, f->d, h, NULL);
	expect(f, VIRTIO_VSOCK_OP_RESPONSE);
	assert_int_equal(f->n_answers, 1);
	assert_int_equal(f->guest_port, 5);
	send_data(f, "x", 1);
	assert_int_equal(read(f->fd, buf, sizeof(buf)), 1);
	h.dst_port = 501;
	fake_send(&f->g, f->d, h, NULL);
	expect(f, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(f->h.src_port, 501);
	assert_int_equal(f->h.dst_port, 5);
}

static void test_strange_packets(void **state)
{
	struct fixture *f = *state;
	struct virtio_vsock_hdr h;

	connected(f);
	h = answer(f, VIRTIO_VSOCK_OP_RW);
	h.type = VIRTIO_VSOCK_TYPE_SEQPACKET;
	fake_send(&f->g, f->d, h, NULL);
	expect(f, VIRTIO_VSOCK_OP_RST);
	h = answer(f, VIRTIO_VSOCK_OP_RW);
	h.src_cid = 99; /* not its own address */
	fake_send(&f->g, f->d, h, NULL);
	h = answer(f, VIRTIO_VSOCK_OP_RW);
	h.dst_cid = 1;
	fake_send(&f->g, f->d, h, NULL);
	expect_none(f);
	h = answer(f, 42);
	fake_send(&f->g, f->d, h, NULL);
	expect(f, VIRTIO_VSOCK_OP_RST);
	expect_none(f);
	assert_int_equal(read(f->fd, &h, sizeof(h)), 0);
}

static void test_broken_queue(void **state)
{
	struct fixture *f = *state;
	char c;

	connected(f);
	fake_make_available(&f->g, FAKE_TX_DESC, 200);
	vsock_device_kick(f->d, VSOCK_QUEUE_TX);
	steps(f);
	assert_non_null(vsock_device_error(f->d));
	assert_string_equal(error_text(vsock_device_error(f->d)),
			    "the guest's driver broke the vsock transmit queue: descriptor index "
			    "200 of 16");
	assert_int_equal(read(f->fd, &c, 1), 0);
	vsock_device_connect(f->d, 1, 0, on_connect, f);
	f->fd = fd_close(f->fd);
	steps(f);
	assert_int_equal(f->n_answers, 2);
	assert_int_equal(f->err.code, -ENODEV);
}

static void test_short_buffer(void **state)
{
	struct fixture *f = *state;

	fake_post_rx(&f->g, 1);
	fake_desc(&f->g, FAKE_RX_DESC)[0].len = sizeof(f->h);
	fake_guest_start(&f->g, f->d);
	steps(f);
	vsock_device_connect(f->d, 1, 0, on_connect, f);
	steps(f);
	assert_int_equal(f->n_answers, 1);
	assert_int_equal(f->err.code, -ENODEV);
	assert_non_null(strstr(f->err.msg, "receive queue: a receive buffer has 44 bytes"));
}

static void test_free_answers(void **state)
{
	struct fixture *f = *state;

	up(f);
	vsock_device_connect(f->d, 1, 0, on_connect, f);
	f->d = vsock_device_free(f->d);
	assert_int_equal(f->n_answers, 1);
	assert_int_equal(f->err.code, -ENODEV);
	assert_int_equal(f->fd, -1);
}

static void test_driver_stops(void **state)
{
	struct fixture *f = *state;
	char buf[8];

	connected(f);
	/* Sent, but not kicked before the guest powers off. */
	fake_desc(&f->g, FAKE_TX_DESC)[0].len = 0;
	vsock_device_queue_stop(f->d, VSOCK_QUEUE_RX);
	vsock_device_queue_stop(f->d, VSOCK_QUEUE_TX);
	assert_int_equal(read(f->fd, buf, sizeof(buf)), 0);
	assert_int_equal(vsock_device_n_streams(f->d), 0);
	assert_null(vsock_device_error(f->d));
	vsock_device_connect(f->d, 1, 0, on_connect, f);
	f->fd = fd_close(f->fd);
	steps(f);
	assert_int_equal(f->err.code, -ECONNREFUSED);
}

static void test_many_streams(void **state)
{
	struct fixture *f = *state;

	up(f);
	for (int i = 0; i < VSOCK_MAX_STREAMS; i++)
		assert_int_equal(vsock_device_connect(f->d, 9, 0, on_connect, f), 0);
	assert_int_equal(vsock_device_n_streams(f->d), VSOCK_MAX_STREAMS);
	vsock_device_connect(f->d, 9, 0, on_connect, f);
	while (!f->n_answers)
		loop_step(f->loop, 0);
	assert_int_equal(f->err.code, -EMFILE);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_config),		 T(test_too_early),	  T(test_stream),
		T(test_refused),	 T(test_timeout),	  T(test_host_closes),
		T(test_half_close),	 T(test_credit),	  T(test_hangup_without_credit),
		T(test_flow_from_guest), T(test_guest_overruns),  T(test_no_buffers),
		T(test_listen),		 T(test_strange_packets), T(test_broken_queue),
		T(test_short_buffer),	 T(test_free_answers),	  T(test_driver_stops),
		T(test_many_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
