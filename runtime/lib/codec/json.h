/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

/*
 * JSON (RFC 8259): a strict reader that gives a read-only tree, typed getters, and a writer into a strbuf.
 *
 * Reading. Duplicate keys, invalid UTF-8, NUL characters inside strings, text after the document, and anything beyond the
 * limits are errors. Integers cover -2^63 .. 2^64-1, as Go programs write them (rlimits); a number with a fraction or an
 * exponent is a real and never an integer. All of the tree, strings included, belongs to the document.
 *
 *	_cleanup_json_doc_ struct json_doc *doc = NULL;
 *	const char *id = NULL;
 *
 *	if (json_doc_load(dirfd, "state.json", JSON_MAX_BYTES, &doc, err) < 0 ||
 *	    json_need_string(json_doc_root(doc), "id", &id, err) < 0)
 *		return err->code;
 *
 * Errors about values read "PATH: what", for example "process.args[2]: expected a string, got a number"; the path of the root is
 * "(root)". Syntax errors read "line L column C: what".
 */

#define JSON_MAX_BYTES (16u << 20) /* a limit for those who have no better one */
#define JSON_MAX_DEPTH 64	   /* nested arrays and objects */
#define JSON_MAX_NODES 1000000	   /* values in one document */
#define JSON_PATH_MAX  256 /* bytes of a path in an error; longer ones are cut at the front */

enum json_kind {
	JSON_KIND_NULL,
	JSON_KIND_BOOL,
	JSON_KIND_INT,	/* i64 */
	JSON_KIND_UINT, /* u64, only for values above INT64_MAX */
	JSON_KIND_REAL,
	JSON_KIND_STRING,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT,
};

struct json_value {
	enum json_kind kind;
	const struct json_value *parent; /* NULL for the root */
	const char *key;		 /* when the parent is an object, else NULL */
	size_t index;			 /* position inside the parent */
	const struct json_value *next;	 /* next sibling, in the document's order */
	union {
		bool b;
		int64_t i;
		uint64_t u;
		double real;
		struct {
			const char *s; /* UTF-8, NUL ended, holds no NUL */
			size_t len;
		} str;
		struct {
			const struct json_value *first;
			size_t n;
		} kids; /* arrays and objects */
	};
};

struct json_doc;

/* Parses `len` bytes (no NUL needed at the end). -EINVAL, -EFBIG (limits) or -ENOMEM. */
int json_doc_parse(const char *text, size_t len, size_t max, struct json_doc **ret,
		   struct error *err);
/* Reads and parses a file; errors start with the path. -ENOENT etc. as from the system. */
int json_doc_load(int dirfd, const char *path, size_t max, struct json_doc **ret,
		  struct error *err);
struct json_doc *json_doc_free(struct json_doc *doc); /* NULL accepted; returns NULL */
static inline void cleanup_json_doc(struct json_doc **p)
{
	*p = json_doc_free(*p);
}
#define _cleanup_json_doc_ _cleanup_(cleanup_json_doc)
const struct json_value *json_doc_root(const struct json_doc *doc);

/* Members of an array or object in order; nothing for NULL and for scalars. */
const struct json_value *json_first(const struct json_value *v);
#define json_for_each(pos, v) for ((pos) = json_first(v); (pos); (pos) = (pos)->next)
size_t json_count(const struct json_value *v);
/* The member of an object, or NULL: absent, or null, or obj is NULL or no object. */
const struct json_value *json_find(const struct json_value *obj, const char *key);
/* "a string", "an object" ... for messages. */
const char *json_kind_text(const struct json_value *v);
/* The path of v, as in "a.b[3].c"; keys that are no plain words appear as ["a/b"]. Returns buf. */
char *json_path(const struct json_value *v, char buf[JSON_PATH_MAX]);
/* Sets "PATH: MESSAGE" with -EINVAL and returns that: for the checks that a reader makes itself. */
int json_fail(const struct json_value *v, struct error *err, const char *fmt, ...) _printf_(3, 4);

/* A value as a C type: 0, or -EINVAL with the path and what was found. *ret is written on success only. */
int json_as_string(const struct json_value *v, const char **ret, struct error *err);
int json_as_bool(const struct json_value *v, bool *ret, struct error *err);
int json_as_i64(const struct json_value *v, int64_t *ret, struct error *err);
int json_as_u64(const struct json_value *v, uint64_t *ret, struct error *err);
int json_as_i32(const struct json_value *v, int32_t *ret, struct error *err);
int json_as_u32(const struct json_value *v, uint32_t *ret, struct error *err);
int json_as_u16(const struct json_value *v, uint16_t *ret, struct error *err);
int json_as_real(const struct json_value *v, double *ret, struct error *err); /* integers too */
int json_as_array(const struct json_value *v, const struct json_value **ret, struct error *err);
int json_as_object(const struct json_value *v, const struct json_value **ret, struct error *err);

/*
 * A member of an object: 1 present, 0 absent or null (*ret untouched, so set a default before), -EINVAL for a wrong type
 * or when obj is no object. Strings live as long as the document.
 */
int json_get_string(const struct json_value *obj, const char *key, const char **ret,
		    struct error *err);
int json_get_bool(const struct json_value *obj, const char *key, bool *ret, struct error *err);
int json_get_i64(const struct json_value *obj, const char *key, int64_t *ret, struct error *err);
int json_get_u64(const struct json_value *obj, const char *key, uint64_t *ret, struct error *err);
int json_get_i32(const struct json_value *obj, const char *key, int32_t *ret, struct error *err);
int json_get_u32(const struct json_value *obj, const char *key, uint32_t *ret, struct error *err);
int json_get_u16(const struct json_value *obj, const char *key, uint16_t *ret, struct error *err);
int json_get_real(const struct json_value *obj, const char *key, double *ret, struct error *err);
int json_get_array(const struct json_value *obj, const char *key, const struct json_value **ret,
		   struct error *err);
int json_get_object(const struct json_value *obj, const char *key, const struct json_value **ret,
		    struct error *err);

/* As json_get_*, but absence is an error ("PATH.key: missing", -EINVAL); 0 on success. */
int json_need_string(const struct json_value *obj, const char *key, const char **ret,
		     struct error *err);
int json_need_bool(const struct json_value *obj, const char *key, bool *ret, struct error *err);
int json_need_i64(const struct json_value *obj, const char *key, int64_t *ret, struct error *err);
int json_need_u64(const struct json_value *obj, const char *key, uint64_t *ret, struct error *err);
int json_need_i32(const struct json_value *obj, const char *key, int32_t *ret, struct error *err);
int json_need_u32(const struct json_value *obj, const char *key, uint32_t *ret, struct error *err);
int json_need_u16(const struct json_value *obj, const char *key, uint16_t *ret, struct error *err);
int json_need_real(const struct json_value *obj, const char *key, double *ret, struct error *err);
int json_need_array(const struct json_value *obj, const char *key, const struct json_value **ret,
		    struct error *err);
int json_need_object(const struct json_value *obj, const char *key, const struct json_value **ret,
		     struct error *err);

/*
 * The writer. `key` is NULL inside arrays and for the root. Errors (out of memory, wrong nesting) stick: check once with
 * json_out_finish(). A value of NULL for a string writes null.
 *
 *	struct json_out o;
 *
 *	json_out_init(&o, &sb, "\t");
 *	json_out_object(&o, NULL);
 *	json_out_string(&o, "id", id);
 *	json_out_array(&o, "pids");
 *	json_out_i64(&o, NULL, pid);
 *	json_out_end(&o);
 *	json_out_end(&o);
 *	r = json_out_finish(&o);
 */
struct json_out {
	struct strbuf *sb;
	const char *indent; /* one step; NULL: all on one line */
	unsigned int depth;
	int code;			/* 0 or the first error */
	bool has_items[JSON_MAX_DEPTH]; /* per level: something was written */
	char close[JSON_MAX_DEPTH];	/* per level: '}' or ']' */
};

void json_out_init(struct json_out *o, struct strbuf *sb, const char *indent);
void json_out_object(struct json_out *o, const char *key);
void json_out_array(struct json_out *o, const char *key);
void json_out_end(struct json_out *o); /* of the innermost object or array */
void json_out_string(struct json_out *o, const char *key, const char *s);
void json_out_bool(struct json_out *o, const char *key, bool b);
void json_out_i64(struct json_out *o, const char *key, int64_t i);
void json_out_u64(struct json_out *o, const char *key, uint64_t u);
void json_out_null(struct json_out *o, const char *key);
/* An array of n strings. */
void json_out_strings(struct json_out *o, const char *key, char *const *v, size_t n);
/* A copy of a value that was read, with all below it. */
void json_out_value(struct json_out *o, const char *key, const struct json_value *v);
/* Ends with a newline when indenting. 0, -ENOMEM, or -EINVAL when something is still open or was nested wrongly. */
int json_out_finish(struct json_out *o);

#endif
