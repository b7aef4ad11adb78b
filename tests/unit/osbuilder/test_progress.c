/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <string.h>

#include "base/strbuf.h"
#include "support/cmocka_all.h"

struct seen {
	struct strbuf text;
	unsigned updates;
	uint64_t items, bytes;
};

static void on_stage(void *data, enum progress_event e, const struct progress_state *s)
{
	struct seen *v = data;

	if (e == PROGRESS_UPDATE) {
		v->updates++;
		assert_true(s->items >= v->items && s->bytes >= v->bytes);
	} else {
		assert_int_equal(strbuf_addf(&v->text, "%c%s %s %llu/%llu %llu/%llu\n",
					     e == PROGRESS_BEGIN ? '>' : '<',
					     progress_stage_name(s->stage), s->what ? s->what : "-",
					     (unsigned long long)s->items,
					     (unsigned long long)s->items_total,
					     (unsigned long long)s->bytes,
					     (unsigned long long)s->bytes_total),
				 0);
	}
	v->items = s->items;
	v->bytes = s->bytes;
}

static void on_warn(void *data, const char *line)
{
	struct seen *v = data;

	assert_int_equal(strbuf_addf(&v->text, "! %s\n", line), 0);
}

static void on_output(void *data, const struct progress_output *o)
{
	struct seen *v = data;

	assert_int_equal(strbuf_addf(&v->text, "= %s %s\n", o->kind, o->path), 0);
}

static const struct progress_ops ops = { on_stage, on_warn, on_output };

static void test_nobody(void **state)
{
	progress_begin(NULL, PROGRESS_WRITE, "x", 1, 1);
	progress_expect(NULL, PROGRESS_WRITE, 1, 1);
	progress_add(NULL, PROGRESS_WRITE, 1, 1);
	progress_end(NULL, PROGRESS_WRITE);
	progress_warn(NULL, "%s", "x");
	progress_output(NULL, NULL);
}

static void test_stages(void **state)
{
	const struct progress_output o = { .kind = "image", .path = "a.img" };
	struct seen v = { .text = STRBUF_INIT };
	struct progress p;

	progress_init(&p, &ops, &v, UINT64_MAX / 2);
	progress_begin(&p, PROGRESS_FETCH, "deb", 2, 30);
	progress_begin(&p, PROGRESS_UNPACK, NULL, 0, 0); /* stages may overlap */
	progress_add(&p, PROGRESS_FETCH, 1, 10);
	progress_add(&p, PROGRESS_UNPACK, 5, 7);
	progress_expect(&p, PROGRESS_FETCH, 1, 5);
	progress_end(&p, PROGRESS_FETCH);
	progress_warn(&p, "%d is odd", 3);
	progress_end(&p, PROGRESS_UNPACK);
	progress_begin(&p, PROGRESS_UNPACK, "tar", 0, 0); /* and come again, from 0 */
	progress_end(&p, PROGRESS_UNPACK);
	progress_output(&p, &o);
	assert_string_equal(v.text.buf,
			    ">fetch deb 0/2 0/30\n>unpack - 0/0 0/0\n<fetch deb 1/3 10/35\n"
			    "! 3 is odd\n<unpack - 5/0 7/0\n>unpack tar 0/0 0/0\n"
			    "<unpack tar 0/0 0/0\n= image a.img\n");
	assert_int_equal(v.updates, 0); /* the interval had not passed */
	progress_release(&p);
	strbuf_release(&v.text);
}

static void test_long_warning(void **state)
{
	struct seen v = { .text = STRBUF_INIT };
	char text[2 * PROGRESS_WARN_MAX];
	struct progress p;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	progress_init(&p, &ops, &v, 0);
	progress_warn(&p, "%s", text);
	assert_int_equal(v.text.len, PROGRESS_WARN_MAX - 1 + 3);
	progress_release(&p);
	strbuf_release(&v.text);
}

#define ADDS 20000

static void *add_many(void *data)
{
	for (int i = 0; i < ADDS; i++)
		progress_add(data, PROGRESS_UNPACK, 1, 3);
	return NULL;
}

/* Every addition counts, and the ops are never entered twice at once (they check that nothing goes back). */
static void test_threads(void **state)
{
	struct seen v = { .text = STRBUF_INIT };
	struct progress p;
	pthread_t t[4];

	progress_init(&p, &ops, &v, 0);
	progress_begin(&p, PROGRESS_UNPACK, "deb", 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, add_many, &p), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		pthread_join(t[i], NULL);
	progress_end(&p, PROGRESS_UNPACK);
	assert_string_equal(v.text.buf, ">unpack deb 0/0 0/0\n<unpack deb 80000/0 240000/0\n");
	assert_true(v.updates > 0);
	progress_release(&p);
	strbuf_release(&v.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_long_warning),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
