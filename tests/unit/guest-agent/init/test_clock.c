/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include "base/log.h"
#include "init/clock.h"

static struct {
	int64_t host, own, slewed;
	int steps, slews;
	bool missing, broken;
} t;

static int fake_open(int *ret_fd)
{
	*ret_fd = -1;
	return t.missing ? -ENOENT : 0;
}

static int fake_host(int fd, int64_t *ret_nsec)
{
	*ret_nsec = t.host;
	return t.broken ? -EIO : 0;
}

static int fake_own(int64_t *ret_nsec)
{
	*ret_nsec = t.own;
	return 0;
}

static int fake_step(int64_t offset_nsec)
{
	t.own += offset_nsec;
	t.steps++;
	return 0;
}

static int fake_slew(int64_t offset_nsec)
{
	t.slewed = offset_nsec;
	t.slews++;
	return 0;
}

static const struct clock_ops fake_ops = {
	.open = fake_open, .host = fake_host, .own = fake_own, .step = fake_step, .slew = fake_slew
};

static void test_keep(void **state)
{
	struct clock_keeper *k = NULL;
	struct error err = ERROR_INIT;
	struct loop *loop = NULL;

	log_init(&(struct log_config){ .name = "test", .source = "test", .fd = -1 });
	assert_int_equal(loop_new(&loop), 0);
	t.missing = true;
	assert_int_equal(clock_keeper_new(loop, &fake_ops, &k, &err), -ENOENT);
	t.missing = false;
	/* The start: years behind, set at once. */
	t.host = 1795000000000000000;
	assert_int_equal(clock_keeper_new(loop, &fake_ops, &k, &err), 0);
	assert_int_equal(t.steps, 1);
	assert_true(t.own == t.host);
	/* Near enough; then a little off, which is slewed; then stopped for a while, either way. */
	t.own = t.host - CLOCK_NEAR_NSEC / 2;
	assert_int_equal(clock_keeper_look(k), 'n');
	t.own = t.host + 5000000;
	assert_int_equal(clock_keeper_look(k), 'l');
	assert_true(t.slewed == -5000000);
	assert_int_equal(t.steps, 1);
	t.own = t.host - 3600000000000;
	assert_int_equal(clock_keeper_look(k), 's');
	assert_true(t.own == t.host);
	t.own = t.host + CLOCK_STEP_NSEC;
	assert_int_equal(clock_keeper_look(k), 's');
	assert_int_equal(t.slews, 1);
	t.broken = true;
	assert_int_equal(clock_keeper_look(k), -EIO);
	clock_keeper_free(k);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_keep) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
