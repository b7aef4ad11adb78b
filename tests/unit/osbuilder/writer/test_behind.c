/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "support/cmocka_all.h"
#include "writer/behind.h"

#define SIZE 4096

struct sink {
	uint8_t data[64 * SIZE];
	int fail_at; /* which call fails; -1: none */
	int calls;
	uint8_t seen[64]; /* by the second thread */
	int n_seen;
};

static int take(void *data, const uint8_t *buf, size_t len, uint64_t pos)
{
	struct sink *s = data;

	if (s->calls++ == s->fail_at)
		return -ENOSPC;
	usleep(200); /* slower than the owner */
	memcpy(s->data + pos, buf, len);
	return 0;
}

static struct behind *begin(struct sink *s, unsigned spare, const behind_fn *fns, unsigned n)
{
	struct behind *b = NULL;
	int r = behind_new(SIZE, spare, fns, n, s, &b);

	if (r == -EAGAIN) {
		skip_because("one processor");
	}
	assert_int_equal(r, 0);
	return b;
}

static void every_buffer_arrives(void **state)
{
	struct sink *s = calloc(1, sizeof(*s));
	uint8_t *buf = malloc(SIZE);
	struct behind *b;

	s->fail_at = -1;
	b = begin(s, 1, (behind_fn[]){ take }, 1);
	for (int i = 0; i < 64; i++) {
		memset(buf, i, SIZE);
		assert_int_equal(behind_give(b, &buf, SIZE, (uint64_t)(63 - i) * SIZE), 0);
	}
	assert_int_equal(behind_wait(b), 0);
	for (int i = 0; i < 64; i++)
		assert_int_equal(s->data[(63 - i) * SIZE + SIZE - 1], i);
	/* What was given last is written even when nobody waits. */
	memset(buf, 200, SIZE);
	assert_int_equal(behind_give(b, &buf, SIZE, 0), 0);
	behind_free(b);
	assert_int_equal(s->data[0], 200);
	free(buf);
	free(s);
}

/* Faster than the other one, or slower. */
static int see(void *data, const uint8_t *buf, size_t len, uint64_t pos)
{
	struct sink *s = data;

	usleep((unsigned)(s->n_seen % 5) * 100);
	s->seen[s->n_seen++] = buf[len - 1];
	return 0;
}

static void two_threads_get_every_buffer_in_order(void **state)
{
	struct sink *s = calloc(1, sizeof(*s));
	uint8_t *buf = malloc(SIZE);
	struct behind *b;

	s->fail_at = -1;
	b = begin(s, 3, (behind_fn[]){ take, see }, 2);
	for (int i = 0; i < 64; i++) {
		memset(buf, i, SIZE);
		assert_int_equal(behind_give(b, &buf, SIZE, (uint64_t)i * SIZE), 0);
	}
	assert_int_equal(behind_wait(b), 0);
	behind_free(b);
	assert_int_equal(s->calls, 64);
	assert_int_equal(s->n_seen, 64);
	for (int i = 0; i < 64; i++) {
		assert_int_equal(s->data[i * SIZE], i);
		assert_int_equal(s->seen[i], i);
	}
	free(buf);
	free(s);
}

static void the_first_error_stays(void **state)
{
	struct sink *s = calloc(1, sizeof(*s));
	uint8_t *buf = calloc(1, SIZE);
	struct behind *b;

	s->fail_at = 1;
	b = begin(s, 1, (behind_fn[]){ take }, 1);
	assert_int_equal(behind_give(b, &buf, SIZE, 0), 0);
	assert_int_equal(behind_give(b, &buf, SIZE, SIZE), 0);
	assert_int_equal(behind_give(b, &buf, SIZE, 0), -ENOSPC);
	assert_int_equal(behind_give(b, &buf, SIZE, 0), -ENOSPC);
	assert_int_equal(behind_wait(b), -ENOSPC);
	assert_int_equal(s->calls, 2);
	behind_free(b);
	behind_free(NULL);
	free(buf);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_buffer_arrives),
		cmocka_unit_test(two_threads_get_every_buffer_in_order),
		cmocka_unit_test(the_first_error_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
