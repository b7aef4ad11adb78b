/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include "codec/toml.h"

#include <math.h>
#include <string.h>
#include "base/strbuf.h"

/* Documents and what they mean: strings with "<hex>" for special bytes, f: floats, t: times, offsets in minutes. */
struct toml_case {
	const char *text;
	size_t len;
	const char *want;
};
#define CASE(text, want)                     \
	{                                    \
		text, sizeof(text) - 1, want \
	}

static const struct toml_case valid[] = {
	/* documents, comments, line ends */
	CASE("", "{}"),
	CASE("\n", "{}"),
	CASE("# only a comment", "{}"),
	CASE(" \t\n\t# c \303\251 \360\237\230\200\n", "{}"),
	CASE("a = 1", "{\"a\"=1}"),
	CASE("a=1\r\nb=2\r\n", "{\"a\"=1,\"b\"=2}"),
	CASE("a = 1 # c", "{\"a\"=1}"),
	CASE("  a\t=\t1  ", "{\"a\"=1}"),
	CASE("\r\n\r\na = 1\r\n# x\r\n", "{\"a\"=1}"),
	/* keys */
	CASE("bare_key-1 = 1", "{\"bare_key-1\"=1}"),
	CASE("1234 = \"x\"", "{\"1234\"=\"x\"}"),
	CASE("\"quoted key\" = 1", "{\"quoted key\"=1}"),
	CASE("'lit\\key' = 1", "{\"lit<5c>key\"=1}"),
	CASE("\"\" = 1", "{\"\"=1}"),
	CASE("'' = 1", "{\"\"=1}"),
	CASE("\"\\u00e9\" = 1", "{\"\303\251\"=1}"),
	CASE("a.b = 1", "{\"a\"={\"b\"=1}}"),
	CASE("a . b\t. c = 1", "{\"a\"={\"b\"={\"c\"=1}}}"),
	CASE("\"a.b\".c = 1", "{\"a.b\"={\"c\"=1}}"),
	CASE("3.14159 = \"pi\"", "{\"3\"={\"14159\"=\"pi\"}}"),
	CASE("- = 1", "{\"-\"=1}"),
	CASE("_ = 1", "{\"_\"=1}"),
	CASE("true = 1", "{\"true\"=1}"),
	CASE("inf = 1\nnan = 2", "{\"inf\"=1,\"nan\"=2}"),
	CASE("1979-05-27 = 1", "{\"1979-05-27\"=1}"),
	CASE("\"\\u0000\" = 1", "{\"<00>\"=1}"),
	CASE("\"\\n\" = 1", "{\"<0a>\"=1}"),
	CASE("a.b.c = 1\na.b.d = 2\na.e = 3", "{\"a\"={\"b\"={\"c\"=1,\"d\"=2},\"e\"=3}}"),
	CASE("apple.type = 1\norange.type = 2\napple.skin = 3",
	     "{\"apple\"={\"type\"=1,\"skin\"=3},\"orange\"={\"type\"=2}}"),
	CASE("site.\"google.com\" = true", "{\"site\"={\"google.com\"=true}}"),
	CASE("\"\303\251\" = 1", "{\"\303\251\"=1}"),
	CASE("0x1 = 1", "{\"0x1\"=1}"),
	/* basic strings */
	CASE("a = \"\"", "{\"a\"=\"\"}"),
	CASE("a = \"x y\"", "{\"a\"=\"x y\"}"),
	CASE("a = \"\\b\\t\\n\\f\\r\\\"\\\\\"", "{\"a\"=\"<08><09><0a><0c><0d><22><5c>\"}"),
	CASE("a = \"\\u0041\\U0001F600\"", "{\"a\"=\"A\360\237\230\200\"}"),
	CASE("a = \"\\u0000\"", "{\"a\"=\"<00>\"}"),
	CASE("a = \"\t\"", "{\"a\"=\"<09>\"}"),
	CASE("a = \"# no comment\"", "{\"a\"=\"# no comment\"}"),
	CASE("a = \"\303\251\342\202\254\360\237\230\200\"",
	     "{\"a\"=\"\303\251\342\202\254\360\237\230\200\"}"),
	CASE("a = \"\\uD7FF\\uE000\\U0010FFFF\"",
	     "{\"a\"=\"\355\237\277\356\200\200\364\217\277\277\"}"),
	CASE("a = \"'\"", "{\"a\"=\"'\"}"),
	CASE("a = \"\\u007f\"", "{\"a\"=\"<7f>\"}"),
	CASE("a = \"x\"#c", "{\"a\"=\"x\"}"),
	/* multi-line basic strings */
	CASE("a = \"\"\"\"\"\"", "{\"a\"=\"\"}"),
	CASE("a = \"\"\"x\"\"\"", "{\"a\"=\"x\"}"),
	CASE("a = \"\"\"\nx\n\"\"\"", "{\"a\"=\"x<0a>\"}"),
	CASE("a = \"\"\"\r\nx\r\ny\"\"\"", "{\"a\"=\"x<0a>y\"}"),
	CASE("a = \"\"\"\n\nx\"\"\"", "{\"a\"=\"<0a>x\"}"),
	CASE("a = \"\"\"a\"\"b\"c\"\"\"", "{\"a\"=\"a<22><22>b<22>c\"}"),
	CASE("a = \"\"\"\"x\"\"\"\"", "{\"a\"=\"<22>x<22>\"}"),
	CASE("a = \"\"\"\"\"x\"\"\"\"\"", "{\"a\"=\"<22><22>x<22><22>\"}"),
	CASE("a = \"\"\"x\"\"\\\"y\"\"\"", "{\"a\"=\"x<22><22><22>y\"}"),
	CASE("a = \"\"\"a \\\n   b\"\"\"", "{\"a\"=\"a b\"}"),
	CASE("a = \"\"\"a\\  \n\n\t \n  b\\\n\"\"\"", "{\"a\"=\"ab\"}"),
	CASE("a = \"\"\"\\\n  x\\\n  \"\"\"", "{\"a\"=\"x\"}"),
	CASE("a = \"\"\"x\\\\\ny\"\"\"", "{\"a\"=\"x<5c><0a>y\"}"),
	CASE("a = \"\"\"\\\r\n  x\"\"\"", "{\"a\"=\"x\"}"),
	CASE("a = \"\"\"\\\"\"\"\"\"\"", "{\"a\"=\"<22><22><22>\"}"),
	CASE("a = \"\"\"\\\"\"\"\"", "{\"a\"=\"<22>\"}"),
	CASE("a = \"\"\"\t\\t\\u00e9\"\"\"", "{\"a\"=\"<09><09>\303\251\"}"),
	CASE("a = \"\"\"# x\n# y\"\"\"", "{\"a\"=\"# x<0a># y\"}"),
	/* literal strings */
	CASE("a = ''", "{\"a\"=\"\"}"),
	CASE("a = 'C:\\Users\\n'", "{\"a\"=\"C:<5c>Users<5c>n\"}"),
	CASE("a = '\"'", "{\"a\"=\"<22>\"}"),
	CASE("a = '\t'", "{\"a\"=\"<09>\"}"),
	CASE("a = ''''''", "{\"a\"=\"\"}"),
	CASE("a = '''x'''", "{\"a\"=\"x\"}"),
	CASE("a = '''\nx\ny'''", "{\"a\"=\"x<0a>y\"}"),
	CASE("a = '''a''b'c'''", "{\"a\"=\"a''b'c\"}"),
	CASE("a = ''''x''''", "{\"a\"=\"'x'\"}"),
	CASE("a = '''''x'''''", "{\"a\"=\"''x''\"}"),
	CASE("a = '''\\\n  x'''", "{\"a\"=\"<5c><0a>  x\"}"),
	CASE("a = '''\"\"\"'''", "{\"a\"=\"<22><22><22>\"}"),
	CASE("a = '\303\251'", "{\"a\"=\"\303\251\"}"),
	/* integers */
	CASE("a = 0", "{\"a\"=0}"),
	CASE("a = +0", "{\"a\"=0}"),
	CASE("a = -0", "{\"a\"=0}"),
	CASE("a = +99", "{\"a\"=99}"),
	CASE("a = -17", "{\"a\"=-17}"),
	CASE("a = 1_000", "{\"a\"=1000}"),
	CASE("a = 1_2_3", "{\"a\"=123}"),
	CASE("a = 9223372036854775807", "{\"a\"=9223372036854775807}"),
	CASE("a = -9223372036854775808", "{\"a\"=-9223372036854775808}"),
	CASE("a = 0xDEADBEEF", "{\"a\"=3735928559}"),
	CASE("a = 0xdead_beef", "{\"a\"=3735928559}"),
	CASE("a = 0o01234567", "{\"a\"=342391}"),
	CASE("a = 0b11_01", "{\"a\"=13}"),
	CASE("a = 0x00", "{\"a\"=0}"),
	CASE("a = 0x7fffffffffffffff", "{\"a\"=9223372036854775807}"),
	CASE("a = 0b0", "{\"a\"=0}"),
	CASE("a = 0o7_7", "{\"a\"=63}"),
	/* floats */
	CASE("a = 1.0", "{\"a\"=f:1}"),
	CASE("a = +3.1415", "{\"a\"=f:3.1415000000000002}"),
	CASE("a = -0.01", "{\"a\"=f:-0.01}"),
	CASE("a = 5e+22", "{\"a\"=f:4.9999999999999996e+22}"),
	CASE("a = 1e06", "{\"a\"=f:1000000}"),
	CASE("a = -2E-2", "{\"a\"=f:-0.02}"),
	CASE("a = 6.626e-34", "{\"a\"=f:6.6259999999999998e-34}"),
	CASE("a = 224_617.445_991_228", "{\"a\"=f:224617.44599122801}"),
	CASE("a = 0.0", "{\"a\"=f:0}"),
	CASE("a = -0.0", "{\"a\"=f:-0}"),
	CASE("a = 0e0", "{\"a\"=f:0}"),
	CASE("a = 1e1_0", "{\"a\"=f:10000000000}"),
	CASE("a = inf", "{\"a\"=f:inf}"),
	CASE("a = +inf", "{\"a\"=f:inf}"),
	CASE("a = -inf", "{\"a\"=f:-inf}"),
	CASE("a = nan", "{\"a\"=f:nan}"),
	CASE("a = +nan", "{\"a\"=f:nan}"),
	CASE("a = -nan", "{\"a\"=f:nan}"),
	CASE("a = 1_0.0_1e0_1", "{\"a\"=f:100.09999999999999}"),
	CASE("a = 1e400", "{\"a\"=f:inf}"),
	CASE("a = 4.9e-324", "{\"a\"=f:4.9406564584124654e-324}"),
	CASE("a = 0.1", "{\"a\"=f:0.10000000000000001}"),
	CASE("a = 1E5", "{\"a\"=f:100000}"),
	/* booleans */
	CASE("a = true", "{\"a\"=true}"),
	CASE("a = false\nb = true", "{\"a\"=false,\"b\"=true}"),
	/* dates and times */
	CASE("a = 1979-05-27T07:32:00Z", "{\"a\"=t:1979-05-27T07:32:00.000000000+0}"),
	CASE("a = 1979-05-27T00:32:00-07:00", "{\"a\"=t:1979-05-27T00:32:00.000000000-420}"),
	CASE("a = 1979-05-27T00:32:00.999999-07:00", "{\"a\"=t:1979-05-27T00:32:00.999999000-420}"),
	CASE("a = 1979-05-27 07:32:00Z", "{\"a\"=t:1979-05-27T07:32:00.000000000+0}"),
	CASE("a = 1979-05-27t07:32:00z", "{\"a\"=t:1979-05-27T07:32:00.000000000+0}"),
	CASE("a = 1979-05-27T07:32:00", "{\"a\"=t:1979-05-27T07:32:00.000000000}"),
	CASE("a = 1979-05-27T00:32:00.5", "{\"a\"=t:1979-05-27T00:32:00.500000000}"),
	CASE("a = 1979-05-27 07:32:00", "{\"a\"=t:1979-05-27T07:32:00.000000000}"),
	CASE("a = 1979-05-27", "{\"a\"=t:1979-05-27}"),
	CASE("a = 07:32:00", "{\"a\"=t:07:32:00.000000000}"),
	CASE("a = 00:32:00.999999", "{\"a\"=t:00:32:00.999999000}"),
	CASE("a = 2000-02-29", "{\"a\"=t:2000-02-29}"),
	CASE("a = 2024-02-29T23:59:59+14:00", "{\"a\"=t:2024-02-29T23:59:59.000000000+840}"),
	CASE("a = 0001-01-01", "{\"a\"=t:0001-01-01}"),
	CASE("a = 9999-12-31T23:59:59.1Z", "{\"a\"=t:9999-12-31T23:59:59.100000000+0}"),
	CASE("a = 1979-05-27 # c", "{\"a\"=t:1979-05-27}"),
	CASE("a = [1979-05-27,07:32:00]", "{\"a\"=[t:1979-05-27,t:07:32:00.000000000]}"),
	CASE("a = 1979-05-27 ", "{\"a\"=t:1979-05-27}"),
	CASE("a = 00:00:00", "{\"a\"=t:00:00:00.000000000}"),
	CASE("a = 1987-07-05T17:45:00+00:00", "{\"a\"=t:1987-07-05T17:45:00.000000000+0}"),
	/* arrays */
	CASE("a = []", "{\"a\"=[]}"),
	CASE("a = [ ]", "{\"a\"=[]}"),
	CASE("a = [1]", "{\"a\"=[1]}"),
	CASE("a = [1,]", "{\"a\"=[1]}"),
	CASE("a = [ 1 , 2 , ]", "{\"a\"=[1,2]}"),
	CASE("a = [[1,2],[\"a\"]]", "{\"a\"=[[1,2],[\"a\"]]}"),
	CASE("a = [1, \"x\", 2.5, true, {b=1}]", "{\"a\"=[1,\"x\",f:2.5,true,{\"b\"=1}]}"),
	CASE("a = [\n1, # c\n\n2\n# d\n,\n]", "{\"a\"=[1,2]}"),
	CASE("a = [[[[]]]]", "{\"a\"=[[[[]]]]}"),
	CASE("a = [{x=1},{x=2}]", "{\"a\"=[{\"x\"=1},{\"x\"=2}]}"),
	CASE("a = [\"]\", '#']", "{\"a\"=[\"]\",\"#\"]}"),
	CASE("a = [\r\n 1\r\n]", "{\"a\"=[1]}"),
	CASE("a = [\"\"\"\nx\n\"\"\", 1]", "{\"a\"=[\"x<0a>\",1]}"),
	/* inline tables */
	CASE("a = {}", "{\"a\"={}}"),
	CASE("a = { }", "{\"a\"={}}"),
	CASE("a = {b=1}", "{\"a\"={\"b\"=1}}"),
	CASE("a = { b = 1, c = \"x\" }", "{\"a\"={\"b\"=1,\"c\"=\"x\"}}"),
	CASE("a = {b.c=1, b.d=2}", "{\"a\"={\"b\"={\"c\"=1,\"d\"=2}}}"),
	CASE("a = {b = {c = {d = 1}}}", "{\"a\"={\"b\"={\"c\"={\"d\"=1}}}}"),
	CASE("a = {b = [1,\n2], c = 1}", "{\"a\"={\"b\"=[1,2],\"c\"=1}}"),
	CASE("a = {\"x y\" = 1, 'z' = 2}", "{\"a\"={\"x y\"=1,\"z\"=2}}"),
	CASE("a = {b = \"\"\"\nx\n\"\"\"}", "{\"a\"={\"b\"=\"x<0a>\"}}"),
	CASE("a.b = {c = 1}\na.d = 2", "{\"a\"={\"b\"={\"c\"=1},\"d\"=2}}"),
	CASE("[t]\na = {b = 1}\n[t.u]\na = 2", "{\"t\"={\"a\"={\"b\"=1},\"u\"={\"a\"=2}}}"),
	/* tables */
	CASE("[a]", "{\"a\"={}}"),
	CASE("[a]\n[b]", "{\"a\"={},\"b\"={}}"),
	CASE("[a]\nx = 1\n[a.b]\ny = 2", "{\"a\"={\"x\"=1,\"b\"={\"y\"=2}}}"),
	CASE("[a.b.c]\n[a]", "{\"a\"={\"b\"={\"c\"={}}}}"),
	CASE("[a.b]\n[a]\nx=1", "{\"a\"={\"b\"={},\"x\"=1}}"),
	CASE("[ a . \"b.c\" . 'd' ]", "{\"a\"={\"b.c\"={\"d\"={}}}}"),
	CASE("[x.y.z.w]\n[x]", "{\"x\"={\"y\"={\"z\"={\"w\"={}}}}}"),
	CASE("[a] # c\nb = 1", "{\"a\"={\"b\"=1}}"),
	CASE("[\"\"]", "{\"\"={}}"),
	CASE("[\"a\\u0000b\"]", "{\"a<00>b\"={}}"),
	CASE("[a.b]\nc=1\n[a.d]\ne=1", "{\"a\"={\"b\"={\"c\"=1},\"d\"={\"e\"=1}}}"),
	CASE("[fruit]\napple.color = \"red\"\napple.taste.sweet = true\n[fruit.apple.texture]\nsmooth = true",
	     "{\"fruit\"={\"apple\"={\"color\"=\"red\",\"taste\"={\"sweet\"=true},\"texture\"={\"smooth\"=true}}}}"),
	CASE("x = 1\n[t]\nx = 2", "{\"x\"=1,\"t\"={\"x\"=2}}"),
	CASE("[a.b.c]\nz=9\n[a]\nb.d = 1", "{\"a\"={\"b\"={\"c\"={\"z\"=9},\"d\"=1}}}"),
	CASE("[1.2]\n3.4 = 5", "{\"1\"={\"2\"={\"3\"={\"4\"=5}}}}"),
	CASE("[a]\r\nb = 1\r\n", "{\"a\"={\"b\"=1}}"),
	/* arrays of tables */
	CASE("[[a]]", "{\"a\"=[{}]}"),
	CASE("[[a]]\nx=1\n[[a]]\nx=2", "{\"a\"=[{\"x\"=1},{\"x\"=2}]}"),
	CASE("[[a]]\n[a.b]\nx=1\n[[a]]\n[a.b]\nx=2",
	     "{\"a\"=[{\"b\"={\"x\"=1}},{\"b\"={\"x\"=2}}]}"),
	CASE("[[a]]\n[[a.b]]\nx=1\n[[a.b]]\nx=2\n[[a]]\n[[a.b]]\nx=3",
	     "{\"a\"=[{\"b\"=[{\"x\"=1},{\"x\"=2}]},{\"b\"=[{\"x\"=3}]}]}"),
	CASE("[[ a . b ]]", "{\"a\"={\"b\"=[{}]}}"),
	CASE("[a]\n[[a.b]]\n[a.b.c]", "{\"a\"={\"b\"=[{\"c\"={}}]}}"),
	CASE("[[a.b]]\n[a]\nx=1", "{\"a\"={\"b\"=[{}],\"x\"=1}}"),
	CASE("[[a]]\nb.c=1\n[[a]]\nb.c=2", "{\"a\"=[{\"b\"={\"c\"=1}},{\"b\"={\"c\"=2}}]}"),
};

static void dump_string(struct strbuf *sb, const char *s, size_t len)
{
	strbuf_addch(sb, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
			strbuf_addf(sb, "<%02x>", c);
		else
			strbuf_addch(sb, (char)c);
	}
	strbuf_addch(sb, '"');
}

static void dump_time(struct strbuf *sb, const struct toml_value *v)
{
	const struct toml_datetime *d = &v->dt;

	strbuf_addstr(sb, "t:");
	if (v->type != TOML_LOCAL_TIME)
		strbuf_addf(sb, "%04d-%02d-%02d", d->year, d->month, d->day);
	if (v->type == TOML_OFFSET_DATETIME || v->type == TOML_LOCAL_DATETIME)
		strbuf_addch(sb, 'T');
	if (v->type != TOML_LOCAL_DATE)
		strbuf_addf(sb, "%02d:%02d:%02d.%09u", d->hour, d->minute, d->second,
			    d->nanosecond);
	if (v->type == TOML_OFFSET_DATETIME)
		strbuf_addf(sb, "%+d", d->offset_minutes);
}

static void dump(struct strbuf *sb, struct toml_value *v)
{
	struct toml_value *kid;

	switch (v->type) {
	case TOML_STRING:
		dump_string(sb, v->str.s, v->str.len);
		assert_int_equal(v->str.s[v->str.len], '\0');
		break;
	case TOML_INTEGER:
		strbuf_addf(sb, "%lld", (long long)v->i);
		break;
	case TOML_FLOAT:
		if (isnan(v->f))
			strbuf_addstr(sb, "f:nan");
		else
			strbuf_addf(sb, "f:%.17g", v->f);
		break;
	case TOML_BOOLEAN:
		strbuf_addstr(sb, v->b ? "true" : "false");
		break;
	case TOML_ARRAY:
	case TOML_TABLE:
		strbuf_addch(sb, v->type == TOML_ARRAY ? '[' : '{');
		toml_for_each(kid, v)
		{
			assert_ptr_equal(kid->parent, v);
			if (kid->index > 0)
				strbuf_addch(sb, ',');
			if (kid->key) {
				dump_string(sb, kid->key, kid->key_len);
				strbuf_addch(sb, '=');
			}
			dump(sb, kid);
		}
		strbuf_addch(sb, v->type == TOML_ARRAY ? ']' : '}');
		break;
	default:
		dump_time(sb, v);
	}
}

static void test_valid(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(valid); i++) {
		_cleanup_toml_ struct toml_doc *doc = NULL;
		_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
		struct error err = ERROR_INIT;

		if (toml_parse(valid[i].text, valid[i].len, "t", &doc, &err) < 0)
			fail_msg("<<%s>>: %s", valid[i].text, err.msg);
		dump(&sb, toml_root(doc));
		if (strcmp(sb.buf, valid[i].want) != 0)
			fail_msg("<<%s>>: got %s, want %s", valid[i].text, sb.buf, valid[i].want);
	}
}

/* What the table cannot show: digits beyond microseconds, a byte order mark, the sign of zero. */
static void test_details(void **state)
{
	static const char text[] = "\357\273\277a = 00:00:00.1234567894\nb = -0.0\nc = 23:59:60\n";
	_cleanup_toml_ struct toml_doc *doc = NULL;
	struct error err = ERROR_INIT;
	struct toml_datetime dt;
	double d = 0;

	assert_int_equal(toml_parse(text, sizeof(text) - 1, "t", &doc, &err), 0);
	assert_int_equal(toml_get_datetime(toml_root(doc), "a", &dt, &err), 1);
	assert_int_equal(dt.nanosecond, 123456789);
	assert_int_equal(toml_get_float(toml_root(doc), "b", &d, &err), 1);
	assert_true(signbit(d));
	assert_int_equal(toml_get_datetime(toml_root(doc), "c", &dt, &err), 1);
	assert_int_equal(dt.second, 60);
}

static void test_positions(void **state)
{
	static const char text[] = "a = 1\n[t]\n  \"\303\251\".b = [1,\n 2]\n[[u]]\n";
	_cleanup_toml_ struct toml_doc *doc = NULL;
	struct error err = ERROR_INIT;
	struct toml_value *v;

	assert_int_equal(toml_parse(text, sizeof(text) - 1, "t", &doc, &err), 0);
	v = toml_find(toml_root(doc), "t");
	assert_int_equal(v->line, 2);
	assert_int_equal(v->column, 2);
	v = toml_first(toml_first(v));
	assert_int_equal(v->line, 3);
	assert_int_equal(v->column, 11); /* characters, not bytes */
	assert_int_equal(v->kids.last->line, 4);
	assert_int_equal(v->kids.last->column, 2);
	assert_int_equal(toml_find(toml_root(doc), "u")->line, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_positions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
