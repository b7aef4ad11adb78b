/* SPDX-License-Identifier: Apache-2.0 */
#include "source/watch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/time.h"
#include "support/cmocka_all.h"

#define PATIENCE (10 * USEC_PER_SEC)

static void on_stage(void *data, enum progress_event e, const struct progress_state *s)
{
	uint64_t *bytes = data;

	__atomic_store_n(bytes, s->bytes, __ATOMIC_RELAXED);
}

static void on_warn(void *data, const char *line)
{
}

static void on_output(void *data, const struct progress_output *o)
{
}

static const struct progress_ops ops = { on_stage, on_warn, on_output };

static void put(int dirfd, const char *name, size_t size)
{
	char text[64];

	memset(text, 'x', sizeof(text));
	assert_true(size <= sizeof(text));
	assert_int_equal(file_write_atomic(dirfd, name, 0644, text, size, NULL), 0);
}

static void wait_for(const uint64_t *bytes, uint64_t want)
{
	const uint64_t end = time_mono_usec() + PATIENCE;

	while (__atomic_load_n(bytes, __ATOMIC_RELAXED) != want && time_mono_usec() < end)
		usleep(10000);
	assert_int_equal(__atomic_load_n(bytes, __ATOMIC_RELAXED), want);
}

static void test_growth(void **state)
{
	char dir[] = "/tmp/test_watch-XXXXXX";
	struct watch w = WATCH_INIT;
	struct progress p;
	uint64_t bytes = 0;
	int fd;

	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	progress_init(&p, &ops, &bytes, 0);
	progress_begin(&p, PROGRESS_FETCH, "deb", 0, 0);
	put(fd, "before", 5); /* what was there does not count */
	assert_int_equal(mkdirat(fd, "directory", 0755), 0);
	watch_begin(&w, &p, PROGRESS_FETCH, dir);
	put(fd, "one", 40);
	wait_for(&bytes, 40);
	put(fd, "two", 2);
	wait_for(&bytes, 42);
	unlinkat(fd, "one", 0); /* shrinks: what was told stays told */
	put(fd, "three", 50);
	wait_for(&bytes, 52);
	assert_int_equal(watch_end(&w), 52);
	assert_int_equal(watch_end(&w), 0); /* not twice */
	progress_release(&p);
	assert_int_equal(close(fd), 0);
	assert_int_equal(file_remove_tree(AT_FDCWD, dir, NULL), 0);
}

/* Nobody looks, or there is nothing to look at. */
static void test_nothing(void **state)
{
	struct watch w = WATCH_INIT;
	struct progress p;
	uint64_t bytes = 0;

	watch_begin(&w, NULL, PROGRESS_FETCH, "/");
	assert_false(w.running);
	assert_int_equal(watch_end(&w), 0);
	progress_init(&p, &ops, &bytes, 0);
	watch_begin(&w, &p, PROGRESS_FETCH, "/nonexistent");
	assert_false(w.running);
	assert_int_equal(watch_end(&w), 0);
	progress_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
