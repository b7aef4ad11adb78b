/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include "codec/json.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc = NULL;
	struct error err = ERROR_INIT;

	if (json_doc_parse(text, strlen(text), JSON_MAX_BYTES, &doc, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return doc;
}

static void test_getters(void **state)
{
	_cleanup_json_doc_ struct json_doc *doc = parse(
		"{\"s\": \"x\\u00e9\\n\", \"t\": true, \"i\": -5, \"u\": 18446744073709551615, \"r\": 2.5,"
		"\"a\": [1, \"b\", {}], \"o\": {\"k\": \"v\"}, \"n\": null}");
	const struct json_value *root = json_doc_root(doc), *v = NULL;
	struct error err = ERROR_INIT;
	const char *s = NULL;
	bool b = false;
	int64_t i = 0;
	int32_t i32 = 0;
	uint64_t u = 0;
	double d = 0;

	assert_int_equal(json_count(root), 8);
	assert_int_equal(json_get_string(root, "s", &s, &err), 1);
	assert_string_equal(s, "x\303\251\n");
	assert_int_equal(json_get_bool(root, "t", &b, &err), 1);
	assert_true(b);
	assert_int_equal(json_get_i64(root, "i", &i, &err), 1);
	assert_int_equal(i, -5);
	assert_int_equal(json_need_i32(root, "i", &i32, &err), 0);
	assert_int_equal(i32, -5);
	assert_int_equal(json_get_u64(root, "u", &u, &err), 1);
	assert_true(u == UINT64_MAX);
	assert_int_equal(json_get_real(root, "r", &d, &err), 1);
	assert_true(d == 2.5);
	assert_int_equal(json_get_real(root, "i", &d, &err), 1);
	assert_true(d == -5.0);
	assert_int_equal(json_need_array(root, "a", &v, &err), 0);
	assert_int_equal(json_count(v), 3);
	assert_int_equal(json_first(v)->next->index, 1);
	assert_int_equal(json_need_object(root, "o", &v, &err), 0);
	assert_string_equal(json_first(v)->key, "k");
	assert_ptr_equal(json_first(v)->parent, v);
	assert_int_equal(err.code, 0);
}

static void test_absent(void **state)
{
	_cleanup_json_doc_ struct json_doc *doc =
		parse("{\"n\": null, \"o\": {\"x\": 1}, \"a\": [1]}");
	const struct json_value *root = json_doc_root(doc), *o = json_find(root, "o");
	struct error err = ERROR_INIT;
	const char *s = "default";
	uint32_t u = 7;

	assert_int_equal(json_get_string(root, "n", &s, &err), 0);
	assert_int_equal(json_get_string(root, "none", &s, &err), 0);
	assert_string_equal(s, "default");
	assert_int_equal(json_get_u32(root, "n", &u, &err), 0);
	assert_int_equal(u, 7);
	assert_int_equal(json_need_string(root, "n", &s, &err), -EINVAL);
	assert_string_equal(err.msg, "n: missing");
	assert_int_equal(json_need_u32(o, "y", &u, &err), -EINVAL);
	assert_string_equal(err.msg, "o.y: missing");
	assert_int_equal(json_need_u32(json_find(root, "a"), "y", &u, &err), -EINVAL);
	assert_string_equal(err.msg, "a: expected an object, got an array");
	assert_null(json_find(NULL, "x"));
	assert_null(json_find(json_find(root, "a"), "x"));
	assert_null(json_first(json_find(o, "x")));
	assert_int_equal(json_count(json_find(o, "x")), 0);
	assert_null(json_doc_free(NULL));
}

/* Number texts against each integer type: the error, or NULL when it fits. */
static void test_ranges(void **state)
{
	static const struct {
		const char *text, *i64, *u64, *i32, *u32, *u16;
	} cases[] = {
		{ "0", NULL, NULL, NULL, NULL, NULL },
		{ "65535", NULL, NULL, NULL, NULL, NULL },
		{ "65536", NULL, NULL, NULL, NULL, "65536 is not between 0 and 65535" },
		{ "-1", NULL, "-1 is negative", NULL, "-1 is not between 0 and 4294967295",
		  "-1 is not between 0 and 65535" },
		{ "4294967296", NULL, NULL, "4294967296 is not between -2147483648 and 2147483647",
		  "4294967296 is not between 0 and 4294967295",
		  "4294967296 is not between 0 and 65535" },
		{ "9223372036854775808",
		  "9223372036854775808 is not between -9223372036854775808 and 9223372036854775807",
		  NULL, "9223372036854775808 is not between -2147483648 and 2147483647",
		  "9223372036854775808 is not between 0 and 4294967295",
		  "9223372036854775808 is not between 0 and 65535" },
		{ "1.0", "expected an integer, got a number with a fraction",
		  "expected an integer, got a number with a fraction",
		  "expected an integer, got a number with a fraction",
		  "expected an integer, got a number with a fraction",
		  "expected an integer, got a number with a fraction" },
		{ "\"1\"", "expected an integer, got a string", "expected an integer, got a string",
		  "expected an integer, got a string", "expected an integer, got a string",
		  "expected an integer, got a string" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_json_doc_ struct json_doc *doc = parse(cases[i].text);
		const struct json_value *v = json_doc_root(doc);
		int64_t i64;
		uint64_t u64;
		int32_t i32;
		uint32_t u32;
		uint16_t u16;

#define CHECK(type)                                                           \
	do {                                                                  \
		struct error err = ERROR_INIT;                                \
		int r = json_as_##type(v, &type, &err);                       \
		const char *want = cases[i].type;                             \
                                                                              \
		assert_int_equal(r, want ? -EINVAL : 0);                      \
		if (want) {                                                   \
			assert_int_equal(strncmp(err.msg, "(root): ", 8), 0); \
			assert_string_equal(err.msg + 8, want);               \
		}                                                             \
	} while (0)
		CHECK(i64);
		CHECK(u64);
		CHECK(i32);
		CHECK(u32);
		CHECK(u16);
#undef CHECK
	}
}

static void test_rejects(void **state)
{
	/* Where jansson words the message only its start is compared: that wording is not ours. */
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "line 1 column " },
		{ "{", "line 1 column 1: " },
		{ "{\"a\":\n 1,}", "line 2 column 4: " },
		{ "[1 2]", "line 1 column 4: " },
		{ "{} {}", "line 1 column 4: " },
		{ "[01]", "line 1 column 2: " },
		{ "[NaN]", "line 1 column " },
		{ "\"\xff\"", "line 1 column " },
		{ "\"\\ud800\"", "line 1 column " },
		{ "[18446744073709551616]", "line 1 column " },
		{ "[-9223372036854775809]", "line 1 column " },
		{ "{\"a\":1,\"a\":1}", "line 1 column 10: duplicate object key" },
		{ "[\"\\u0000\"]", "line 1 column 3: NUL character in a string is not allowed" },
		{ "[\"\\\\\", \n\"x\\u0000\"]",
		  "line 2 column 3: NUL character in a string is not allowed" },
		{ "[\"abc]", "line 1 column 2: the string has no end" },
		{ "[\"abc\\", "line 1 column 2: the string has no end" },
		{ "{18446744073709551615: 1}", "line 1 column " },
		{ "[018446744073709551615]", "line 1 column " },
		{ "[\"a\001\"]", "line 1 column " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_doc *doc = NULL;
		struct error err = ERROR_INIT;
		int r = json_doc_parse(cases[i].text, strlen(cases[i].text), JSON_MAX_BYTES, &doc,
				       &err);

		if (r != -EINVAL || strncmp(err.msg, cases[i].want, strlen(cases[i].want)) != 0)
			fail_msg("%s: got %d \"%s\", want \"%s\"", cases[i].text, r, err.msg,
				 cases[i].want);
		for (const char *c = err.msg; *c; c++)
			assert_false((unsigned char)*c < 0x20);
	}
}

static void test_limits(void **state)
{
	char deep[2 * JSON_MAX_DEPTH + 4] = "";
	struct json_doc *doc = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(json_doc_parse("[1,2]", 5, 4, &doc, &err), -EFBIG);
	assert_string_equal(err.msg, "larger than 4 bytes");
	memset(deep, '[', JSON_MAX_DEPTH);
	memset(deep + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	doc = parse(deep);
	doc = json_doc_free(doc);
	memset(deep, '[', JSON_MAX_DEPTH + 1);
	memset(deep + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	assert_int_equal(json_doc_parse(deep, strlen(deep), 1000, &doc, &err), -EFBIG);
	assert_string_equal(err.msg, "line 1 column 65: nested too deep");
	/* Brackets inside strings do not count. */
	memset(deep, '[', sizeof(deep) - 1);
	deep[0] = deep[sizeof(deep) - 2] = '"';
	doc = parse(deep);
	doc = json_doc_free(doc);
}

static void test_path(void **state)
{
	_cleanup_json_doc_ struct json_doc *doc = parse("{\"a\": [0, {\"x/y\": {\"\": 1}}]}");
	const struct json_value *v = json_doc_root(doc);
	struct error err = ERROR_INIT;
	char path[JSON_PATH_MAX];

	assert_string_equal(json_path(v, path), "(root)");
	v = json_first(json_first(v)->kids.first->next);
	assert_string_equal(json_path(v, path), "a[1][\"x/y\"]");
	assert_string_equal(json_path(json_first(v), path), "a[1][\"x/y\"][\"\"]");
	assert_int_equal(json_fail(v, &err, "%d is odd", 3), -EINVAL);
	assert_string_equal(err.msg, "a[1][\"x/y\"]: 3 is odd");
}

static void test_load(void **state)
{
	char path[] = "/tmp/test_json.XXXXXX";
	struct json_doc *doc = NULL;
	struct error err = ERROR_INIT;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "[1,", 3), 3);
	assert_int_equal(json_doc_load(AT_FDCWD, path, 100, &doc, &err), -EINVAL);
	assert_int_equal(strncmp(err.msg, path, strlen(path)), 0);
	assert_int_equal(strncmp(err.msg + strlen(path), ": line 1 column ", 16), 0);
	assert_int_equal(write(fd, "2]", 2), 2);
	assert_int_equal(json_doc_load(AT_FDCWD, path, 100, &doc, &err), 0);
	assert_int_equal(json_count(json_doc_root(doc)), 2);
	doc = json_doc_free(doc);
	assert_int_equal(json_doc_load(AT_FDCWD, path, 4, &doc, &err), -EFBIG);
	close(fd);
	unlink(path);
	assert_int_equal(json_doc_load(AT_FDCWD, path, 100, &doc, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_getters), cmocka_unit_test(test_absent),
		cmocka_unit_test(test_ranges),	cmocka_unit_test(test_rejects),
		cmocka_unit_test(test_limits),	cmocka_unit_test(test_path),
		cmocka_unit_test(test_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
