/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page names every option and every built-in command, and no other. */
#include "tools/agent-ctl/options.h"

#include <fcntl.h>
#include <string.h>
#include "base/file.h"
#include "base/strv.h"
#include "support/cmocka_all.h"
#include "tools/agent-ctl/ctl.h"

#define PAGE	 "runtime/tools/agent-ctl/kata-agent-ctl.1"
#define PAGE_MAX (1u << 20)

/* The words after `mark` at the start of lines, between this heading and the next. */
static void collect(const char *page, const char *heading, const char *mark, struct strv *out)
{
	const char *line = strstr(page, heading);

	assert_non_null(line);
	for (line += strlen(heading); line;
	     line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		const char *word = str_after(line, mark);

		if (str_after(line, ".Ss ") || str_after(line, ".Sh "))
			return;
		if (word)
			assert_int_equal(strv_addf(out, "%.*s", (int)strcspn(word, " \n"), word),
					 0);
	}
}

static void compare(const struct strv *known, const struct strv *said)
{
	for (size_t i = 0; i < known->n; i++)
		if (!strv_has(said, known->v[i]))
			fail_msg(PAGE ": %s is missing", known->v[i]);
	for (size_t i = 0; i < said->n; i++)
		if (!strv_has(known, said->v[i]))
			fail_msg(PAGE ": the program has no %s", said->v[i]);
}

static void check_options(const char *page, const char *heading, const struct option_def *defs,
			  size_t n)
{
	_cleanup_strv_ struct strv known = STRV_INIT, said = STRV_INIT;

	for (size_t i = 0; i < n; i++) {
		char line[128];

		assert_int_equal(strv_add(&known, defs[i].name), 0);
		/* Its letter stands in the same line. */
		snprintf(line, sizeof(line), "\n.It Fl -%s", defs[i].name);
		if (defs[i].alias) {
			const char *at = strstr(strstr(page, heading), line);
			char letter[16];

			snprintf(letter, sizeof(letter), ", Fl %s", defs[i].alias);
			if (!at || !memmem(at + 1, strcspn(at + 1, "\n"), letter, strlen(letter)))
				fail_msg(PAGE ": --%s: -%s is missing", defs[i].name,
					 defs[i].alias);
		}
	}
	collect(page, heading, ".It Fl -", &said);
	compare(&known, &said);
}

static void test_manual(void **state)
{
	struct option_def global[CTL_GLOBAL_OPTIONS], connect[CTL_CONNECT_OPTIONS];
	_cleanup_strv_ struct strv known = STRV_INIT, said = STRV_INIT;
	_cleanup_strbuf_ struct strbuf page = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct ctl_options o = { 0 };

	if (file_read(AT_FDCWD, PAGE, PAGE_MAX, &page, &err) < 0)
		fail_msg("%s", error_text(&err));
	ctl_global_options(&o, global);
	ctl_connect_options(&o, connect);
	check_options(page.buf, ".Ss Global options\n", global, CTL_GLOBAL_OPTIONS);
	check_options(page.buf, ".Ss Options of connect\n", connect, CTL_CONNECT_OPTIONS);
	for (const struct ctl_builtin *b = ctl_builtins; b->name; b++)
		assert_int_equal(strv_add(&known, b->name), 0);
	collect(page.buf, ".Ss Built-in commands\n", ".It Ic ", &said);
	compare(&known, &said);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_manual) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
