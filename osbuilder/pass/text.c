/* SPDX-License-Identifier: Apache-2.0 */
#include "pass/text.h"

#include <string.h>

#define BLANKS " \t\r\n\v\f"

int pass_read_node(const struct tree_node *n, struct strbuf *out, struct error *err)
{
	const struct blob *b = &n->inode->content;
	char path[TREE_PATH_BUF];
	int r;

	strbuf_reset(out);
	if (b->size > PASS_TEXT_MAX)
		return error_set(err, -EFBIG, "%.300s is longer than %u bytes", tree_path(n, path),
				 PASS_TEXT_MAX);
	if (strbuf_grow(out, b->size) < 0)
		return error_oom(err);
	r = blob_read(b, 0, out->buf, b->size, err);
	if (r < 0)
		return error_wrap(err, r, "%.300s", tree_path(n, path));
	strbuf_setlen(out, b->size);
	return 1;
}

int pass_read_text(struct tree *t, const char *path, struct strbuf *out, struct error *err)
{
	const struct tree_node *n = tree_resolve(t, path);

	strbuf_reset(out);
	return n && S_ISREG(n->inode->mode) ? pass_read_node(n, out, err) : 0;
}

int pass_write_text(struct tree *t, const char *path, const struct strbuf *text, struct error *err)
{
	struct tree_node *n = tree_resolve(t, path);
	struct blob content = BLOB_INIT;

	if (!n || !S_ISREG(n->inode->mode))
		return tree_add_file(t, path, 0644, text->buf, text->len, err);
	if (blob_from_bytes(&content, text->buf, text->len) < 0)
		return error_oom(err);
	blob_release(&n->inode->content);
	n->inode->content = content;
	return 0;
}

bool pass_exists(struct tree *t, const char *path)
{
	return tree_resolve(t, path) != NULL;
}

char *pass_next_line(char **text)
{
	char *line = *text, *end;

	if (!line || !*line)
		return NULL;
	end = strchr(line, '\n');
	*text = end ? end + 1 : NULL;
	if (!end)
		end = line + strlen(line);
	while (end > line && strchr(BLANKS, end[-1]))
		end--;
	*end = '\0';
	return line;
}

char *pass_next_word(char **line)
{
	char *word = *line ? *line + strspn(*line, BLANKS) : NULL, *end;

	if (!word || !*word)
		return NULL;
	if (*word == '"') {
		word++;
		end = word + strcspn(word, "\"");
	} else {
		end = word + strcspn(word, BLANKS);
	}
	*line = *end ? end + 1 : NULL;
	*end = '\0';
	return word;
}

int pass_for_conf_files(struct tree *t, const char *etc_path, const char *usr_path, const char *end,
			pass_conf_fn fn, void *data, struct error *err)
{
	struct tree_node *etc = tree_resolve(t, etc_path), *usr = tree_resolve(t, usr_path);
	size_t i = 0, k = 0, ni = etc ? etc->n_children : 0, nk = usr ? usr->n_children : 0;
	int r = 0;

	while (r == 0 && (i < ni || k < nk)) {
		int order = i == ni   ? 1
			    : k == nk ? -1
				      : strcmp(etc->children[i]->name, usr->children[k]->name);
		const struct tree_node *n = order <= 0 ? etc->children[i] : usr->children[k];

		i += order <= 0;
		k += order >= 0;
		if (S_ISREG(n->inode->mode) && str_ends(n->name, end))
			r = fn(n, data, err);
	}
	return r;
}
