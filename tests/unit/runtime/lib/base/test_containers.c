/* SPDX-License-Identifier: Apache-2.0 */
/* alloc.h, arena.h, list.h and strv.h: the small containers. */
#include "support/cmocka_all.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/arena.h"
#include "base/list.h"
#include "base/strv.h"

static void arrays_grow_and_refuse_overflow(void **state)
{
	_cleanup_free_ int *v = NULL;
	size_t cap = 0;

	for (int i = 0; i < 1000; i++) {
		assert_int_equal(array_reserve(&v, &cap, (size_t)i + 1, sizeof(*v)), 0);
		v[i] = i;
	}
	assert_int_equal(v[999], 999);
	assert_int_equal(array_reserve(&v, &cap, SIZE_MAX / 2, sizeof(*v)), -ENOMEM);
	assert_int_equal(v[999], 999);
}

/* The pages go, but for what is kept and what belongs to others. */
static void forgetting_keeps_the_rest(void **state)
{
	static unsigned char b[64 * 4096];
	const size_t keep = 5000, from = 3, to = sizeof(b) - 3;

	memset(b, 'x', sizeof(b));
	mem_forget(NULL, 0, sizeof(b));
	mem_forget(b, sizeof(b), sizeof(b));
	mem_forget(b, 0, 4095);
	assert_null(memchr(b, 0, sizeof(b)));
	mem_forget(b + from, keep, to - from);
	assert_null(memchr(b, 0, from + keep));
	assert_null(memchr(b + to, 0, sizeof(b) - to));
	assert_int_equal(b[sizeof(b) / 2], 0);
	memset(b, 'y', sizeof(b));
}

static void steal_empties_the_source(void **state)
{
	char *a = mem_dup0("ab", 2);
	_cleanup_free_ char *b = steal_ptr(a);

	assert_null(a);
	assert_string_equal(b, "ab");
	assert_null(mem_dup0("", SIZE_MAX));
}

static void arena_gives_zeroed_aligned_memory(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	for (size_t n = 0; n < 3000; n += 7) {
		unsigned char *p = arena_alloc(&a, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, n);
	}
	assert_non_null(arena_alloc(&a, 1 << 20));
	assert_null(arena_alloc_array(&a, SIZE_MAX / 2, 16));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_string_equal(arena_printf(&a, "%s%d", "n", 5), "n5");
	assert_string_equal(arena_strdup(&a, "dup"), "dup");
}

struct item {
	int v;
	struct list link;
};

static void list_keeps_order_and_allows_removal(void **state)
{
	struct list head = LIST_INIT(head), *pos, *tmp;
	struct item items[5];
	int sum = 0;

	for (int i = 0; i < 5; i++) {
		items[i].v = i;
		list_add_tail(&head, &items[i].link);
	}
	list_for_each_safe(pos, tmp, &head) {
		if (list_entry(pos, struct item, link)->v % 2)
			list_del(pos);
	}
	list_for_each(pos, &head)
		sum = sum * 10 + list_entry(pos, struct item, link)->v;
	assert_int_equal(sum, 24);
	list_del(&items[1].link); /* twice is harmless */
	assert_false(list_empty(&head));
}

static void strv_is_what_execve_wants(void **state)
{
	_cleanup_strv_ struct strv sv = STRV_INIT;

	assert_int_equal(strv_adds(&sv, "a", "b=2", NULL), 0);
	assert_int_equal(strv_addf(&sv, "c=%d", 3), 0);
	assert_int_equal(sv.n, 3);
	assert_null(sv.v[3]);
	assert_true(strv_has(&sv, "a"));
	assert_false(strv_has(&sv, "z"));
	assert_string_equal(env_get(sv.v, "c"), "3");
	assert_null(env_get(sv.v, "a"));
	assert_null(env_get(NULL, "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrays_grow_and_refuse_overflow),
		cmocka_unit_test(forgetting_keeps_the_rest),
		cmocka_unit_test(steal_empties_the_source),
		cmocka_unit_test(arena_gives_zeroed_aligned_memory),
		cmocka_unit_test(list_keeps_order_and_allows_removal),
		cmocka_unit_test(strv_is_what_execve_wants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
