/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <sys/mman.h>
#include <unistd.h>
#include "base/fd.h"
#include "support/fake_guest.h"

#define RING FAKE_RX_DESC

struct fixture {
	struct fake_guest g;
	struct virtqueue q;
	struct virtqueue_chain c;
};

static int setup(void **state)
{
	static struct fixture f;

	fake_guest_open(&f.g);
	f.q = (struct virtqueue){ 0 };
	*state = &f;
	return virtqueue_start(&f.q, &f.g.mem, FAKE_NUM, fake_desc(&f.g, RING),
			       fake_avail(&f.g, RING), fake_used(&f.g, RING), 0, NULL);
}

static int teardown(void **state)
{
	fake_guest_close(&((struct fixture *)*state)->g);
	return 0;
}

static void put(struct fixture *f, unsigned i, uint64_t addr, uint32_t len, uint16_t flags,
		uint16_t next)
{
	fake_desc(&f->g, RING)[i] = (struct vring_desc){ addr, len, flags, next };
}

static void test_takes_chain(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(virtqueue_pop(&f->q, &f->c), 0);
	put(f, 3, 0x10000, 100, VRING_DESC_F_NEXT, 1);
	put(f, 1, 0x20000, 0, VRING_DESC_F_NEXT, 2); /* empty ones are skipped */
	put(f, 2, 0x30000, 50, VRING_DESC_F_WRITE, 0);
	fake_make_available(&f->g, RING, 3);
	assert_int_equal(virtqueue_pop(&f->q, &f->c), 1);
	assert_int_equal(f->c.head, 3);
	assert_int_equal(f->c.n_out, 1);
	assert_int_equal(f->c.n_in, 1);
	assert_int_equal(f->c.out_len, 100);
	assert_int_equal(f->c.in_len, 50);
	assert_ptr_equal(f->c.iov[0].iov_base, f->g.base + 0x10000);
	assert_ptr_equal(f->c.iov[1].iov_base, f->g.base + 0x30000);
	assert_int_equal(virtqueue_pop(&f->q, &f->c), 0);

	virtqueue_unpop(&f->q, 1);
	assert_int_equal(virtqueue_pop(&f->q, &f->c), 1);
	virtqueue_push(&f->q, f->c.head, 44);
	assert_int_equal(fake_used(&f->g, RING)->idx, 0);
	virtqueue_flush(&f->q);
	assert_int_equal(fake_used(&f->g, RING)->idx, 1);
	assert_int_equal(fake_used(&f->g, RING)->ring[0].id, 3);
	assert_int_equal(fake_used(&f->g, RING)->ring[0].len, 44);
}

static void count(struct virtqueue *q, void *data)
{
	++*(int *)data;
}

static void test_notifies_once(void **state)
{
	struct fixture *f = *state;
	int n = 0;

	f->q.notify = count;
	f->q.notify_data = &n;
	put(f, 0, 0x10000, 8, 0, 0);
	for (int i = 0; i < 5; i++) {
		fake_make_available(&f->g, RING, 0);
		assert_int_equal(virtqueue_pop(&f->q, &f->c), 1);
		virtqueue_push(&f->q, 0, 0);
	}
	virtqueue_flush(&f->q);
	virtqueue_flush(&f->q);
	assert_int_equal(n, 1);
	fake_avail(&f->g, RING)->flags = VRING_AVAIL_F_NO_INTERRUPT;
	fake_make_available(&f->g, RING, 0);
	assert_int_equal(virtqueue_pop(&f->q, &f->c), 1);
	virtqueue_push(&f->q, 0, 0);
	virtqueue_flush(&f->q);
	assert_int_equal(n, 1);

	assert_false(virtqueue_want_kicks(&f->q, false));
	assert_int_equal(fake_used(&f->g, RING)->flags, VRING_USED_F_NO_NOTIFY);
	assert_false(virtqueue_want_kicks(&f->q, true));
	assert_int_equal(fake_used(&f->g, RING)->flags, 0);
	fake_make_available(&f->g, RING, 0);
	assert_true(virtqueue_want_kicks(&f->q, true));
}

static void broken(struct fixture *f, const char *why)
{
	assert_int_equal(virtqueue_pop(&f->q, &f->c), -EPROTO);
	assert_true(f->q.broken);
	assert_string_equal(error_text(&f->q.err), why);
	/* and stays so */
	assert_int_equal(virtqueue_pop(&f->q, &f->c), -EPROTO);
}

static void test_loop(void **state)
{
	put(*state, 0, 0x10000, 8, VRING_DESC_F_NEXT, 1);
	put(*state, 1, 0x10000, 8, VRING_DESC_F_NEXT, 0);
	fake_make_available(&((struct fixture *)*state)->g, RING, 0);
	broken(*state, "descriptor loop");
}

static void test_bad_head(void **state)
{
	fake_make_available(&((struct fixture *)*state)->g, RING, FAKE_NUM);
	broken(*state, "descriptor index 16 of 16");
}

static void test_bad_next(void **state)
{
	put(*state, 0, 0x10000, 8, VRING_DESC_F_NEXT, 999);
	fake_make_available(&((struct fixture *)*state)->g, RING, 0);
	broken(*state, "descriptor index 999 of 16");
}

static void test_outside(void **state)
{
	put(*state, 0, FAKE_SIZE - 4, 8, 0, 0);
	fake_make_available(&((struct fixture *)*state)->g, RING, 0);
	broken(*state, "descriptor outside guest memory: 0xffffc, 8 bytes");
}

static void test_overflow(void **state)
{
	put(*state, 0, UINT64_MAX - 1, 8, 0, 0);
	fake_make_available(&((struct fixture *)*state)->g, RING, 0);
	broken(*state, "descriptor outside guest memory: 0xfffffffffffffffe, 8 bytes");
}

static void test_order(void **state)
{
	put(*state, 0, 0x10000, 8, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	put(*state, 1, 0x10000, 8, 0, 0);
	fake_make_available(&((struct fixture *)*state)->g, RING, 0);
	broken(*state, "a readable descriptor follows a writable one");
}

static void test_indirect(void **state)
{
	put(*state, 0, 0x10000, 16, VRING_DESC_F_INDIRECT, 0);
	fake_make_available(&((struct fixture *)*state)->g, RING, 0);
	broken(*state, "indirect descriptor, which was not offered");
}

static void test_index_runs_ahead(void **state)
{
	fake_avail(&((struct fixture *)*state)->g, RING)->idx = 17;
	broken(*state, "available index 17 is over 16 entries ahead of 0");
}

static void test_start_rejects(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	uint8_t *b = f->g.base;

	assert_int_equal(virtqueue_start(&f->q, &f->g.mem, 12, b, b, b, 0, &err), -EINVAL);
	assert_string_equal(error_text(&err),
			    "virtqueue of 12 entries (a power of two up to 1024 is needed)");
	assert_int_equal(virtqueue_start(&f->q, &f->g.mem, 0, b, b, b, 0, &err), -EINVAL);
	assert_int_equal(virtqueue_start(&f->q, &f->g.mem, 2048, b, b, b, 0, &err), -EINVAL);
	assert_int_equal(virtqueue_start(&f->q, &f->g.mem, 16, b + 8, b, b, 0, &err), -EINVAL);
	assert_string_equal(error_text(&err), "virtqueue: misaligned rings");
}

static void test_memory_rejects(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;

	assert_int_equal(guest_mem_add(&f->g.mem, f->g.fd, 0x800, 0, 4096, 0, &err), -EINVAL);
	assert_string_equal(error_text(&err), "memory region at 0x800 overlaps the one at 0x0");
	assert_int_equal(guest_mem_add(&f->g.mem, f->g.fd, 1 << 30, 0, 0, 0, &err), -EINVAL);
	assert_string_equal(error_text(&err),
			    "memory region at 0x40000000: bad size 0x0 or offset 0x0");
	assert_int_equal(guest_mem_add(&f->g.mem, f->g.fd, UINT64_MAX - 10, 0, 4096, 0, &err),
			 -EINVAL);
	assert_int_equal(guest_mem_add(&f->g.mem, f->g.fd, 1 << 30, 0, 4096, FAKE_SIZE, &err),
			 -EINVAL);
	assert_string_equal(error_text(&err), "memory region at 0x40000000: its file has 1048576 "
					      "bytes, needed are 1052672");
	/* An offset in the middle of a page is mapped right. */
	f->g.base[5000] = 77;
	assert_int_equal(guest_mem_add(&f->g.mem, f->g.fd, 1 << 30, 0x1000, 100, 5000, &err), 0);
	assert_int_equal(*(uint8_t *)guest_mem_at(&f->g.mem, 1 << 30, 1), 77);
	assert_ptr_equal(guest_mem_at_user(&f->g.mem, 0x1000, 100),
			 guest_mem_at(&f->g.mem, 1 << 30, 100));
	assert_null(guest_mem_at(&f->g.mem, 1 << 30, 101));
	assert_null(guest_mem_at(&f->g.mem, (1 << 30) - 1, 1));
	assert_null(guest_mem_at(&f->g.mem, FAKE_SIZE - 1, UINT64_MAX));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_takes_chain),	  T(test_notifies_once), T(test_loop),
		T(test_bad_head),	  T(test_bad_next),	 T(test_outside),
		T(test_overflow),	  T(test_order),	 T(test_indirect),
		T(test_index_runs_ahead), T(test_start_rejects), T(test_memory_rejects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
