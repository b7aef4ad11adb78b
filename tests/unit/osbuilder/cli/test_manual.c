/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page and the tables of options say the same. */
#include "cli/command.h"

#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "support/cmocka_all.h"

#define PAGE	 "osbuilder/man/osbuilder.1"
#define PAGE_MAX (1u << 20)

/* Is `name` one of the words of a heading: "build", or "Options of build, lock, seal"? */
static bool heading_names(const char *heading, size_t len, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = heading; p + n <= heading + len; p++)
		if (memcmp(p, name, n) == 0 && (p == heading || p[-1] == ' ') &&
		    (p + n == heading + len || p[n] == ','))
			return true;
	return false;
}

static bool has_option(const struct cli_command *c, const char *name, size_t len)
{
	for (size_t k = 0; c->options[k]; k++)
		for (const struct cli_option *o = c->options[k]; o->name; o++)
			if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
				return true;
	return false;
}

/* Lines ".It Fl -name ..." below the headings ".Ss" that name the command: `fn` for each. */
static void each_option(const char *page, const struct cli_command *c,
			void (*fn)(const struct cli_command *c, const char *name, size_t len,
				   void *data),
			void *data)
{
	bool in = false;

	for (const char *line = page; line;
	     line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		size_t len = strcspn(line, "\n");

		if (str_after(line, ".Sh "))
			in = false;
		else if (str_after(line, ".Ss "))
			in = heading_names(line + 4, len - 4, c->name);
		else if (in && str_after(line, ".It Fl -"))
			fn(c, line + 8, strcspn(line + 8, " \n"), data);
	}
}

static void check_known(const struct cli_command *c, const char *name, size_t len, void *data)
{
	if (!has_option(c, name, len))
		fail_msg(PAGE ": %s has no option --%.*s", c->name, (int)len, name);
}

static void collect(const struct cli_command *c, const char *name, size_t len, void *data)
{
	char *word = mem_dup0(name, len);

	assert_non_null(word);
	assert_int_equal(strv_add(data, word), 0);
	free(word);
}

static void test_options(void **state)
{
	_cleanup_strbuf_ struct strbuf page = STRBUF_INIT;
	struct error err = ERROR_INIT;

	if (file_read(AT_FDCWD, PAGE, PAGE_MAX, &page, &err) < 0)
		fail_msg("%s", error_text(&err));
	for (size_t i = 0; cli_commands[i]; i++) {
		const struct cli_command *c = cli_commands[i];
		_cleanup_strv_ struct strv said = STRV_INIT;
		_cleanup_free_ char *heading = str_printf("\n.Ss %s\n", c->name);

		assert_non_null(heading);
		if (!strstr(page.buf, heading))
			fail_msg(PAGE ": there is no section '.Ss %s'", c->name);
		each_option(page.buf, c, check_known, NULL);
		each_option(page.buf, c, collect, &said);
		for (size_t k = 0; c->options[k]; k++)
			for (const struct cli_option *o = c->options[k]; o->name; o++)
				if (!strv_has(&said, o->name))
					fail_msg(PAGE ": '.It Fl -%s' is missing below '.Ss %s'",
						 o->name, c->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_options) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
