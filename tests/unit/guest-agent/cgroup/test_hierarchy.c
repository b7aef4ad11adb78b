/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <string.h>
#include "base/strbuf.h"
#include "cgroup/cpulist.h"
#include "cgroup/hierarchy.h"

static const char hybrid[] =
	"23 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
	"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
	"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:7 master:3 - cgroup cgroup rw,cpu,cpuacct\n"
	"35 31 0:32 /docker/a\\040b /sys/fs/cgroup/my\\040memory rw - cgroup cgroup rw,memory,release_agent=/x\n"
	"40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
	"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
	"42 31 0:32 / /elsewhere rw - cgroup cgroup rw,memory\n"
	"43 31 0:38 / /again rw - cgroup2 none rw\n";

static const struct hierarchy *find(struct hierarchies *hs, const char *name)
{
	return hierarchies_find(hs, name, strlen(name));
}

static void test_mountinfo(void **state)
{
	struct hierarchies hs = { .n = 0 };

	assert_int_equal(hierarchies_parse_mountinfo(&hs, hybrid), 0);
	assert_int_equal(hs.n, 4);
	assert_string_equal(find(&hs, "cpu")->mount, "/sys/fs/cgroup/cpu,cpuacct");
	assert_ptr_equal(find(&hs, "cpu"), find(&hs, "cpuacct"));
	assert_string_equal(find(&hs, "memory")->mount, "/sys/fs/cgroup/my memory");
	assert_string_equal(find(&hs, "memory")->root, "/docker/a b");
	assert_string_equal(find(&hs, "name=systemd")->mount, "/sys/fs/cgroup/systemd");
	assert_string_equal(hierarchies_v2(&hs)->mount, "/sys/fs/cgroup/unified");
	assert_null(find(&hs, "pids"));
	assert_null(find(&hs, "release_agent=/x"));
	assert_null(find(&hs, "xattr"));
	/* A prefix is no name. */
	assert_null(hierarchies_find(&hs, "memory", 3));
	hierarchies_release(&hs);
}

static void test_self(void **state)
{
	struct hierarchies hs = { .n = 0 };

	assert_int_equal(hierarchies_parse_mountinfo(&hs, hybrid), 0);
	assert_int_equal(hierarchies_parse_self(&hs, "9:name=systemd:/user.slice/x\n"
						     "4:memory:/docker/a b/mine\n"
						     "2:cpu,cpuacct:/\n"
						     "7:pids:/none\n"
						     "0::/a/b.scope\n"
						     "garbage\n::\n"),
			 0);
	assert_string_equal(find(&hs, "name=systemd")->own, "user.slice/x");
	assert_string_equal(find(&hs, "memory")->own, "mine");
	assert_string_equal(find(&hs, "cpu")->own, "");
	assert_string_equal(hierarchies_v2(&hs)->own, "a/b.scope");
	/* Outside of what is mounted. */
	assert_int_equal(hierarchies_parse_self(&hs, "4:memory:/docker/a bc\n0::/../other\n"), 0);
	assert_string_equal(find(&hs, "memory")->own, "mine");
	assert_string_equal(hierarchies_v2(&hs)->own, "a/b.scope");
	hierarchies_release(&hs);
}

static void test_hostile(void **state)
{
	static const char *const bad[] = { "",
					   "\n\n\n",
					   "1 2 3\n",
					   "1 2 3 4 5 6\n",
					   "1 2 3 4 5 6 -\n",
					   "1 2 3 4 5 6 - cgroup\n",
					   "1 2 3 4 5 6 - cgroup2",
					   "1 2 3 4 \\777 6 - cgroup x cpu\n" };
	struct strbuf many = STRBUF_INIT;
	struct hierarchies hs = { .n = 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		hs.n = 0;
		assert_int_equal(hierarchies_parse_mountinfo(&hs, bad[i]), 0);
		assert_true(hs.n <= 1);
		hierarchies_release(&hs);
	}
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&many, "1 2 0:1 / /m%d rw - cgroup c rw,c%d\n", i, i);
	assert_int_equal(hierarchies_parse_mountinfo(&hs, many.buf), 0);
	assert_int_equal(hs.n, HIERARCHIES_MAX);
	hierarchies_release(&hs);
	strbuf_release(&many);
}

static void test_cpulist(void **state)
{
	static const struct {
		const char *text;
		int r;
		size_t n;
	} cases[] = {
		{ "", 0, 0 },
		{ "0", 0, 1 },
		{ "0-3", 0, 4 },
		{ "0-3,7,10-12", 0, 8 },
		{ "8191", 0, 1 },
		{ "8192", -EINVAL, 0 },
		{ "3-1", -EINVAL, 0 },
		{ "1,", -EINVAL, 0 },
		{ ",1", -EINVAL, 0 },
		{ "1-", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1 2", -EINVAL, 0 },
		{ "0x1", -EINVAL, 0 },
		{ "1,1", -EINVAL, 0 },
		{ "5,2", -EINVAL, 0 },
		{ "0-2,2", -EINVAL, 0 },
		{ "99999999999999999999", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = 0;
		int r = cpulist_count(cases[i].text, 8192, &n);

		if (r != cases[i].r || n != cases[i].n)
			fail_msg("\"%s\": %d, %zu", cases[i].text, r, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mountinfo),
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_cpulist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
