/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/launch.h"

#include <string.h>
#include "base/strbuf.h"
#include "support/cmocka_all.h"

/* What happened, in order: "+a" done, "-a" undone. */
struct trace {
	struct strbuf log;
	struct loop *loop;
	struct launch *launch;
	struct error err;
	bool done, ok;
	int fail_at; /* 'a', 'b', ... ; 0: none */
	bool later;
};

static int step(struct launch *l, struct trace *t, char name, struct error *err)
{
	strbuf_addf(&t->log, "+%c", name);
	if (t->fail_at == name)
		return error_set(err, -EIO, "no luck");
	return 0;
}

static int run_a(struct launch *l, void *ctx, struct error *err)
{
	return step(l, ctx, 'a', err);
}

static void answer_b(struct loop_source *s, void *data)
{
	struct trace *t = data;
	struct error err = ERROR_INIT;

	error_set(&err, -ETIMEDOUT, "too late");
	launch_step_done(t->launch, t->fail_at == 'b' ? &err : NULL);
	/* A second answer is nobody's. */
	launch_step_done(t->launch, NULL);
}

static int run_b(struct launch *l, void *ctx, struct error *err)
{
	struct trace *t = ctx;

	strbuf_addf(&t->log, "+b");
	assert_string_equal(launch_step_name(l), "b");
	if (t->later)
		return LAUNCH_PENDING;
	assert_int_equal(loop_add_defer(t->loop, answer_b, t, NULL), 0);
	return LAUNCH_PENDING;
}

static int run_c(struct launch *l, void *ctx, struct error *err)
{
	return step(l, ctx, 'c', err);
}

static void undo_a(void *ctx)
{
	strbuf_addf(&((struct trace *)ctx)->log, "-a");
}

static void undo_b(void *ctx)
{
	strbuf_addf(&((struct trace *)ctx)->log, "-b");
}

static const struct launch_step steps[] = {
	{ "a", run_a, undo_a },
	{ "b", run_b, undo_b },
	{ "c", run_c, NULL },
};

static void on_done(const struct error *err, void *ctx)
{
	struct trace *t = ctx;

	assert_false(t->done);
	t->done = true;
	t->ok = !err;
	if (err)
		t->err = *err;
	loop_exit(t->loop, 0);
}

static int setup(void **state)
{
	static struct trace t;

	memset(&t, 0, sizeof(t));
	strbuf_init(&t.log);
	assert_int_equal(loop_new(&t.loop), 0);
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	struct trace *t = *state;

	strbuf_release(&t->log);
	loop_free(t->loop);
	return 0;
}

static void run(struct trace *t)
{
	assert_int_equal(launch_start(t->loop, steps, 3, t, on_done, &t->launch), 0);
	assert_string_equal(t->log.buf, ""); /* nothing from inside */
	assert_int_equal(loop_run(t->loop), 0);
	assert_true(t->done);
}

static void test_success(void **state)
{
	struct trace *t = *state;

	run(t);
	assert_true(t->ok);
	assert_string_equal(t->log.buf, "+a+b+c");
}

static void test_undo_order(void **state)
{
	struct trace *t = *state;

	t->fail_at = 'c';
	run(t);
	assert_false(t->ok);
	assert_string_equal(t->log.buf, "+a+b+c-b-a");
	assert_string_equal(t->err.msg, "launch step 'c': no luck");
	assert_int_equal(t->err.code, -EIO);
}

static void test_late_failure(void **state)
{
	struct trace *t = *state;

	t->fail_at = 'b';
	run(t);
	assert_string_equal(t->log.buf, "+a+b-b-a");
	assert_string_equal(t->err.msg, "launch step 'b': too late");
	assert_int_equal(t->err.code, -ETIMEDOUT);
}

static void test_first_fails(void **state)
{
	struct trace *t = *state;

	t->fail_at = 'a';
	run(t);
	assert_string_equal(t->log.buf, "+a-a");
}

static void test_cancel(void **state)
{
	struct trace *t = *state;

	t->later = true;
	assert_int_equal(launch_start(t->loop, steps, 3, t, on_done, &t->launch), 0);
	while (strcmp(t->log.buf, "+a+b") != 0)
		assert_true(loop_step(t->loop, 1000) >= 0);
	assert_null(launch_cancel(t->launch));
	assert_string_equal(t->log.buf, "+a+b-b-a");
	assert_false(t->done);
	assert_null(launch_cancel(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_success, setup, teardown),
		cmocka_unit_test_setup_teardown(test_undo_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
