/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"

#include <math.h>
#include <string.h>

void json_out_init(struct json_out *o, struct strbuf *sb, const char *indent)
{
	memset(o, 0, sizeof(*o));
	o->sb = sb;
	o->indent = indent;
}

static void note(struct json_out *o, int r)
{
	if (r < 0 && o->code == 0)
		o->code = r;
}

static void new_line(struct json_out *o)
{
	if (!o->indent)
		return;
	note(o, strbuf_addch(o->sb, '\n'));
	for (unsigned int i = 0; i < o->depth; i++)
		note(o, strbuf_addstr(o->sb, o->indent));
}

/* `s` with its quotes. */
static void add_quoted(struct json_out *o, const char *s)
{
	note(o, strbuf_addch(o->sb, '"'));
	note(o, strbuf_add_json(o->sb, s));
	note(o, strbuf_addch(o->sb, '"'));
}

/* What stands before any value: comma, line, key. False when something went wrong before. */
static bool begin_value(struct json_out *o, const char *key)
{
	bool in_object = o->depth > 0 && o->close[o->depth - 1] == '}';

	/* close[0] is set once the root value has begun. */
	if (in_object != (key != NULL) || (o->depth == 0 && o->close[0] != '\0'))
		note(o, -EINVAL);
	if (o->code < 0)
		return false;
	if (o->depth > 0) {
		if (o->has_items[o->depth - 1])
			note(o, strbuf_addch(o->sb, ','));
		o->has_items[o->depth - 1] = true;
		new_line(o);
	} else {
		o->close[0] = ' ';
	}
	if (key) {
		add_quoted(o, key);
		note(o, strbuf_addstr(o->sb, o->indent ? ": " : ":"));
	}
	return o->code == 0;
}

static void open_level(struct json_out *o, const char *key, char first, char last)
{
	if (!begin_value(o, key))
		return;
	if (o->depth == JSON_MAX_DEPTH) {
		note(o, -EINVAL);
		return;
	}
	o->close[o->depth] = last;
	o->has_items[o->depth] = false;
	o->depth++;
	note(o, strbuf_addch(o->sb, first));
}

void json_out_object(struct json_out *o, const char *key)
{
	open_level(o, key, '{', '}');
}

void json_out_array(struct json_out *o, const char *key)
{
	open_level(o, key, '[', ']');
}

void json_out_end(struct json_out *o)
{
	if (o->depth == 0)
		note(o, -EINVAL);
	if (o->code < 0)
		return;
	o->depth--;
	if (o->has_items[o->depth])
		new_line(o);
	note(o, strbuf_addch(o->sb, o->close[o->depth]));
}

void json_out_string(struct json_out *o, const char *key, const char *s)
{
	if (!s)
		json_out_null(o, key);
	else if (begin_value(o, key))
		add_quoted(o, s);
}

void json_out_bool(struct json_out *o, const char *key, bool b)
{
	if (begin_value(o, key))
		note(o, strbuf_addstr(o->sb, b ? "true" : "false"));
}

void json_out_i64(struct json_out *o, const char *key, int64_t i)
{
	if (begin_value(o, key))
		note(o, strbuf_addf(o->sb, "%lld", (long long)i));
}

void json_out_u64(struct json_out *o, const char *key, uint64_t u)
{
	if (begin_value(o, key))
		note(o, strbuf_addf(o->sb, "%llu", (unsigned long long)u));
}

void json_out_null(struct json_out *o, const char *key)
{
	if (begin_value(o, key))
		note(o, strbuf_addstr(o->sb, "null"));
}

void json_out_strings(struct json_out *o, const char *key, char *const *v, size_t n)
{
	json_out_array(o, key);
	for (size_t i = 0; i < n; i++)
		json_out_string(o, NULL, v[i]);
	json_out_end(o);
}

/* A real with 17 digits reads back as the same double; a point keeps it a real. JSON has no infinities. */
static void out_real(struct json_out *o, const char *key, double d)
{
	size_t start;

	if (!isfinite(d)) {
		note(o, -EINVAL);
		return;
	}
	if (!begin_value(o, key))
		return;
	start = o->sb->len;
	note(o, strbuf_addf(o->sb, "%.17g", d));
	if (!strpbrk(o->sb->buf + start, ".e"))
		note(o, strbuf_addstr(o->sb, ".0"));
}

void json_out_value(struct json_out *o, const char *key, const struct json_value *v)
{
	const struct json_value *kid;

	switch (v->kind) {
	case JSON_KIND_NULL:
		json_out_null(o, key);
		break;
	case JSON_KIND_BOOL:
		json_out_bool(o, key, v->b);
		break;
	case JSON_KIND_INT:
		json_out_i64(o, key, v->i);
		break;
	case JSON_KIND_UINT:
		json_out_u64(o, key, v->u);
		break;
	case JSON_KIND_REAL:
		out_real(o, key, v->real);
		break;
	case JSON_KIND_STRING:
		json_out_string(o, key, v->str.s);
		break;
	case JSON_KIND_ARRAY:
	case JSON_KIND_OBJECT:
		open_level(o, key, v->kind == JSON_KIND_ARRAY ? '[' : '{',
			   v->kind == JSON_KIND_ARRAY ? ']' : '}');
		json_for_each(kid, v) json_out_value(o, kid->key, kid);
		json_out_end(o);
		break;
	}
}

int json_out_finish(struct json_out *o)
{
	if (o->depth > 0 || o->close[0] == '\0')
		note(o, -EINVAL);
	if (o->indent)
		note(o, strbuf_addch(o->sb, '\n'));
	return o->code;
}
