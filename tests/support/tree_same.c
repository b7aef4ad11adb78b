/* SPDX-License-Identifier: Apache-2.0 */
#include "support/tree_same.h"

#include "diff.h"
#include "image_read.h"
#include "support/cmocka_all.h"

static int collect(void *data, const struct diff_change *c)
{
	assert_int_equal(diff_change_line(c, data), 0);
	assert_int_equal(strbuf_addch(data, '\n'), 0);
	return 0;
}

void tree_is_same(struct tree *a, struct tree *b)
{
	static const struct diff_params with_times = { .times = true };
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	if (diff_trees(a, b, &with_times, collect, &out, &err) < 0)
		fail_msg("%s", error_text(&err));
	assert_string_equal(out.buf ? out.buf : "", "");
	assert_int_equal(tree_count(a), tree_count(b));
}

struct tree *tree_read_back(const char *path)
{
	struct error err = ERROR_INIT;
	struct tree *t = NULL;

	if (image_read(path, &t, NULL, &err) < 0)
		fail_msg("%s", error_text(&err));
	return t;
}
