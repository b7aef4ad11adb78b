/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PATH_TEXT_H
#define CODEC_PATH_TEXT_H

#include <stdio.h>
#include <string.h>

/*
 * Private to codec: the path of a value, written from its last part to its first into a fixed buffer, so that the part
 * nearest to the value survives when there is no room. A cut path starts with "...".
 */
struct path_text {
	char *buf;
	size_t pos; /* first byte in use */
	int cut;
};

static inline void path_text_init(struct path_text *t, char *buf, size_t size)
{
	t->buf = buf;
	t->pos = size - 1;
	t->cut = 0;
	buf[t->pos] = '\0';
}

static inline void path_text_prepend(struct path_text *t, const char *s, size_t n)
{
	size_t room = t->pos - 3; /* for "..." */

	if (t->cut)
		return;
	if (n > room) {
		s += n - room;
		n = room;
		t->cut = 1;
	}
	t->pos -= n;
	memcpy(t->buf + t->pos, s, n);
}

/* One byte of a quoted key, as it appears in JSON and TOML text. */
static inline void path_text_prepend_escaped(struct path_text *t, unsigned char c)
{
	char tmp[8];
	int n;

	if (c == '"' || c == '\\')
		n = snprintf(tmp, sizeof(tmp), "\\%c", c);
	else if (c < 0x20 || c == 0x7f)
		n = snprintf(tmp, sizeof(tmp), "\\u%04x", c);
	else
		n = snprintf(tmp, sizeof(tmp), "%c", c);
	path_text_prepend(t, tmp, (size_t)n);
}

static inline void path_text_prepend_quoted(struct path_text *t, const char *key, size_t len)
{
	path_text_prepend(t, "\"", 1);
	while (len > 0 && !t->cut)
		path_text_prepend_escaped(t, (unsigned char)key[--len]);
	path_text_prepend(t, "\"", 1);
}

static inline void path_text_prepend_index(struct path_text *t, size_t index)
{
	char tmp[32];
	int n = snprintf(tmp, sizeof(tmp), "[%zu]", index);

	path_text_prepend(t, tmp, (size_t)n);
}

/* Moves the text to the start of the buffer. */
static inline char *path_text_finish(struct path_text *t, size_t size)
{
	if (t->cut) {
		t->pos -= 3;
		memcpy(t->buf + t->pos, "...", 3);
	}
	memmove(t->buf, t->buf + t->pos, size - t->pos);
	return t->buf;
}

#endif
