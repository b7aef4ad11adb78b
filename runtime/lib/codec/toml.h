/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_TOML_H
#define CODEC_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/*
 * TOML 1.0.0, complete (https://toml.io/en/v1.0.0).
 *
 * A document is a tree of values in one arena; every value knows its line and column. Syntax errors read
 * "FILE:LINE:COLUMN: what"; the getters' errors read "FILE:LINE: DOTTED.KEY: what", for example
 * "configuration.toml:12: hypervisor.qemu.default_vcpus: expected an integer, got a string".
 * Lines and columns count from 1; columns count characters, not bytes.
 *
 * Getters mark what they return as used; toml_for_each_unused() afterwards names the keys that nobody asked for.
 *
 *	_cleanup_toml_ struct toml_doc *doc = NULL;
 *	int64_t vcpus = 1;
 *
 *	if (toml_load(AT_FDCWD, path, &doc, err) < 0 ||
 *	    toml_get_table(toml_root(doc), "hypervisor.qemu", &qemu, err) < 0 ||
 *	    toml_get_int(qemu, "default_vcpus", -1, 240, &vcpus, err) < 0)
 *		return err->code;
 */

#define TOML_MAX_BYTES	(1u << 20)
#define TOML_MAX_DEPTH	64    /* nested arrays, inline tables and dotted keys */
#define TOML_MAX_VALUES 65536 /* values in one document, tables included */
#define TOML_KEY_PATH_MAX \
	256 /* bytes of a dotted key in an error; longer ones are cut at the front */

enum toml_type {
	TOML_STRING,
	TOML_INTEGER,
	TOML_FLOAT,
	TOML_BOOLEAN,
	TOML_OFFSET_DATETIME, /* 1979-05-27T07:32:00Z */
	TOML_LOCAL_DATETIME,  /* 1979-05-27T07:32:00 */
	TOML_LOCAL_DATE,      /* 1979-05-27 */
	TOML_LOCAL_TIME,      /* 07:32:00 */
	TOML_ARRAY,
	TOML_TABLE,
};

struct toml_datetime { /* fields that the type lacks are 0 */
	int16_t year;
	uint8_t month, day, hour, minute, second; /* second up to 60 */
	uint32_t nanosecond;			  /* further digits are cut */
	int16_t offset_minutes;			  /* east of UTC */
};

struct toml_doc;

struct toml_value {
	enum toml_type type;
	unsigned int line, column; /* of the value; of the header or first key for tables */
	struct toml_doc *doc;
	struct toml_value *parent; /* NULL for the root table */
	const char *key;	   /* in a table; NULL in an array and for the root */
	size_t key_len;		   /* a key may hold NUL characters ("a\u0000b") */
	size_t index;		   /* position inside the parent */
	struct toml_value *next;   /* next sibling, in the order of the document */
	bool used;
	union {
		struct {
			const char *s; /* UTF-8, NUL ended; may hold NUL characters: see len */
			size_t len;
		} str;
		int64_t i;
		double f;
		bool b;
		struct toml_datetime dt;
		struct {
			struct toml_value *first, *last;
			size_t n;
		} kids; /* arrays and tables */
	};
	/* For the parser alone. */
	unsigned int flags;
	struct toml_value *hash_next;
};

/* `name` is what errors call the document (copied). -EINVAL, -EFBIG (a limit) or -ENOMEM. */
int toml_parse(const char *text, size_t len, const char *name, struct toml_doc **ret,
	       struct error *err);
/* Reads and parses a file; a file that cannot be read gives the system's error with the path. */
int toml_load(int dirfd, const char *path, struct toml_doc **ret, struct error *err);
struct toml_doc *toml_free(struct toml_doc *doc); /* NULL accepted; returns NULL */
static inline void cleanup_toml(struct toml_doc **p)
{
	*p = toml_free(*p);
}
#define _cleanup_toml_ _cleanup_(cleanup_toml)
struct toml_value *toml_root(struct toml_doc *doc); /* a table, always there */
const char *toml_name(const struct toml_doc *doc);

/* Members of a table or array in order; nothing for NULL and scalars. Iterating marks nothing. */
struct toml_value *toml_first(struct toml_value *v);
#define toml_for_each(pos, v) for ((pos) = toml_first(v); (pos); (pos) = (pos)->next)
size_t toml_count(const struct toml_value *v);
/*
 * The value below `table` at a dotted path of plain words ("hypervisor.qemu"), or NULL. Marks it and the tables on the
 * way as used. toml_member() takes one key, of any bytes.
 */
struct toml_value *toml_find(struct toml_value *table, const char *path);
struct toml_value *toml_member(struct toml_value *table, const char *key);
/* "a string", "an integer" ... */
const char *toml_type_text(enum toml_type type);
/* The dotted key of v from the root, as in `a.b[2]."c d"`. Returns buf. */
char *toml_key_path(const struct toml_value *v, char buf[TOML_KEY_PATH_MAX]);
/* Sets "FILE:LINE: KEY: MESSAGE" with -EINVAL and returns that: for the checks that a reader makes itself. */
int toml_fail(const struct toml_value *v, struct error *err, const char *fmt, ...) _printf_(3, 4);

/*
 * A member by dotted path: 1 present, 0 absent (*ret untouched, so set a default before), -EINVAL for a wrong type or a
 * value out of range. `table` may be NULL (nothing is in it). Strings live as long as the document; one that holds a
 * NUL character is refused.
 */
int toml_get_string(struct toml_value *table, const char *path, const char **ret,
		    struct error *err);
int toml_get_bool(struct toml_value *table, const char *path, bool *ret, struct error *err);
int toml_get_int(struct toml_value *table, const char *path, int64_t min, int64_t max, int64_t *ret,
		 struct error *err);
int toml_get_u32(struct toml_value *table, const char *path, uint32_t *ret, struct error *err);
int toml_get_float(struct toml_value *table, const char *path, double *ret,
		   struct error *err); /* integers too */
int toml_get_datetime(struct toml_value *table, const char *path, struct toml_datetime *ret,
		      struct error *err); /* any of the four kinds */
int toml_get_table(struct toml_value *table, const char *path, struct toml_value **ret,
		   struct error *err);
int toml_get_array(struct toml_value *table, const char *path, struct toml_value **ret,
		   struct error *err);
/* An array whose elements are all strings: check once, then iterate with toml_for_each() and read str.s. */
int toml_get_strings(struct toml_value *table, const char *path, struct toml_value **ret,
		     struct error *err);
/* A value (of an array, for instance) as a string: 0 or -EINVAL. */
int toml_as_string(struct toml_value *v, const char **ret, struct error *err);
int toml_as_table(struct toml_value *v, struct toml_value **ret, struct error *err);

/* Marks v and everything below it as used: for sections that are known but not read. */
void toml_use_all(struct toml_value *v);
/*
 * Calls fn for each key that no getter returned, outermost only (an unused table is named once, not its members), in the order of
 * the document. Elements of a used array count as used, but the keys of tables inside it count one by one. Stops and
 * returns fn's value when it is not 0.
 */
int toml_for_each_unused(struct toml_doc *doc, int (*fn)(const struct toml_value *v, void *arg),
			 void *arg);

#endif
