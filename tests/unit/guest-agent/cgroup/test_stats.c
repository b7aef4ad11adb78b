/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include "cgroup/driver.h"

static void test_keyed(void **state)
{
	static const char text[] = "usage_usec 12\nuser_usec 345\nuser 6\nlimit max\nbad x\nlast 7";

	assert_int_equal(cgroup_keyed(text, "usage_usec"), 12);
	assert_int_equal(cgroup_keyed(text, "user_usec"), 345);
	assert_int_equal(cgroup_keyed(text, "user"), 6);
	assert_true(cgroup_keyed(text, "limit") == UINT64_MAX);
	assert_int_equal(cgroup_keyed(text, "bad"), 0);
	assert_int_equal(cgroup_keyed(text, "last"), 7);
	assert_int_equal(cgroup_keyed(text, "usage"), 0);
	assert_int_equal(cgroup_keyed("", "x"), 0);
	assert_int_equal(cgroup_keyed("x 99999999999999999999999999999", "x"), 0);
}

static void test_memory_stat(void **state)
{
	struct cgroup_stats s;

	memset(&s, 0, sizeof(s));
	assert_int_equal(cgroup_parse_memory_stat(&s, "anon 4096\nthree words here\n\nfile 5\n"),
			 0);
	assert_int_equal(s.memory.n_stat, 2);
	assert_string_equal(s.memory.stat[0].key, "anon");
	assert_int_equal(s.memory.stat[0].value, 4096);
	assert_string_equal(s.memory.stat[1].key, "file");
	cgroup_stats_release(&s);
}

static void assert_entry(const struct cgroup_io_list *l, size_t i, uint64_t minor, const char *op,
			 uint64_t value)
{
	assert_true(i < l->n);
	assert_int_equal(l->v[i].minor, minor);
	assert_string_equal(l->v[i].op, op);
	assert_int_equal(l->v[i].value, value);
}

static void test_io(void **state)
{
	struct cgroup_io_list *l;
	struct cgroup_stats s;

	memset(&s, 0, sizeof(s));
	l = &s.io[CGROUP_IO_SERVICE_BYTES];
	assert_int_equal(cgroup_parse_io_stat(&s, "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 "
						  "dios=6 cost.usage=7\n"
						  "254:0\nx:y rbytes=9\n8:32 wbytes=8\n"),
			 0);
	assert_int_equal(l->n, 7);
	assert_entry(l, 0, 16, "read", 1);
	assert_entry(l, 1, 16, "write", 2);
	assert_entry(l, 2, 16, "rios", 3);
	assert_entry(l, 5, 16, "dios", 6);
	assert_entry(l, 6, 32, "write", 8);
	l = &s.io[CGROUP_IO_SERVICED];
	assert_int_equal(cgroup_parse_blkio(l, &s.arena,
					    "8:0 Read 10\n8:0 Write 20\n8:1 30\nTotal 60\n"
					    "8:0 a b c d\nnonsense\n"),
			 0);
	assert_int_equal(l->n, 3);
	assert_entry(l, 0, 0, "Read", 10);
	assert_entry(l, 1, 0, "Write", 20);
	assert_entry(l, 2, 1, "", 30);
	cgroup_stats_release(&s);
}

static void test_percpu_and_huge(void **state)
{
	struct cgroup_stats s;
	char *size = cgroup_huge_size("hugetlb.2MB.current", "current");

	memset(&s, 0, sizeof(s));
	assert_int_equal(cgroup_parse_percpu(&s, "1 22 333 \n"), 0);
	assert_int_equal(s.cpu.n_percpu, 3);
	assert_int_equal(s.cpu.percpu[2], 333);
	cgroup_stats_release(&s);
	assert_string_equal(size, "2MB");
	free(size);
	assert_null(cgroup_huge_size("hugetlb.2MB.rsvd.current", "current"));
	assert_null(cgroup_huge_size("hugetlb..current", "current"));
	assert_null(cgroup_huge_size("memory.current", "current"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keyed),
		cmocka_unit_test(test_memory_stat),
		cmocka_unit_test(test_io),
		cmocka_unit_test(test_percpu_and_huge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
