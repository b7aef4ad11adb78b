/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include "base/compiler.h"
#include "container/mountopt.h"

static struct mount_opts parse_ok(const char *const *words)
{
	struct mount_opts o;
	struct error err = ERROR_INIT;
	size_t n = 0;

	while (words[n])
		n++;
	assert_int_equal(mount_opts_parse((char *const *)words, n, &o, &err), 0);
	return o;
}
#define PARSE(...) parse_ok((const char *const[]){ __VA_ARGS__, NULL })

static void test_flags(void **state)
{
	struct mount_opts o =
		PARSE("nosuid", "nodev", "noexec", "ro", "strictatime", "mode=755", "size=65536k");

	assert_int_equal(o.flags, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY | MS_STRICTATIME);
	assert_int_equal(o.attr_set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
					     MOUNT_ATTR_RDONLY | MOUNT_ATTR_STRICTATIME);
	assert_int_equal(o.attr_clr, MOUNT_ATTR__ATIME);
	assert_string_equal(o.data, "mode=755,size=65536k");
	assert_false(o.bind);
	mount_opts_release(&o);
	assert_null(o.data);
}

static void test_last_wins(void **state)
{
	struct mount_opts o = PARSE("ro", "rw");

	assert_int_equal(o.flags, 0);
	assert_int_equal(o.attr_set, 0);
	assert_int_equal(o.attr_clr, MOUNT_ATTR_RDONLY);
	mount_opts_release(&o);
	o = PARSE("rw", "ro", "noatime", "relatime");
	assert_int_equal(o.attr_set, MOUNT_ATTR_RDONLY); /* relatime is the field's zero */
	assert_int_equal(o.attr_clr, MOUNT_ATTR__ATIME);
	mount_opts_release(&o);
}

static void test_bind_and_recursion(void **state)
{
	struct mount_opts o = PARSE("rbind", "rro", "rnosuid", "rprivate");

	assert_true(o.bind && o.recursive);
	assert_int_equal(o.flags, 0);
	assert_int_equal(o.rec_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
	assert_int_equal(o.propagation, MS_PRIVATE | MS_REC);
	assert_null(o.data);
	mount_opts_release(&o);
	o = PARSE("bind", "slave");
	assert_true(o.bind && !o.recursive);
	assert_int_equal(o.propagation, MS_SLAVE);
	mount_opts_release(&o);
}

static void test_for_the_runtime(void **state)
{
	struct mount_opts o = PARSE("ridmap", "rbind", "tmpcopyup");

	assert_true(o.idmap && o.idmap_recursive && o.copy_up);
	assert_null(o.data);
	mount_opts_release(&o);
	o = PARSE("idmap", "bind");
	assert_true(o.idmap && !o.idmap_recursive && !o.copy_up);
	mount_opts_release(&o);
}

static void test_skipped(void **state)
{
	struct mount_opts o =
		PARSE("defaults", "", "io.katacontainers.volume=abc", "x-systemd.automount");

	assert_int_equal(o.flags, 0);
	assert_null(o.data);
	mount_opts_release(&o);
}

static void test_refused(void **state)
{
	char *big = malloc(MOUNT_OPTS_MAX_DATA + 1);
	char *const big_list[] = { big };
	struct mount_opts o;
	struct error err = ERROR_INIT;

	memset(big, 'a', MOUNT_OPTS_MAX_DATA);
	big[MOUNT_OPTS_MAX_DATA] = '\0';
	assert_int_equal(mount_opts_parse(big_list, 1, &o, &err), -EINVAL);
	assert_string_equal(err.msg, "mount options are longer than 65536 bytes");
	free(big);
}

static void test_propagation(void **state)
{
	unsigned long p = 0;

	assert_int_equal(mount_propagation_parse("rshared", &p), 0);
	assert_int_equal(p, MS_SHARED | MS_REC);
	assert_int_equal(mount_propagation_parse("unbindable", &p), 0);
	assert_int_equal(p, MS_UNBINDABLE);
	assert_int_equal(mount_propagation_parse("loud", &p), -EINVAL);
	assert_int_equal(mount_propagation_parse(NULL, &p), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_last_wins),
		cmocka_unit_test(test_for_the_runtime),
		cmocka_unit_test(test_skipped),
		cmocka_unit_test(test_bind_and_recursion),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_propagation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
