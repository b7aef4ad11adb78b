/* SPDX-License-Identifier: Apache-2.0 */
#include "pass/module_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define INDEX_MAGIC	0xb007f457u
#define INDEX_VERSION	0x00020001u
#define NODE_PREFIX	0x80000000u
#define NODE_VALUES	0x40000000u
#define NODE_CHILDREN	0x20000000u
#define NODE_OFFSET_MAX 0x0fffffffu
#define ROOT_AT		8
#define CHARS		128
#define KEY_MAX		4096 /* bytes, which is also how deep the tree can be */

void module_index_release(struct module_index *ix)
{
	for (size_t i = 0; i < ix->n; i++) {
		free(ix->v[i].key);
		free(ix->v[i].value);
	}
	free(ix->v);
	*ix = (struct module_index){ 0 };
}

int module_index_add(struct module_index *ix, const char *key, const char *value, uint32_t priority)
{
	struct module_index_entry e = { NULL, NULL, priority };

	for (const char *p = key; *p; p++)
		if ((unsigned char)*p >= CHARS)
			return 0;
	if (strlen(key) > KEY_MAX)
		return 0;
	e.key = strdup(key);
	e.value = strdup(value);
	if (!e.key || !e.value || array_reserve(&ix->v, &ix->cap, ix->n + 1, sizeof(e)) < 0) {
		free(e.key);
		free(e.value);
		return -ENOMEM;
	}
	ix->v[ix->n++] = e;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct module_index_entry *x = a, *y = b;
	int c = strcmp(x->key, y->key);

	if (c == 0)
		c = x->priority < y->priority ? -1 : x->priority > y->priority;
	return c ? c : strcmp(x->value, y->value);
}

static int add_u32(struct strbuf *out, uint32_t v)
{
	const uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
			       (uint8_t)v };

	return strbuf_add(out, b, sizeof(b));
}

/* What all keys have in common from `depth` on. Sorted: the first and the last tell. */
static size_t common(const struct module_index_entry *v, size_t n, size_t depth)
{
	const char *a = v[0].key + depth, *b = v[n - 1].key + depth;
	size_t len = 0;

	while (a[len] && a[len] == b[len])
		len++;
	return len;
}

static int write_node(const struct module_index_entry *v, size_t n, size_t depth,
		      struct strbuf *out, uint32_t *ret);

/* The nodes of the children, by their characters; those written are from *first to *last. */
static int write_children(const struct module_index_entry *v, size_t n, size_t depth,
			  struct strbuf *out, uint32_t refs[CHARS], unsigned *first, unsigned *last)
{
	*first = CHARS;
	*last = 0;
	for (size_t i = 0; i < n;) {
		unsigned c = (unsigned char)v[i].key[depth];
		size_t end = i + 1;
		int r;

		while (end < n && (unsigned char)v[end].key[depth] == c)
			end++;
		r = write_node(v + i, end - i, depth + 1, out, &refs[c]);
		if (r < 0)
			return r;
		*first = *first < c ? *first : c;
		*last = c;
		i = end;
	}
	return 0;
}

static int write_values(const struct module_index_entry *v, size_t n, struct strbuf *out)
{
	int r = add_u32(out, (uint32_t)n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = add_u32(out, v[i].priority);
		if (r == 0)
			r = strbuf_add(out, v[i].value, strlen(v[i].value) + 1);
	}
	return r;
}

/* n entries that are alike before `depth`. Children stand in front of their parent. */
static int write_node(const struct module_index_entry *v, size_t n, size_t depth,
		      struct strbuf *out, uint32_t *ret)
{
	/* the root never has a prefix: it is there before the first key */
	size_t prefix = n && depth ? common(v, n, depth) : 0, values = 0;
	uint32_t refs[CHARS] = { 0 }, flags = 0;
	unsigned first = CHARS, last = 0;
	size_t at;
	int r;

	while (values < n && !v[values].key[depth + prefix])
		values++;
	r = write_children(v + values, n - values, depth + prefix, out, refs, &first, &last);
	at = out->len;
	if (at > NODE_OFFSET_MAX)
		return -EFBIG;
	if (r == 0 && prefix) {
		flags |= NODE_PREFIX;
		r = strbuf_add(out, v[0].key + depth, prefix);
		if (r == 0)
			r = strbuf_addch(out, '\0');
	}
	if (r == 0 && first < CHARS) {
		const uint8_t range[2] = { (uint8_t)first, (uint8_t)last };

		flags |= NODE_CHILDREN;
		r = strbuf_add(out, range, sizeof(range));
		for (unsigned c = first; r == 0 && c <= last; c++)
			r = add_u32(out, refs[c]);
	}
	if (r == 0 && values) {
		flags |= NODE_VALUES;
		r = write_values(v, values, out);
	}
	*ret = (uint32_t)at | flags;
	return r;
}

int module_index_write(struct module_index *ix, struct strbuf *out, struct error *err)
{
	uint32_t root = 0;
	int r;

	if (ix->n)
		qsort(ix->v, ix->n, sizeof(*ix->v), compare);
	strbuf_reset(out);
	r = add_u32(out, INDEX_MAGIC);
	r |= add_u32(out, INDEX_VERSION);
	r |= add_u32(out, 0); /* the root, which is written last */
	if (r == 0)
		r = write_node(ix->v, ix->n, 0, out, &root);
	if (r == -EFBIG)
		return error_set(err, r, "index of kernel modules is over 256 MiB");
	if (r < 0)
		return error_oom(err);
	for (int i = 0; i < 4; i++)
		out->buf[ROOT_AT + i] = (char)(root >> (24 - 8 * i));
	return 0;
}
