/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include "codec/json.h"

#include <string.h>

static void write_sample(struct json_out *o)
{
	char *list[] = { (char[]){ "x" }, (char[]){ "y" } };

	json_out_object(o, NULL);
	json_out_string(o, "s", "a\"b\\\n\001\303\251");
	json_out_string(o, "none", NULL);
	json_out_bool(o, "yes", true);
	json_out_i64(o, "min", INT64_MIN);
	json_out_u64(o, "max", UINT64_MAX);
	json_out_null(o, "null");
	json_out_object(o, "empty");
	json_out_end(o);
	json_out_strings(o, "list", list, 2);
	json_out_array(o, "a");
	json_out_i64(o, NULL, 1);
	json_out_object(o, NULL);
	json_out_bool(o, "no", false);
	json_out_end(o);
	json_out_array(o, NULL);
	json_out_end(o);
	json_out_end(o);
	json_out_end(o);
}

static void test_forms(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct json_out o;

	json_out_init(&o, &sb, NULL);
	write_sample(&o);
	assert_int_equal(json_out_finish(&o), 0);
	assert_string_equal(sb.buf,
			    "{\"s\":\"a\\\"b\\\\\\n\\u0001\303\251\",\"none\":null,\"yes\":true,"
			    "\"min\":-9223372036854775808,\"max\":18446744073709551615,"
			    "\"null\":null,\"empty\":{},\"list\":[\"x\",\"y\"],"
			    "\"a\":[1,{\"no\":false},[]]}");
	strbuf_reset(&sb);
	json_out_init(&o, &sb, "  ");
	json_out_object(&o, NULL);
	json_out_array(&o, "a");
	json_out_i64(&o, NULL, 1);
	json_out_i64(&o, NULL, 2);
	json_out_end(&o);
	json_out_object(&o, "o");
	json_out_end(&o);
	json_out_end(&o);
	assert_int_equal(json_out_finish(&o), 0);
	assert_string_equal(sb.buf, "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"o\": {}\n}\n");
}

/* What is written reads back, and the copy of it is the same text. */
static void test_round_trip(void **state)
{
	static const char real[] = "[0.1,-2.0,1e+300,1.0000000000000002]";
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT, copy = STRBUF_INIT;
	_cleanup_json_doc_ struct json_doc *doc = NULL, *reals = NULL;
	struct error err = ERROR_INIT;
	struct json_out o;
	double d = 0;

	json_out_init(&o, &sb, "\t");
	write_sample(&o);
	assert_int_equal(json_out_finish(&o), 0);
	assert_int_equal(json_doc_parse(sb.buf, sb.len, sb.len, &doc, &err), 0);
	json_out_init(&o, &copy, "\t");
	json_out_value(&o, NULL, json_doc_root(doc));
	assert_int_equal(json_out_finish(&o), 0);
	assert_string_equal(copy.buf, sb.buf);

	assert_int_equal(json_doc_parse(real, strlen(real), 100, &reals, &err), 0);
	strbuf_reset(&copy);
	json_out_init(&o, &copy, NULL);
	json_out_value(&o, NULL, json_doc_root(reals));
	assert_int_equal(json_out_finish(&o), 0);
	doc = json_doc_free(doc);
	assert_int_equal(json_doc_parse(copy.buf, copy.len, 200, &doc, &err), 0);
	assert_int_equal(json_as_real(json_first(json_doc_root(doc)), &d, &err), 0);
	assert_true(d == 0.1);
	assert_int_equal(json_first(json_doc_root(doc))->next->kind, JSON_KIND_REAL);
}

/* Calls that would make text that is no JSON. */
static void test_misuse(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct json_out o;

	json_out_init(&o, &sb, NULL); /* nothing at all */
	assert_int_equal(json_out_finish(&o), -EINVAL);
	json_out_init(&o, &sb, NULL); /* still open */
	json_out_object(&o, NULL);
	assert_int_equal(json_out_finish(&o), -EINVAL);
	json_out_init(&o, &sb, NULL); /* two roots */
	json_out_i64(&o, NULL, 1);
	json_out_i64(&o, NULL, 2);
	assert_int_equal(json_out_finish(&o), -EINVAL);
	json_out_init(&o, &sb, NULL); /* two roots, the first a container */
	json_out_array(&o, NULL);
	json_out_end(&o);
	json_out_array(&o, NULL);
	json_out_end(&o);
	assert_int_equal(json_out_finish(&o), -EINVAL);
	json_out_init(&o, &sb, NULL); /* member without a key */
	json_out_object(&o, NULL);
	json_out_i64(&o, NULL, 1);
	json_out_end(&o);
	assert_int_equal(json_out_finish(&o), -EINVAL);
	json_out_init(&o, &sb, NULL); /* element with a key */
	json_out_array(&o, NULL);
	json_out_i64(&o, "k", 1);
	json_out_end(&o);
	assert_int_equal(json_out_finish(&o), -EINVAL);
	json_out_init(&o, &sb, NULL); /* too many ends */
	json_out_array(&o, NULL);
	json_out_end(&o);
	json_out_end(&o);
	assert_int_equal(json_out_finish(&o), -EINVAL);
	json_out_init(&o, &sb, NULL); /* too deep */
	for (int i = 0; i <= JSON_MAX_DEPTH; i++)
		json_out_array(&o, NULL);
	for (int i = 0; i <= JSON_MAX_DEPTH; i++)
		json_out_end(&o);
	assert_int_equal(json_out_finish(&o), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_misuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
