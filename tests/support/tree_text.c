/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "support/tree_text.h"

void tree_put_bytes(struct tree *t, const char *path, const void *data, size_t len)
{
	struct error err = ERROR_INIT;

	if (tree_add_file(t, path, 0644, data, len, &err) < 0)
		fail_msg("%s: %s", path, err.msg);
}

void tree_put(struct tree *t, const char *path, const char *text)
{
	tree_put_bytes(t, path, text, strlen(text));
}

static char *content_of(struct tree *t, const char *path)
{
	const struct tree_node *n = tree_resolve(t, path);
	struct error err = ERROR_INIT;
	char *text;

	if (!n || !S_ISREG(n->inode->mode))
		fail_msg("there is no regular file %s", path);
	text = calloc(1, n->inode->content.size + 1);
	assert_non_null(text);
	if (blob_read(&n->inode->content, 0, text, n->inode->content.size, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}

void tree_is(struct tree *t, const char *path, const char *text)
{
	_cleanup_free_ char *have = content_of(t, path);

	assert_string_equal(have, text);
}

void tree_has(struct tree *t, const char *path, const char *text)
{
	_cleanup_free_ char *have = content_of(t, path);

	if (!strstr(have, text))
		fail_msg("%s does not have '%s':\n%s", path, text, have);
}

void tree_lacks(struct tree *t, const char *path, const char *text)
{
	_cleanup_free_ char *have = content_of(t, path);

	if (strstr(have, text))
		fail_msg("%s has '%s':\n%s", path, text, have);
}

void tree_leads(struct tree *t, const char *path, const char *target)
{
	const struct tree_node *n = tree_lookup(t, path);

	if (!n || !S_ISLNK(n->inode->mode))
		fail_msg("there is no link %s", path);
	assert_string_equal(n->inode->target, target);
}
