/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that are the same for every driver, with a driver that only remembers what was asked of it. */
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/time.h"
#include "cgroup/driver.h"

static struct {
	int busy; /* so many removals fail yet */
	int create_code;
	int created, killed, removed, freed;
} fake;

static int fake_open(struct cgroup_root *r, struct error *err)
{
	return 0;
}

static int fake_create(struct cgroup *c, const struct oci_resources *res, struct error *err)
{
	fake.created++;
	return fake.create_code ? error_sys(err, fake.create_code, "mkdir") : 0;
}

static int fake_kill(struct cgroup *c)
{
	fake.killed++;
	return 0;
}

static int fake_remove(struct cgroup *c)
{
	if (fake.busy > 0) {
		fake.busy--;
		return -EBUSY;
	}
	fake.removed++;
	return 0;
}

static void fake_free(struct cgroup *c)
{
	fake.freed++;
}

static const struct cgroup_ops fake_ops = {
	.name = "fake",
	.open = fake_open,
	.create = fake_create,
	.kill = fake_kill,
	.remove = fake_remove,
	.free = fake_free,
};

static struct loop *loop;

static struct cgroup_root *open_root(bool rootless)
{
	struct cgroup_options o = { .ops = &fake_ops, .loop = loop, .rootless = rootless };
	struct cgroup_root *root = NULL;
	struct error err = ERROR_INIT;

	memset(&fake, 0, sizeof(fake));
	if (cgroup_root_open(&o, &root, &err) < 0) {
		skip_because("%s", err.msg);
	}
	return root;
}

static struct cgroup *create(struct cgroup_root *root, const char *path)
{
	struct cgroup *c = NULL;
	struct error err = ERROR_INIT;

	if (cgroup_create(root, path, "id", NULL, &c, &err) < 0)
		fail_msg("%s", err.msg);
	return c;
}

static void turn(struct cgroup_root *root)
{
	uint64_t end = time_mono_usec() + 5 * USEC_PER_SEC;

	while (cgroup_removals(root) && time_mono_usec() < end)
		loop_step(loop, 20);
}

static void test_remove(void **state)
{
	struct cgroup_root *root = open_root(false);
	uint64_t start;

	cgroup_remove(create(root, "/a/b"));
	assert_int_equal(fake.removed, 1);
	assert_int_equal(cgroup_removals(root), 0);
	/* One that is busy is not waited for: the call returns, and the loop does the rest. */
	fake.busy = 5;
	start = time_mono_usec();
	cgroup_remove(create(root, "/a/b"));
	assert_true(time_mono_usec() - start < 500000);
	assert_int_equal(fake.removed, 1);
	assert_int_equal(cgroup_removals(root), 1);
	turn(root);
	assert_int_equal(fake.removed, 2);
	assert_int_equal(fake.freed, 2);
	assert_true(fake.killed >= 6);
	cgroup_root_free(root);
}

/* A new one with the name of one that is going: the old one's removal must not hit it. */
static void test_take_over(void **state)
{
	struct cgroup_root *root = open_root(false);
	struct cgroup *c;
	int killed;

	fake.busy = 1000;
	cgroup_remove(create(root, "/same"));
	assert_int_equal(cgroup_removals(root), 1);
	c = create(root, "/same");
	assert_int_equal(cgroup_removals(root), 0);
	killed = fake.killed;
	for (int i = 0; i < 10; i++)
		loop_step(loop, 5);
	assert_int_equal(fake.killed, killed);
	assert_string_equal(cgroup_name(c), "/same");
	cgroup_close(c);
	/* The end does not wait for what is left. */
	cgroup_remove(create(root, "/left"));
	assert_int_equal(cgroup_removals(root), 1);
	cgroup_root_free(root);
	assert_int_equal(fake.freed, 3);
}

static void test_remove_wait(void **state)
{
	struct cgroup_root *root = open_root(false);
	struct error err = ERROR_INIT;

	fake.busy = 3;
	assert_int_equal(cgroup_remove_wait(create(root, "/w"), 2000000, &err), 0);
	fake.busy = 1000;
	assert_int_equal(cgroup_remove_wait(create(root, "/w"), 20000, &err), -EBUSY);
	assert_string_equal(err.msg, "cannot remove cgroup \"/w\": Device or resource busy");
	cgroup_root_free(root);
}

/* As runc: without permission, and nothing asked for, there is none; who asked is told. */
static void test_rootless(void **state)
{
	struct cgroup_root *root = open_root(true);
	struct oci_resources limits, devices_only;
	struct oci_device_rule rule = { .allow = false, .type = 'a' };
	struct error err = ERROR_INIT;
	struct cgroup *c = NULL;

	memset(&limits, 0, sizeof(limits));
	devices_only = limits;
	limits.has_pids_limit = true;
	limits.pids_limit = 5;
	devices_only.devices = &rule;
	devices_only.n_devices = 1;
	fake.create_code = -EACCES;
	assert_int_equal(cgroup_create(root, NULL, "id", NULL, &c, &err), 0);
	assert_null(c);
	assert_int_equal(cgroup_create(root, NULL, "id", &devices_only, &c, &err), 0);
	assert_null(c);
	assert_int_equal(cgroup_create(root, NULL, "id", &limits, &c, &err), -EACCES);
	assert_string_equal(err.msg, "rootless: limits need a cgroup that may be made: mkdir: "
				     "Permission denied");
	assert_int_equal(cgroup_create(root, "/given", "id", NULL, &c, &err), -EACCES);
	assert_string_equal(err.msg, "mkdir: Permission denied");
	fake.create_code = -ENOSPC;
	assert_int_equal(cgroup_create(root, NULL, "id", NULL, &c, &err), -ENOSPC);
	cgroup_root_free(root);
	/* For root it is an error, always. */
	root = open_root(false);
	fake.create_code = -EACCES;
	assert_int_equal(cgroup_create(root, NULL, "id", NULL, &c, &err), -EACCES);
	cgroup_root_free(root);
}

static int group_setup(void **state)
{
	return loop_new(&loop);
}

static int group_teardown(void **state)
{
	loop_free(loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_take_over),
		cmocka_unit_test(test_remove_wait),
		cmocka_unit_test(test_rootless),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
