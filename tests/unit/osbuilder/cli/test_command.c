/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <string.h>

#include "base/alloc.h"
#include "support/cmocka_all.h"

struct args {
	const char *name;
	bool flag;
	struct strv list;
	uint64_t n;
};

static int set_n(const struct cli_option *o, const char *value, void *args, struct error *err)
{
	struct args *a = args;

	return cli_number(o, value, "MiB", 1, 9, &a->n, err);
}

static const struct cli_option common[] = {
	{ "name", "NAME", "a name", CLI_STRING(struct args, name) },
	{ NULL },
};

static const struct cli_option own[] = {
	{ "flag", NULL, "a flag\nwith two lines", CLI_FLAG(struct args, flag) },
	{ "list-of-long-values", "VALUE", "more", CLI_LIST(struct args, list) },
	{ "n", "N", "a number", set_n },
	{ NULL },
};

static const struct cli_command cmd = {
	.name = "cmd",
	.brief = "a command",
	.synopsis = "[OPTION...] A B",
	.about = "About it.",
	.options = { common, own },
	.n_operands = 2,
	.operands = "two are needed",
};

static const struct cli_command bare = { .name = "bare", .synopsis = "", .options = { common } };

#define READ(c, a, err, ...)                                                         \
	({                                                                           \
		const char *read_argv_[] = { (c)->name, __VA_ARGS__, NULL };         \
		memcpy(argv, read_argv_, sizeof(read_argv_));                        \
		cli_read(c, (int)ARRAY_SIZE(read_argv_) - 1, (char **)argv, a, err); \
	})

static void test_read(void **state)
{
	struct error err = ERROR_INIT;
	struct args a = { 0 };
	const char *argv[16];

	assert_int_equal(READ(&cmd, &a, &err, "one", "--name=x=y", "--flag", "--n", "7",
			      "--list-of-long-values", "--flag", "--list-of-long-values=", "two"),
			 0);
	assert_string_equal(argv[1], "one");
	assert_string_equal(argv[2], "two");
	assert_int_equal(cli_operands((char **)argv), 2);
	assert_string_equal(a.name, "x=y");
	assert_true(a.flag);
	assert_int_equal(a.n, 7);
	assert_int_equal(a.list.n, 2);
	assert_string_equal(a.list.v[0], "--flag"); /* a value may look like an option */
	assert_string_equal(a.list.v[1], "");
	strv_release(&a.list);
	/* the last one counts; behind "--" nothing is an option; "-" is none */
	assert_int_equal(READ(&cmd, &a, &err, "--name", "1", "--name", "2", "-", "--", "--flag"),
			 0);
	assert_string_equal(a.name, "2");
	assert_string_equal(argv[1], "-");
	assert_string_equal(argv[2], "--flag");
	assert_int_equal(READ(&bare, &a, &err, "--name", "3"), 0);
	assert_string_equal(a.name, "3");
}

static void test_refused(void **state)
{
	static const struct {
		const struct cli_command *c;
		const char *argv[4];
		const char *want;
	} cases[] = {
		{ &cmd, { "--none" }, "cmd: unknown option '--none'" },
		{ &cmd, { "-flag" }, "cmd: unknown option '-flag'" },
		{ &cmd, { "-x" }, "cmd: unknown option '-x'" },
		{ &cmd, { "--fla" }, "cmd: unknown option '--fla'" }, /* no guessing */
		{ &cmd, { "--flag=yes" }, "cmd: unknown option '--flag=yes'" },
		{ &cmd, { "--=" }, "cmd: unknown option '--='" },
		{ &cmd, { "a", "--name" }, "cmd: option '--name' needs a value" },
		{ &cmd, { "a" }, "cmd: two are needed" },
		{ &cmd, { "a", "b", "c" }, "cmd: two are needed" },
		{ &cmd, { "--n", "0" }, "cmd: --n '0' is not a number of MiB from 1 to 9" },
		{ &cmd, { "--n=10" }, "cmd: --n '10' is not a number of MiB from 1 to 9" },
		{ &cmd, { "--n", "-1" }, "cmd: --n '-1' is not a number of MiB from 1 to 9" },
		{ &bare, { "x", "y" }, "bare: unexpected argument 'x'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *argv[6] = { cases[i].c->name };
		struct error err = ERROR_INIT;
		struct args a = { 0 };
		int n = 0;

		for (; n < 4 && cases[i].argv[n]; n++)
			argv[n + 1] = cases[i].argv[n];
		assert_int_equal(cli_read(cases[i].c, n + 1, (char **)argv, &a, &err), -EINVAL);
		assert_string_equal(error_text(&err), cases[i].want);
	}
}

static void test_help(void **state)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	assert_int_equal(cli_help(&cmd, &text), 0);
	assert_string_equal(text.buf, "usage: osbuilder cmd [OPTION...] A B\n\nAbout it.\n\n"
				      "  --name NAME              a name\n"
				      "  --flag                   a flag\n"
				      "                           with two lines\n"
				      "  --list-of-long-values VALUE\n"
				      "                           more\n"
				      "  --n N                    a number\n"
				      "  --help                   this text\n");
}

/* What every row must have: nothing that help would show badly, and no name twice. */
static void test_tables(void **state)
{
	_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;

	assert_int_equal(cli_help_all(&all), 0);
	for (size_t i = 0; cli_commands[i]; i++) {
		const struct cli_command *c = cli_commands[i];
		_cleanup_strv_ struct strv names = STRV_INIT;

		assert_ptr_equal(cli_find(c->name), c);
		assert_non_null(strstr(all.buf, c->brief));
		assert_non_null(c->synopsis);
		assert_non_null(c->run);
		assert_true((c->n_operands > 0) == (c->operands != NULL));
		for (size_t k = 0; c->options[k]; k++)
			for (const struct cli_option *o = c->options[k]; o->name; o++) {
				if (strv_has(&names, o->name))
					fail_msg("%s has --%s twice", c->name, o->name);
				assert_int_equal(strv_add(&names, o->name), 0);
				assert_non_null(o->set);
				assert_true(o->help && *o->help);
				assert_false(str_eq(o->name, "help"));
			}
	}
	assert_null(cli_find("nothing"));
}

static void test_status_and_hints(void **state)
{
	static const int known[] = { -ENOSPC, -EDQUOT, -EROFS, -EMFILE, -ENFILE, -ESTALE };
	struct cli_command other = { .failed = 2 };
	struct error err = ERROR_INIT;

	assert_int_equal(cli_status(&cmd, 0), 0);
	assert_int_equal(cli_status(&cmd, 1), 1);
	assert_int_equal(cli_status(&cmd, -EIO), 1);
	assert_int_equal(cli_status(&other, -EIO), 2);
	assert_int_equal(cli_status(&other, -EBADMSG), 2);
	other.refuted = 1;
	assert_int_equal(cli_status(&other, -EBADMSG), 1);
	assert_int_equal(cli_status(&other, -EIO), 2);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		error_sys(&err, known[i], "x");
		assert_non_null(cli_hint(&err));
		assert_null(strchr(cli_hint(&err), '\n'));
	}
	error_hint(&err, -ENOSPC, "its own");
	assert_string_equal(cli_hint(&err), "its own");
	error_sys(&err, -EIO, "x");
	assert_null(cli_hint(&err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_status_and_hints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
