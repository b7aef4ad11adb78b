/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/toml_internal.h"

#include <stdlib.h>
#include <string.h>

/*
 * The document level: key/value lines, headers, arrays and inline tables, and the rules on who may add to which table.
 */

static size_t hash_of(const struct toml_value *table, const char *key, size_t len)
{
	uint64_t h = 1469598103934665603u ^ (uint64_t)(uintptr_t)table; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)key[i]) * 1099511628211u;
	return (size_t)((h ^ h >> 32) % TOML_HASH_BUCKETS);
}

struct toml_value *toml_lookup(struct toml_value *table, const char *key, size_t len)
{
	struct toml_value *v = table->doc->buckets[hash_of(table, key, len)];

	for (; v; v = v->hash_next) {
		if (v->parent == table && v->key_len == len && memcmp(v->key, key, len) == 0)
			return v;
	}
	return NULL;
}

static int new_value(struct toml_parser *ps, enum toml_type type, const char *at,
		     struct toml_value **ret)
{
	struct toml_value *v;

	if (ps->doc->n_values == TOML_MAX_VALUES)
		return toml_error_code(ps, -EFBIG, at, "more than %d values", TOML_MAX_VALUES);
	v = arena_new(&ps->doc->arena, struct toml_value);
	if (!v)
		return toml_oom(ps);
	ps->doc->n_values++;
	v->type = type;
	v->doc = ps->doc;
	toml_locate(ps, at, &v->line, &v->column);
	*ret = v;
	return 0;
}

static void append(struct toml_value *parent, struct toml_value *v)
{
	v->parent = parent;
	v->index = parent->kids.n++;
	if (parent->kids.last)
		parent->kids.last->next = v;
	else
		parent->kids.first = v;
	parent->kids.last = v;
}

static void add_member(struct toml_value *table, const struct toml_key *key, struct toml_value *v)
{
	size_t h = hash_of(table, key->s, key->len);

	v->key = key->s;
	v->key_len = key->len;
	append(table, v);
	v->hash_next = table->doc->buckets[h];
	table->doc->buckets[h] = v;
}

/* Errors about a key name it with its whole path. */
static int key_error(struct toml_parser *ps, const struct toml_key *key,
		     const struct toml_value *there, const char *what)
{
	char path[TOML_KEY_PATH_MAX];

	return toml_error(ps, key->at, "%s %s (line %u)", toml_key_path(there, path), what,
			  there->line);
}

static int too_deep(struct toml_parser *ps)
{
	return toml_error_code(ps, -EFBIG, ps->p, "nested deeper than %d levels", TOML_MAX_DEPTH);
}

static int parse_key_part(struct toml_parser *ps, struct toml_key *ret)
{
	const char *at = ps->p;
	char seen[16];
	size_t len;

	*ret = (struct toml_key){ .s = "", .at = at };
	if (ps->p < ps->end && (*ps->p == '"' || *ps->p == '\''))
		return toml_scan_string(ps, false, &ret->s, &ret->len);
	while (ps->p < ps->end && toml_bare_key_char((unsigned char)*ps->p))
		ps->p++;
	len = (size_t)(ps->p - at);
	if (len == 0)
		return toml_error(ps, at, "expected a key, got %s", toml_seen(ps, seen));
	ret->len = len;
	ret->s = arena_memdup0(&ps->doc->arena, at, len);
	return ret->s ? 0 : toml_oom(ps);
}

/* "a . b . c": up to `max` parts. Returns how many. */
static int parse_key(struct toml_parser *ps, struct toml_key *parts, size_t max)
{
	size_t n = 0;

	for (;;) {
		int r;

		if (n == max)
			return too_deep(ps);
		r = parse_key_part(ps, &parts[n]);
		if (r < 0)
			return r;
		n++;
		toml_skip_space(ps);
		if (ps->p == ps->end || *ps->p != '.')
			return (int)n;
		ps->p++;
		toml_skip_space(ps);
	}
}

static int parse_value(struct toml_parser *ps, size_t depth, struct toml_value **ret);

/* The table that a dotted key's leading part names, made when it is missing. */
static int enter_dotted(struct toml_parser *ps, struct toml_value *table,
			const struct toml_key *key, struct toml_value **ret)
{
	struct toml_value *v = toml_lookup(table, key->s, key->len);
	int r;

	if (!v) {
		r = new_value(ps, TOML_TABLE, key->at, &v);
		if (r < 0)
			return r;
		v->flags = TOML_F_DOTTED;
		add_member(table, key, v);
	} else if (v->type != TOML_TABLE) {
		return key_error(ps, key, v, "is no table");
	} else if (v->flags & TOML_F_INLINE) {
		return key_error(ps, key, v, "is an inline table and cannot be added to");
	} else if (v->flags & TOML_F_HEADER) {
		return key_error(ps, key, v, "is a table with its own header");
	}
	/* What only lay on the way to a header is defined now. */
	v->flags = TOML_F_DOTTED;
	*ret = v;
	return 0;
}

/* key = value, into table. */
static int parse_pair(struct toml_parser *ps, struct toml_value *table, size_t depth)
{
	struct toml_key parts[TOML_MAX_DEPTH];
	struct toml_value *v = NULL, *there;
	char seen[16];
	int r, n;

	n = parse_key(ps, parts, TOML_MAX_DEPTH - depth);
	if (n < 0)
		return n;
	if (ps->p == ps->end || *ps->p != '=')
		return toml_error(ps, ps->p, "expected '=' after the key, got %s",
				  toml_seen(ps, seen));
	ps->p++;
	toml_skip_space(ps);
	for (int i = 0; i + 1 < n; i++) {
		r = enter_dotted(ps, table, &parts[i], &table);
		if (r < 0)
			return r;
	}
	there = toml_lookup(table, parts[n - 1].s, parts[n - 1].len);
	if (there)
		return key_error(ps, &parts[n - 1], there, "is defined already");
	r = parse_value(ps, depth + (size_t)n, &v);
	if (r < 0 || !v)
		return r;
	add_member(table, &parts[n - 1], v);
	return 0;
}

/* p is behind the '['. */
static int parse_array(struct toml_parser *ps, struct toml_value *array, size_t depth)
{
	struct toml_value *v = NULL;
	char seen[16];
	int r;

	for (;;) {
		toml_skip_blank(ps);
		if (ps->p < ps->end && *ps->p == ']')
			break;
		r = parse_value(ps, depth + 1, &v);
		if (r < 0 || !v)
			return r;
		append(array, v);
		toml_skip_blank(ps);
		if (ps->p < ps->end && *ps->p == ']')
			break;
		if (ps->p == ps->end || *ps->p != ',')
			return toml_error(ps, ps->p, "expected ',' or ']' in the array, got %s",
					  toml_seen(ps, seen));
		ps->p++;
	}
	ps->p++;
	return 0;
}

/* p is behind the '{'. Line breaks and a comma at the end are not allowed (1.0). */
static int parse_inline_table(struct toml_parser *ps, struct toml_value *table, size_t depth)
{
	char seen[16];
	int r;

	toml_skip_space(ps);
	if (ps->p < ps->end && *ps->p == '}') {
		ps->p++;
		return 0;
	}
	for (;;) {
		r = parse_pair(ps, table, depth);
		if (r < 0)
			return r;
		toml_skip_space(ps);
		if (ps->p < ps->end && *ps->p == '}')
			break;
		if (ps->p == ps->end || *ps->p != ',')
			return toml_error(ps, ps->p,
					  "expected ',' or '}' in the inline table, got %s",
					  toml_seen(ps, seen));
		ps->p++;
		toml_skip_space(ps);
	}
	ps->p++;
	return 0;
}

static int parse_value(struct toml_parser *ps, size_t depth, struct toml_value **ret)
{
	struct toml_value *v = NULL;
	int r;

	if (depth >= TOML_MAX_DEPTH)
		return too_deep(ps);
	r = new_value(ps, TOML_STRING, ps->p, &v);
	if (r < 0)
		return r;
	switch (ps->p < ps->end ? *ps->p : '\0') {
	case '"':
	case '\'':
		r = toml_scan_string(ps, true, &v->str.s, &v->str.len);
		break;
	case '[':
		v->type = TOML_ARRAY;
		v->flags = TOML_F_INLINE;
		ps->p++;
		r = parse_array(ps, v, depth);
		break;
	case '{':
		v->type = TOML_TABLE;
		v->flags = TOML_F_INLINE;
		ps->p++;
		r = parse_inline_table(ps, v, depth);
		break;
	default:
		r = toml_scan_scalar(ps, v);
	}
	if (r == 0)
		*ret = v;
	return r;
}

/* The table that a header's leading part names, made when it is missing. */
static int enter_header(struct toml_parser *ps, struct toml_value *table,
			const struct toml_key *key, struct toml_value **ret)
{
	struct toml_value *v = toml_lookup(table, key->s, key->len);
	int r;

	if (!v) {
		r = new_value(ps, TOML_TABLE, key->at, &v);
		if (r < 0)
			return r;
		v->flags = TOML_F_IMPLICIT;
		add_member(table, key, v);
	} else if (v->type == TOML_ARRAY && (v->flags & TOML_F_TABLES)) {
		v = v->kids.last;
	} else if (v->type != TOML_TABLE) {
		return key_error(ps, key, v, "is no table");
	} else if (v->flags & TOML_F_INLINE) {
		return key_error(ps, key, v, "is an inline table and cannot be added to");
	}
	*ret = v;
	return 0;
}

/* [name] */
static int define_table(struct toml_parser *ps, struct toml_value *parent,
			const struct toml_key *key, struct toml_value **ret)
{
	struct toml_value *v = toml_lookup(parent, key->s, key->len);
	int r;

	if (v) {
		if (v->type != TOML_TABLE || !(v->flags & TOML_F_IMPLICIT))
			return key_error(ps, key, v, "is defined already");
		toml_locate(ps, key->at, &v->line, &v->column);
	} else {
		r = new_value(ps, TOML_TABLE, key->at, &v);
		if (r < 0)
			return r;
		add_member(parent, key, v);
	}
	v->flags = TOML_F_HEADER;
	*ret = v;
	return 0;
}

/* [[name]] */
static int define_element(struct toml_parser *ps, struct toml_value *parent,
			  const struct toml_key *key, struct toml_value **ret)
{
	struct toml_value *array = toml_lookup(parent, key->s, key->len), *v;
	int r;

	if (array && (array->type != TOML_ARRAY || !(array->flags & TOML_F_TABLES)))
		return key_error(ps, key, array, "is defined already and no array of tables");
	if (!array) {
		r = new_value(ps, TOML_ARRAY, key->at, &array);
		if (r < 0)
			return r;
		array->flags = TOML_F_TABLES;
		add_member(parent, key, array);
	}
	r = new_value(ps, TOML_TABLE, key->at, &v);
	if (r < 0)
		return r;
	v->flags = TOML_F_HEADER;
	append(array, v);
	*ret = v;
	return 0;
}

/* p is at the '['. */
static int parse_header(struct toml_parser *ps, struct toml_value **ret)
{
	bool element = ps->end - ps->p >= 2 && ps->p[1] == '[';
	const char *close = element ? "]]" : "]";
	struct toml_value *table = ps->doc->root;
	struct toml_key parts[TOML_MAX_DEPTH];
	char seen[16];
	int r, n;

	ps->p += element ? 2 : 1;
	toml_skip_space(ps);
	n = parse_key(ps, parts, TOML_MAX_DEPTH - 1);
	if (n < 0)
		return n;
	if ((size_t)(ps->end - ps->p) < strlen(close) || memcmp(ps->p, close, strlen(close)) != 0)
		return toml_error(ps, ps->p, "expected '%s' after the table's name, got %s", close,
				  toml_seen(ps, seen));
	ps->p += strlen(close);
	for (int i = 0; i + 1 < n; i++) {
		r = enter_header(ps, table, &parts[i], &table);
		if (r < 0)
			return r;
	}
	return element ? define_element(ps, table, &parts[n - 1], ret)
		       : define_table(ps, table, &parts[n - 1], ret);
}

static int parse_document(struct toml_parser *ps)
{
	struct toml_value *table;
	int r;

	if (ps->end - ps->p >= 3 && memcmp(ps->p, "\xef\xbb\xbf", 3) == 0)
		ps->p += 3; /* a byte order mark is no part of the text */
	ps->cursor.at = ps->start = ps->p;
	r = toml_check_text(ps);
	if (r < 0)
		return r;
	r = new_value(ps, TOML_TABLE, ps->p, &table);
	if (r < 0)
		return r;
	ps->doc->root = table;
	table->flags = TOML_F_HEADER;
	table->used = true;
	for (;;) {
		toml_skip_blank(ps);
		if (ps->p == ps->end)
			return 0;
		r = *ps->p == '[' ? parse_header(ps, &table) : parse_pair(ps, table, 0);
		if (r == 0)
			r = toml_end_of_line(ps);
		if (r < 0)
			return r;
	}
}

int toml_parse(const char *text, size_t len, const char *name, struct toml_doc **ret,
	       struct error *err)
{
	struct toml_parser ps = { .err = err };
	_cleanup_toml_ struct toml_doc *doc = NULL;
	int r;

	if (len > TOML_MAX_BYTES)
		return error_set(err, -EFBIG, "%s: larger than %u bytes", name, TOML_MAX_BYTES);
	doc = calloc(1, sizeof(*doc));
	if (!doc)
		return error_oom(err);
	doc->name = arena_strdup(&doc->arena, name);
	if (!doc->name)
		return error_oom(err);
	ps.doc = doc;
	ps.start = ps.p = text;
	ps.end = text + len;
	ps.cursor = (struct toml_cursor){ text, 1, 1 };
	strbuf_init(&ps.scratch);
	r = parse_document(&ps);
	strbuf_release(&ps.scratch);
	if (r < 0)
		return r;
	*ret = steal_ptr(doc);
	return 0;
}
