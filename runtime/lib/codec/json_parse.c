/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_internal.h"

#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include "base/alloc.h"

/*
 * jansson reads the text; its objects are copied into our tree and given back at once.
 *
 * jansson's integers end at INT64_MAX, but Go programs write unsigned 64-bit numbers (RLIM_INFINITY is 18446744073709551615).
 * So the text is scanned once before: an integer from 2^63 to 2^64-1 (19 or 20 characters) is overwritten in a copy by a
 * string of the same length, "\u0000" and 11 base-64 digits. The same scan refuses \u0000 in all other strings, so nothing
 * can be mistaken for it; and it enforces the depth limit before any recursion.
 */

#define U64_MARK	"\\u0000" /* as text; in jansson's value it is one NUL byte */
#define U64_MARK_DIGITS 11	  /* 11 digits of 6 bits hold 64 bits */

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";

struct scan {
	char *text, *p, *end;
	unsigned int depth;
	struct error *err;
};

static int scan_error(const struct scan *sc, const char *at, int code, const char *what)
{
	unsigned int line = 1, column = 1;

	for (const char *c = sc->text; c < at; c++) {
		if (*c == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)*c & 0xc0) != 0x80) {
			column++;
		}
	}
	return error_set(sc->err, code, "line %u column %u: %s", line, column, what);
}

static int scan_string(struct scan *sc)
{
	const char *at = sc->p++;

	while (sc->p < sc->end && *sc->p != '"') {
		if (*sc->p == '\\') {
			if (sc->end - sc->p >= 6 && memcmp(sc->p, U64_MARK, 6) == 0)
				return scan_error(sc, sc->p, -EINVAL,
						  "NUL character in a string is not allowed");
			sc->p++;
		}
		if (sc->p < sc->end)
			sc->p++;
	}
	if (sc->p == sc->end)
		return scan_error(sc, at, -EINVAL, "the string has no end");
	sc->p++;
	return 0;
}

static void mark_u64(char *at, size_t len, uint64_t value)
{
	size_t pad = len - 2 - (sizeof(U64_MARK) - 1) - U64_MARK_DIGITS;

	at[0] = '"';
	memcpy(at + 1, U64_MARK, (sizeof(U64_MARK) - 1));
	for (size_t i = 0; i < U64_MARK_DIGITS; i++, value >>= 6)
		at[1 + (sizeof(U64_MARK) - 1) + i] = digits64[value & 63];
	memset(at + 1 + (sizeof(U64_MARK) - 1) + U64_MARK_DIGITS, 'A', pad);
	at[len - 1] = '"';
}

static uint64_t unmark_u64(const char *s)
{
	uint64_t v = 0;

	for (int i = U64_MARK_DIGITS; i > 0; i--)
		v = v << 6 | (uint64_t)(strchr(digits64, s[i]) - digits64);
	return v;
}

/* A number token; only what fits uint64_t but not int64_t is touched, all judgement is jansson's. */
static void scan_number(struct scan *sc)
{
	char *at = sc->p;
	uint64_t v = 0;
	bool plain = true;
	size_t len;

	while (sc->p < sc->end && *sc->p && strchr("0123456789+-.eE", *sc->p)) {
		if (*sc->p < '0' || *sc->p > '9' || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*sc->p - '0'), &v))
			plain = false;
		sc->p++;
	}
	len = (size_t)(sc->p - at);
	if (plain && *at != '0' && v > INT64_MAX && (len == 19 || len == 20))
		mark_u64(at, len, v);
}

static int scan_text(struct scan *sc)
{
	while (sc->p < sc->end) {
		char c = *sc->p;
		int r;

		if (c == '"') {
			r = scan_string(sc);
			if (r < 0)
				return r;
			continue;
		}
		if ((c >= '0' && c <= '9') || c == '-') {
			scan_number(sc);
			continue;
		}
		if (c == '[' || c == '{') {
			if (++sc->depth > JSON_MAX_DEPTH)
				return scan_error(sc, sc->p, -EFBIG, "nested too deep");
		} else if ((c == ']' || c == '}') && sc->depth > 0) {
			sc->depth--;
		}
		sc->p++;
	}
	return 0;
}

static int copy_value(struct json_doc *doc, json_t *j, struct json_value *parent,
		      struct json_value **ret, struct error *err);

static int copy_string(struct json_doc *doc, json_t *j, struct json_value *v, struct error *err)
{
	const char *s = json_string_value(j);
	size_t len = json_string_length(j);

	if (len > 0 && s[0] == '\0') {
		v->kind = JSON_KIND_UINT;
		v->u = unmark_u64(s);
		return 0;
	}
	v->kind = JSON_KIND_STRING;
	v->str.s = arena_memdup0(&doc->arena, s, len);
	v->str.len = len;
	return v->str.s ? 0 : error_oom(err);
}

static int copy_array(struct json_doc *doc, json_t *j, struct json_value *v, struct error *err)
{
	const struct json_value **tail = &v->kids.first;
	size_t n = json_array_size(j);

	v->kind = JSON_KIND_ARRAY;
	for (size_t i = 0; i < n; i++) {
		struct json_value *kid = NULL;
		int r = copy_value(doc, json_array_get(j, i), v, &kid, err);

		if (r < 0 || !kid)
			return r;
		kid->index = i;
		*tail = kid;
		tail = &kid->next;
	}
	v->kids.n = n;
	return 0;
}

static int copy_object(struct json_doc *doc, json_t *j, struct json_value *v, struct error *err)
{
	const struct json_value **tail = &v->kids.first;
	json_t *member;
	const char *key;
	size_t i = 0;

	v->kind = JSON_KIND_OBJECT;
	json_object_foreach(j, key, member)
	{
		struct json_value *kid = NULL;
		int r = copy_value(doc, member, v, &kid, err);

		if (r < 0 || !kid)
			return r;
		kid->index = i++;
		kid->key = arena_strdup(&doc->arena, key);
		if (!kid->key)
			return error_oom(err);
		*tail = kid;
		tail = &kid->next;
	}
	v->kids.n = i;
	return 0;
}

/* Recursion is bounded by JSON_MAX_DEPTH: scan_text() has counted. */
static int copy_value(struct json_doc *doc, json_t *j, struct json_value *parent,
		      struct json_value **ret, struct error *err)
{
	struct json_value *v;

	if (doc->n_nodes++ == JSON_MAX_NODES)
		return error_set(err, -EFBIG, "more than %d values", JSON_MAX_NODES);
	v = arena_new(&doc->arena, struct json_value);
	if (!v)
		return error_oom(err);
	v->parent = parent;
	*ret = v;
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return copy_object(doc, j, v, err);
	case JSON_ARRAY:
		return copy_array(doc, j, v, err);
	case JSON_STRING:
		return copy_string(doc, j, v, err);
	case JSON_INTEGER:
		v->kind = JSON_KIND_INT;
		v->i = json_integer_value(j);
		return 0;
	case JSON_REAL:
		v->kind = JSON_KIND_REAL;
		v->real = json_real_value(j);
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		v->kind = JSON_KIND_BOOL;
		v->b = json_is_true(j);
		return 0;
	case JSON_NULL:
		break;
	}
	v->kind = JSON_KIND_NULL;
	return 0;
}

/* jansson quotes what it stopped at as it is; a message is one printable line. */
static int syntax_error(struct error *err, json_error_t *je)
{
	for (char *c = je->text; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
	return error_set(err, -EINVAL, "line %d column %d: %s", MAX(je->line, 1),
			 MAX(je->column, 1), je->text);
}

int json_parse_text(struct json_doc *doc, const char *text, size_t len, struct error *err)
{
	_cleanup_free_ char *copy = malloc(len + 1);
	struct scan sc = { .text = copy, .p = copy, .err = err };
	json_error_t je = { 0 };
	json_t *j;
	int r;

	if (!copy)
		return error_oom(err);
	memcpy(copy, text, len);
	copy[len] = '\0';
	sc.end = copy + len;
	r = scan_text(&sc);
	if (r < 0)
		return r;
	j = json_loadb(copy, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
	if (!j && json_error_code(&je) == json_error_out_of_memory)
		return error_oom(err);
	if (!j)
		return syntax_error(err, &je);
	r = copy_value(doc, j, NULL, &doc->root, err);
	json_decref(j);
	return r;
}
