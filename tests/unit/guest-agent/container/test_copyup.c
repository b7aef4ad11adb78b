/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include "container/copyup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"

static char dir[64];

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/test-copyup-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	return file_remove_tree(AT_FDCWD, dir, NULL);
}

static int sub(const char *name)
{
	_cleanup_fd_ int top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	mkdirat(top, name, 0755);
	return openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void test_copy(void **state)
{
	_cleanup_fd_ int from = sub("from"), to = sub("to");
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	char link[16] = "";
	struct stat st;

	assert_int_equal(mkdirat(from, "d", 0750), 0);
	assert_int_equal(file_write_atomic(from, "d/file", 0640, "text", 4, &err), 0);
	assert_int_equal(fchmodat(from, "d/file", 04751, 0), 0);
	assert_int_equal(symlinkat("d/file", from, "link"), 0);
	assert_int_equal(mkfifoat(from, "fifo", 0600), 0);
	if (copyup(from, to, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(file_read(to, "d/file", 100, &text, &err), 0);
	assert_string_equal(text.buf, "text");
	assert_int_equal(fstatat(to, "d/file", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 04751);
	assert_int_equal(fstatat(to, "d", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(readlinkat(to, "link", link, sizeof(link) - 1), 6);
	assert_string_equal(link, "d/file");
	assert_int_equal(fstatat(to, "fifo", &st, 0), 0);
	assert_true(S_ISFIFO(st.st_mode));
	/* What is there already is not written over. */
	assert_int_equal(copyup(from, to, &err), -EEXIST);
}

static void test_depth(void **state)
{
	_cleanup_fd_ int from = sub("deep"), to = sub("shallow");
	_cleanup_strbuf_ struct strbuf path = STRBUF_INIT;
	struct error err = ERROR_INIT;

	for (int i = 0; i <= COPYUP_MAX_DEPTH; i++)
		strbuf_addstr(&path, "d/");
	assert_int_equal(file_mkdir_p(from, path.buf, 0755, &err), 0);
	assert_int_equal(copyup(from, to, &err), -ELOOP);
	assert_string_equal(err.msg, "cannot copy to the tmpfs: more than 128 directories deep");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_depth),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
