/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include "codec/toml.h"

#include <string.h>
#include "base/strbuf.h"

/* Documents that break a rule, and the whole message. */
struct toml_case {
	const char *text;
	size_t len;
	const char *want;
};
#define CASE(text, want)                     \
	{                                    \
		text, sizeof(text) - 1, want \
	}

static const struct toml_case invalid[] = {
	/* line structure */
	CASE("a = 1 b = 2", "t:1:7: expected the end of the line, got 'b'"),
	CASE("a = 1\rb = 2", "t:1:6: carriage return without line feed"),
	CASE("a = 1\r", "t:1:6: carriage return without line feed"),
	CASE("a", "t:1:2: expected '=' after the key, got the end of the file"),
	CASE("a =", "t:1:4: expected a value, got the end of the file"),
	CASE("a = \n", "t:1:5: expected a value, got a line break"),
	CASE("= 1", "t:1:1: expected a key, got '='"),
	CASE("a = 1 x", "t:1:7: expected the end of the line, got 'x'"),
	CASE("a == 1", "t:1:4: expected a value, got '='"),
	CASE("a = 1,", "t:1:6: expected the end of the line, got ','"),
	CASE("# \001", "t:1:3: control character U+0001 is not allowed"),
	CASE("# \177", "t:1:3: control character U+007F is not allowed"),
	CASE("\000", "t:1:1: control character U+0000 is not allowed"),
	CASE("a = 1 # \000", "t:1:9: control character U+0000 is not allowed"),
	CASE("a = 1\014", "t:1:6: control character U+000C is not allowed"),
	CASE("a\n= 1", "t:1:2: expected '=' after the key, got a line break"),
	CASE("a = # 1", "t:1:5: expected a value, got '#'"),
	CASE("!", "t:1:1: expected a key, got '!'"),
	/* encoding */
	CASE("a = \"\377\"", "t:1:6: invalid UTF-8 (byte 0xff)"),
	CASE("# \303", "t:1:3: invalid UTF-8 (byte 0xc3)"),
	CASE("a = \"\300\200\"", "t:1:6: invalid UTF-8 (byte 0xc0)"),
	CASE("a = \"\355\240\200\"", "t:1:6: invalid UTF-8 (byte 0xed)"),
	CASE("a = \"\364\220\200\200\"", "t:1:6: invalid UTF-8 (byte 0xf4)"),
	CASE("\377\376a\000", "t:1:1: invalid UTF-8 (byte 0xff)"),
	CASE("a = \"\342\202\"", "t:1:6: invalid UTF-8 (byte 0xe2)"),
	CASE("a = \"\360\200\200\200\"", "t:1:6: invalid UTF-8 (byte 0xf0)"),
	CASE("a\357\273\277 = 1", "t:1:2: expected '=' after the key, got '\357\273\277'"),
	CASE("a = \342\200\234x\342\200\235", "t:1:5: expected a value, got '\342\200\234'"),
	/* keys */
	CASE("a. = 1", "t:1:4: expected a key, got '='"),
	CASE(".a = 1", "t:1:1: expected a key, got '.'"),
	CASE("a..b = 1", "t:1:3: expected a key, got '.'"),
	CASE("a b = 1", "t:1:3: expected '=' after the key, got 'b'"),
	CASE("\303\251 = 1", "t:1:1: expected a key, got '\303\251'"),
	CASE("\"a = 1", "t:1:1: the string has no end on its line"),
	CASE("\"a\nb\" = 1", "t:1:1: the string has no end on its line"),
	CASE("\"\"\"a\"\"\" = 1", "t:1:1: a key cannot be a multi-line string"),
	CASE("'''a''' = 1", "t:1:1: a key cannot be a multi-line string"),
	CASE("a[0] = 1", "t:1:2: expected '=' after the key, got '['"),
	CASE("a+ = 1", "t:1:2: expected '=' after the key, got '+'"),
	CASE("\"\\x\" = 1", "t:1:2: unknown escape: backslash and 'x'"),
	CASE("a = 1\na = 2", "t:2:1: a is defined already (line 1)"),
	CASE("a = 1\n\"a\" = 2", "t:2:1: a is defined already (line 1)"),
	CASE("a = 1\na.b = 2", "t:2:1: a is no table (line 1)"),
	CASE("a.b = 1\na = 2", "t:2:1: a is defined already (line 1)"),
	CASE("a.b = 1\na.b = 2", "t:2:3: a.b is defined already (line 1)"),
	CASE("a = []\na.b = 1", "t:2:1: a is no table (line 1)"),
	CASE("\"\" = 1\n'' = 2", "t:2:1: \"\" is defined already (line 1)"),
	CASE("a = \"x\"\na.b = 1", "t:2:1: a is no table (line 1)"),
	CASE("a = {}\na.b = 1", "t:2:1: a is an inline table and cannot be added to (line 1)"),
	CASE("a = [{}]\na.b = 1", "t:2:1: a is no table (line 1)"),
	/* strings */
	CASE("a = \"x", "t:1:5: the string has no end on its line"),
	CASE("a = \"x\ny\"", "t:1:5: the string has no end on its line"),
	CASE("a = 'x", "t:1:5: the string has no end on its line"),
	CASE("a = 'x\n'", "t:1:5: the string has no end on its line"),
	CASE("a = \"\\a\"", "t:1:6: unknown escape: backslash and 'a'"),
	CASE("a = \"\\x41\"", "t:1:6: unknown escape: backslash and 'x'"),
	CASE("a = \"\\e\"", "t:1:6: unknown escape: backslash and 'e'"),
	CASE("a = \"\\u12\"", "t:1:6: \\u needs 4 hex digits"),
	CASE("a = \"\\u123g\"", "t:1:6: \\u needs 4 hex digits"),
	CASE("a = \"\\ud800\"", "t:1:6: U+D800 is no Unicode character"),
	CASE("a = \"\\U00110000\"", "t:1:6: U+110000 is no Unicode character"),
	CASE("a = \"\\U0000D800\"", "t:1:6: U+D800 is no Unicode character"),
	CASE("a = \"\\", "t:1:6: the string has no end"),
	CASE("a = \"\001\"", "t:1:6: control character U+0001 is not allowed"),
	CASE("a = '\037'", "t:1:6: control character U+001F is not allowed"),
	CASE("a = \"\"\"x", "t:1:5: the string has no end"),
	CASE("a = \"\"\"x\"\"", "t:1:5: the string has no end"),
	CASE("a = '''x''", "t:1:5: the string has no end"),
	CASE("a = \"\"\"\177\"\"\"", "t:1:8: control character U+007F is not allowed"),
	CASE("a = \"\"\"\r\"\"\"", "t:1:8: carriage return without line feed"),
	CASE("a = '''\r x'''", "t:1:8: carriage return without line feed"),
	CASE("a = \"\"\"a\\ b\"\"\"", "t:1:9: unknown escape: backslash and ' '"),
	CASE("a = \"\"\"\"\"\"\"\"\"", "t:1:13: expected the end of the line, got '\"'"),
	CASE("a = '''''''''", "t:1:13: expected the end of the line, got '''"),
	CASE("a = \"\"\"\\", "t:1:8: the string has no end"),
	CASE("a = \"a\" \"b\"", "t:1:9: expected the end of the line, got '\"'"),
	CASE("a = \"\\ \"", "t:1:6: unknown escape: backslash and ' '"),
	CASE("a = \"\"\"\"\"\"\"\"x\"", "t:1:13: expected the end of the line, got 'x'"),
	CASE("a = x", "t:1:5: 'x' is no value (a string needs quotes)"),
	CASE("a = \"\\u\"", "t:1:6: \\u needs 4 hex digits"),
	CASE("a = \"\\N\"", "t:1:6: unknown escape: backslash and 'N'"),
	CASE("a = 'a'b'", "t:1:8: expected the end of the line, got 'b'"),
	/* integers */
	CASE("a = 01", "t:1:5: a number cannot start with 0"),
	CASE("a = +01", "t:1:5: a number cannot start with 0"),
	CASE("a = -007", "t:1:5: a number cannot start with 0"),
	CASE("a = 1__0", "t:1:5: '1__0' is no value"),
	CASE("a = _1", "t:1:5: '_1' is no value (a string needs quotes)"),
	CASE("a = 1_", "t:1:5: '1_' is no value"),
	CASE("a = 0x", "t:1:5: '0x' is no number"),
	CASE("a = 0xg", "t:1:5: '0xg' is no number of base 16"),
	CASE("a = 0x_1", "t:1:5: '0x_1' is no number of base 16"),
	CASE("a = 0x1_", "t:1:5: '0x1_' is no number of base 16"),
	CASE("a = 0x1__2", "t:1:5: '0x1__2' is no number of base 16"),
	CASE("a = +0x1", "t:1:5: '+0x1' is no number"),
	CASE("a = -0b1", "t:1:5: '-0b1' is no number"),
	CASE("a = 0b2", "t:1:5: '0b2' is no number of base 2"),
	CASE("a = 0o8", "t:1:5: '0o8' is no number of base 8"),
	CASE("a = 0X1", "t:1:5: '0X1' is no number"),
	CASE("a = 0B1", "t:1:5: '0B1' is no number"),
	CASE("a = 9223372036854775808", "t:1:5: the integer does not fit in 64 bits"),
	CASE("a = -9223372036854775809", "t:1:5: the integer does not fit in 64 bits"),
	CASE("a = 0x8000000000000000", "t:1:5: the integer does not fit in 64 bits"),
	CASE("a = --1", "t:1:5: '--1' is no value (a string needs quotes)"),
	CASE("a = +-1", "t:1:5: '+-1' is no value"),
	CASE("a = +", "t:1:5: '+' is no value"),
	CASE("a = 1a", "t:1:5: '1a' is no number"),
	CASE("a = 00", "t:1:5: a number cannot start with 0"),
	CASE("a = 0_0", "t:1:5: a number cannot start with 0"),
	CASE("a = 1 2", "t:1:7: expected the end of the line, got '2'"),
	CASE("a = 99999999999999999999999", "t:1:5: the integer does not fit in 64 bits"),
	/* floats */
	CASE("a = 1.", "t:1:5: '1.' is no number"),
	CASE("a = .5", "t:1:5: '.5' is no value"),
	CASE("a = 1.e5", "t:1:5: '1.e5' is no number"),
	CASE("a = 1e", "t:1:5: '1e' is no number"),
	CASE("a = 1e+", "t:1:5: '1e+' is no number"),
	CASE("a = 1._5", "t:1:5: '1._5' is no number"),
	CASE("a = 1_.5", "t:1:5: '1_.5' is no value"),
	CASE("a = 1.5_", "t:1:5: '1.5_' is no number"),
	CASE("a = 1e_5", "t:1:5: '1e_5' is no number"),
	CASE("a = 1e5_", "t:1:5: '1e5_' is no number"),
	CASE("a = 1.2.3", "t:1:5: '1.2.3' is no number"),
	CASE("a = 1e5.5", "t:1:5: '1e5.5' is no number"),
	CASE("a = 01.5", "t:1:5: a number cannot start with 0"),
	CASE("a = Inf", "t:1:5: 'Inf' is no value (a string needs quotes)"),
	CASE("a = NaN", "t:1:5: 'NaN' is no value (a string needs quotes)"),
	CASE("a = infinity", "t:1:5: 'infinity' is no value (a string needs quotes)"),
	CASE("a = +.5", "t:1:5: '+.5' is no value"),
	CASE("a = 1e1e1", "t:1:5: '1e1e1' is no number"),
	CASE("a = --inf", "t:1:5: '--inf' is no value (a string needs quotes)"),
	CASE("a = 0x1.8", "t:1:5: '0x1.8' is no number of base 16"),
	CASE("a = 00.5", "t:1:5: a number cannot start with 0"),
	CASE("a = 1.5f", "t:1:5: '1.5f' is no number"),
	/* booleans */
	CASE("a = True", "t:1:5: 'True' is no value (a string needs quotes)"),
	CASE("a = TRUE", "t:1:5: 'TRUE' is no value (a string needs quotes)"),
	CASE("a = tru", "t:1:5: 'tru' is no value (a string needs quotes)"),
	CASE("a = truee", "t:1:5: 'truee' is no value (a string needs quotes)"),
	CASE("a = 1true", "t:1:5: '1true' is no number"),
	CASE("a = yes", "t:1:5: 'yes' is no value (a string needs quotes)"),
	CASE("a = null", "t:1:5: 'null' is no value (a string needs quotes)"),
	/* dates and times */
	CASE("a = 1979-05", "t:1:5: '1979-05' is no valid date or time"),
	CASE("a = 1979-05-27T07", "t:1:5: '1979-05-27T07' is no valid date or time"),
	CASE("a = 1979-05-27T07:32:", "t:1:5: '1979-05-27T07:32:' is no valid date or time"),
	CASE("a = 07:", "t:1:5: '07:' is no valid date or time"),
	CASE("a = 1979-", "t:1:5: '1979-' is no valid date or time"),
	CASE("a = 1979-13-01", "t:1:5: '1979-13-01' is no valid date or time"),
	CASE("a = 1979-00-01", "t:1:5: '1979-00-01' is no valid date or time"),
	CASE("a = 1979-02-29", "t:1:5: '1979-02-29' is no valid date or time"),
	CASE("a = 1900-02-29", "t:1:5: '1900-02-29' is no valid date or time"),
	CASE("a = 1979-04-31", "t:1:5: '1979-04-31' is no valid date or time"),
	CASE("a = 1979-05-00", "t:1:5: '1979-05-00' is no valid date or time"),
	CASE("a = 1979-5-27", "t:1:5: '1979-5-27' is no valid date or time"),
	CASE("a = 79-05-27", "t:1:5: '79-05-27' is no number"),
	CASE("a = 1979-05-27T", "t:1:5: '1979-05-27T' is no valid date or time"),
	CASE("a = 1979-05-27T25:00:00", "t:1:5: '1979-05-27T25:00:00' is no valid date or time"),
	CASE("a = 1979-05-27T07:60:00", "t:1:5: '1979-05-27T07:60:00' is no valid date or time"),
	CASE("a = 1979-05-27T07:32:61", "t:1:5: '1979-05-27T07:32:61' is no valid date or time"),
	CASE("a = 1979-05-27T07:32", "t:1:5: '1979-05-27T07:32' is no valid date or time"),
	CASE("a = 07:32", "t:1:5: '07:32' is no valid date or time"),
	CASE("a = 24:00:00", "t:1:5: '24:00:00' is no valid date or time"),
	CASE("a = 7:32:00", "t:1:5: '7:32:00' is no number"),
	CASE("a = 07:32:00.", "t:1:5: '07:32:00.' is no valid date or time"),
	CASE("a = 07:32:00Z", "t:1:5: '07:32:00Z' is no valid date or time"),
	CASE("a = 1979-05-27Z", "t:1:5: '1979-05-27Z' is no valid date or time"),
	CASE("a = 1979-05-27T07:32:00+25:00",
	     "t:1:5: '1979-05-27T07:32:00+25:00' is no valid date or time"),
	CASE("a = 1979-05-27T07:32:00+12:60",
	     "t:1:5: '1979-05-27T07:32:00+12:60' is no valid date or time"),
	CASE("a = 1979-05-27T07:32:00+1",
	     "t:1:5: '1979-05-27T07:32:00+1' is no valid date or time"),
	CASE("a = 1979-05-27T07:32:00+0100",
	     "t:1:5: '1979-05-27T07:32:00+0100' is no valid date or time"),
	CASE("a = 1979-05-27  07:32:00", "t:1:17: expected the end of the line, got '0'"),
	CASE("a = 1979-05-27X07:32:00", "t:1:5: '1979-05-27X07:32:00' is no valid date or time"),
	CASE("a = 1979-05-27T07:32:00.Z",
	     "t:1:5: '1979-05-27T07:32:00.Z' is no valid date or time"),
	CASE("a = 1979-05-27 07:32:00 Z", "t:1:25: expected the end of the line, got 'Z'"),
	CASE("a = 19790-05-27", "t:1:5: '19790-05-27' is no number"),
	CASE("a = 1979-05-27T07:32:00_1",
	     "t:1:5: '1979-05-27T07:32:00_1' is no valid date or time"),
	CASE("a = 1979/05/27", "t:1:9: expected the end of the line, got '/'"),
	CASE("a = 1979-05-27 07:3", "t:1:5: '1979-05-27 07:3' is no valid date or time"),
	/* arrays */
	CASE("a = [", "t:1:6: expected a value, got the end of the file"),
	CASE("a = [1", "t:1:7: expected ',' or ']' in the array, got the end of the file"),
	CASE("a = [1,", "t:1:8: expected a value, got the end of the file"),
	CASE("a = [1 2]", "t:1:8: expected ',' or ']' in the array, got '2'"),
	CASE("a = [,]", "t:1:6: expected a value, got ','"),
	CASE("a = [,1]", "t:1:6: expected a value, got ','"),
	CASE("a = [1,,2]", "t:1:8: expected a value, got ','"),
	CASE("a = [1]]", "t:1:8: expected the end of the line, got ']'"),
	CASE("a = [1\n2]", "t:2:1: expected ',' or ']' in the array, got '2'"),
	CASE("a = ]", "t:1:5: expected a value, got ']'"),
	CASE("a = [a = 1]", "t:1:6: 'a' is no value (a string needs quotes)"),
	CASE("a = [1 # ]", "t:1:11: expected ',' or ']' in the array, got the end of the file"),
	CASE("a = [1}", "t:1:7: expected ',' or ']' in the array, got '}'"),
	/* inline tables */
	CASE("a = {", "t:1:6: expected a key, got the end of the file"),
	CASE("a = {b", "t:1:7: expected '=' after the key, got the end of the file"),
	CASE("a = {b=", "t:1:8: expected a value, got the end of the file"),
	CASE("a = {b=1", "t:1:9: expected ',' or '}' in the inline table, got the end of the file"),
	CASE("a = {b=1,}", "t:1:10: expected a key, got '}'"),
	CASE("a = {,}", "t:1:6: expected a key, got ','"),
	CASE("a = {b=1,,c=2}", "t:1:10: expected a key, got ','"),
	CASE("a = {b=1 c=2}", "t:1:10: expected ',' or '}' in the inline table, got 'c'"),
	CASE("a = {b=1\n}", "t:1:9: expected ',' or '}' in the inline table, got a line break"),
	CASE("a = {\n}", "t:1:6: expected a key, got a line break"),
	CASE("a = {b=1, # c\n}", "t:1:11: expected a key, got '#'"),
	CASE("a = {b=1, b=2}", "t:1:11: b is defined already (line 1)"),
	CASE("a = {b=1, b.c=2}", "t:1:11: b is no table (line 1)"),
	CASE("a = {b.c=1, b=2}", "t:1:13: b is defined already (line 1)"),
	CASE("a = {b={}, b.c=1}", "t:1:12: b is an inline table and cannot be added to (line 1)"),
	CASE("a = {b=1}\n[a.c]", "t:2:2: a is an inline table and cannot be added to (line 1)"),
	CASE("a = {b=1}\n[a]", "t:2:2: a is defined already (line 1)"),
	CASE("a = {b=1}\n[[a]]", "t:2:3: a is defined already and no array of tables (line 1)"),
	CASE("[t]\na = {}\n[t.a.b]",
	     "t:3:4: t.a is an inline table and cannot be added to (line 2)"),
	CASE("a = {}}", "t:1:7: expected the end of the line, got '}'"),
	CASE("a = {b.c=1}\n[a.b]", "t:2:2: a is an inline table and cannot be added to (line 1)"),
	CASE("a = {1}", "t:1:7: expected '=' after the key, got '}'"),
	CASE("a = {b=1]", "t:1:9: expected ',' or '}' in the inline table, got ']'"),
	/* tables */
	CASE("[", "t:1:2: expected a key, got the end of the file"),
	CASE("[a", "t:1:3: expected ']' after the table's name, got the end of the file"),
	CASE("[]", "t:1:2: expected a key, got ']'"),
	CASE("[a.]", "t:1:4: expected a key, got ']'"),
	CASE("[.a]", "t:1:2: expected a key, got '.'"),
	CASE("[a..b]", "t:1:4: expected a key, got '.'"),
	CASE("[a]]", "t:1:4: expected the end of the line, got ']'"),
	CASE("[a] b = 1", "t:1:5: expected the end of the line, got 'b'"),
	CASE("[a b]", "t:1:4: expected ']' after the table's name, got 'b'"),
	CASE("[a\n]", "t:1:3: expected ']' after the table's name, got a line break"),
	CASE("[a]\n[a]", "t:2:2: a is defined already (line 1)"),
	CASE("[a]\nb=1\n[a.b]", "t:3:4: a.b is defined already (line 2)"),
	CASE("a=1\n[a]", "t:2:2: a is defined already (line 1)"),
	CASE("a=1\n[a.b]", "t:2:2: a is no table (line 1)"),
	CASE("[a]\nb.c=1\n[a.b]", "t:3:4: a.b is defined already (line 2)"),
	CASE("[a.b.c]\nz=9\n[a]\nb.c.t=1", "t:4:3: a.b.c is a table with its own header (line 1)"),
	CASE("[a.b]\nx=1\n[a]\nb.y=2\n[a.b]", "t:4:1: a.b is a table with its own header (line 1)"),
	CASE("[a.b.c.d]\nz=9\n[a]\nb.c.d.k=1",
	     "t:4:5: a.b.c.d is a table with its own header (line 1)"),
	CASE("[a.b]\n[a]\n[a.b]", "t:3:4: a.b is defined already (line 1)"),
	CASE("[ [a] ]", "t:1:3: expected a key, got '['"),
	CASE("[a = 1]", "t:1:4: expected ']' after the table's name, got '='"),
	CASE("[\"a]", "t:1:2: the string has no end on its line"),
	CASE("[\"\"\"a\"\"\"]", "t:1:2: a key cannot be a multi-line string"),
	CASE("[a]\nb = [1]\n[a.b]", "t:3:4: a.b is defined already (line 2)"),
	CASE("a = []\n[a.b]", "t:2:2: a is no table (line 1)"),
	CASE("[a#b]", "t:1:3: expected ']' after the table's name, got '#'"),
	CASE("[a.b]\n[a]\nb = 1", "t:3:1: a.b is defined already (line 1)"),
	CASE("[[a.b]]\n[a]\nb.y=2", "t:3:1: a.b is no table (line 1)"),
	CASE("[a.b]\nx.y=1\n[a]\nb.x.z=1", "t:4:1: a.b is a table with its own header (line 1)"),
	CASE("[a]\n[b]\n[\"a\"]", "t:3:2: a is defined already (line 1)"),
	/* arrays of tables */
	CASE("[[", "t:1:3: expected a key, got the end of the file"),
	CASE("[[a", "t:1:4: expected ']]' after the table's name, got the end of the file"),
	CASE("[[a]", "t:1:4: expected ']]' after the table's name, got ']'"),
	CASE("[[a] ]", "t:1:4: expected ']]' after the table's name, got ']'"),
	CASE("[[]]", "t:1:3: expected a key, got ']'"),
	CASE("[[a]]]", "t:1:6: expected the end of the line, got ']'"),
	CASE("[a]\n[[a]]", "t:2:3: a is defined already and no array of tables (line 1)"),
	CASE("[[a]]\n[a]", "t:2:2: a is defined already (line 1)"),
	CASE("a = []\n[[a]]", "t:2:3: a is defined already and no array of tables (line 1)"),
	CASE("a = [{}]\n[[a]]", "t:2:3: a is defined already and no array of tables (line 1)"),
	CASE("[a.b]\n[[a]]", "t:2:3: a is defined already and no array of tables (line 1)"),
	CASE("[[a.b]]\n[[a]]", "t:2:3: a is defined already and no array of tables (line 1)"),
	CASE("a = 1\n[[a]]", "t:2:3: a is defined already and no array of tables (line 1)"),
	CASE("[[a]]\n[a.b]\n[a.b]", "t:3:4: a[0].b is defined already (line 2)"),
	CASE("[[a]]\n[a.b]\n[[a.b]]",
	     "t:3:5: a[0].b is defined already and no array of tables (line 2)"),
	CASE("[[a]]\n[[a.b]]\n[a.b]", "t:3:4: a[0].b is defined already (line 2)"),
	CASE("[[a]]\na.b = 1\nb = 1\nb = 2", "t:4:1: a[0].b is defined already (line 3)"),
	CASE("a.b = 1\n[[a]]", "t:2:3: a is defined already and no array of tables (line 1)"),
	CASE("[[a]] x", "t:1:7: expected the end of the line, got 'x'"),
};

static void test_invalid(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++) {
		struct toml_doc *doc = NULL;
		struct error err = ERROR_INIT;
		int r = toml_parse(invalid[i].text, invalid[i].len, "t", &doc, &err);

		if (r != -EINVAL || err.code != r || strcmp(err.msg, invalid[i].want) != 0)
			fail_msg("<<%s>>: got %d \"%s\", want \"%s\"", invalid[i].text, r, err.msg,
				 invalid[i].want);
		assert_null(doc);
	}
}

static void assert_too_big(const struct strbuf *sb, const char *want)
{
	struct toml_doc *doc = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(toml_parse(sb->buf, sb->len, "t", &doc, &err), -EFBIG);
	assert_string_equal(err.msg, want);
	/* Callers may not want the text. */
	assert_int_equal(toml_parse(sb->buf, sb->len, "t", &doc, NULL), -EFBIG);
}

static void fill(struct strbuf *sb, const char *first, const char *repeat, int n)
{
	strbuf_reset(sb);
	assert_int_equal(strbuf_addstr(sb, first), 0);
	for (int i = 0; i < n; i++)
		assert_int_equal(strbuf_addstr(sb, repeat), 0);
}

static void test_limits(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	fill(&sb, "", "# 345678", TOML_MAX_BYTES / 8);
	assert_int_equal(strbuf_addch(&sb, '9'), 0);
	assert_too_big(&sb, "t: larger than 1048576 bytes");
	fill(&sb, "a = ", "[", TOML_MAX_DEPTH);
	assert_too_big(&sb, "t:1:68: nested deeper than 64 levels");
	fill(&sb, "a = ", "{a=", TOML_MAX_DEPTH);
	assert_too_big(&sb, "t:1:194: nested deeper than 64 levels");
	fill(&sb, "a", ".a", TOML_MAX_DEPTH);
	assert_too_big(&sb, "t:1:129: nested deeper than 64 levels");
	fill(&sb, "[a", ".a", TOML_MAX_DEPTH);
	assert_too_big(&sb, "t:1:128: nested deeper than 64 levels");
	fill(&sb, "a = [", "1,", TOML_MAX_VALUES);
	assert_too_big(&sb, "t:1:131074: more than 65536 values");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
