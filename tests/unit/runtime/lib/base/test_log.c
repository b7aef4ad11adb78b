/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"

static char line[4096];
static int pipefd[2] = { -1, -1 };

/* One log line as it left the process. */
static const char *logged(enum log_format format, enum log_level level, const char *text)
{
	struct log_config cfg = {
		.name = "prog", .source = "runtime", .level = LOG_L_INFO, .format = format
	};
	ssize_t n;

	assert_int_equal(fd_pipe(pipefd, O_NONBLOCK), 0);
	cfg.fd = pipefd[1];
	log_init(&cfg);
	log_write(level, "%s", text);
	n = read(pipefd[0], line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = '\0';
	close(pipefd[0]);
	close(pipefd[1]);
	return line;
}

static void plain_is_for_command_lines(void **state)
{
	assert_string_equal(logged(LOG_F_PLAIN, LOG_L_ERROR, "no \"x\""), "prog: no \"x\"\n");
	assert_string_equal(logged(LOG_F_PLAIN, LOG_L_DEBUG, "hidden"), "");
}

static void text_is_logfmt_with_upstreams_keys(void **state)
{
	char pid[32];

	assert_int_equal(log_set_field("sandbox", "s1"), 0);
	logged(LOG_F_TEXT, LOG_L_WARN, "say \"hi\"\nnow");
	snprintf(pid, sizeof(pid), " pid=%d ", getpid());
	assert_memory_equal(line, "time=\"2", 7);
	assert_non_null(strstr(line, " level=warning msg=\"say \\\"hi\\\"\\nnow\" name=prog"));
	assert_non_null(strstr(line, pid));
	assert_non_null(strstr(line, " source=runtime sandbox=s1\n"));
	assert_int_equal(log_set_field("sandbox", NULL), 0);
	assert_null(strstr(logged(LOG_F_TEXT, LOG_L_INFO, "x"), "sandbox"));
}

static void json_has_the_agents_keys(void **state)
{
	logged(LOG_F_JSON, LOG_L_INFO, "a\tb");
	assert_memory_equal(line, "{\"msg\":\"a\\tb\",\"level\":\"info\",\"ts\":\"", 34);
	assert_non_null(
		strstr(line, "\"name\":\"prog\",\"source\":\"runtime\",\"subsystem\":\"prog\""));
	assert_string_equal(line + strlen(line) - 3, "\"}\n");
}

static void fields_are_bounded(void **state)
{
	assert_int_equal(log_set_field("a", "1"), 0);
	assert_int_equal(log_set_field("b", "1"), 0);
	assert_int_equal(log_set_field("c", "1"), 0);
	assert_int_equal(log_set_field("d", "1"), 0);
	assert_int_equal(log_set_field("a", "2"), 0);
	assert_int_equal(log_set_field("e", "1"), -ENOSPC);
	assert_non_null(strstr(logged(LOG_F_TEXT, LOG_L_INFO, "x"), "a=2 b=1 c=1 d=1"));
}

static void level_words(void **state)
{
	enum log_level l;

	assert_int_equal(log_level_parse("Critical", &l), 0);
	assert_int_equal(l, LOG_L_ERROR);
	assert_int_equal(log_level_parse("trace", &l), 0);
	assert_int_equal(l, LOG_L_TRACE);
	assert_int_equal(log_level_parse("loud", &l), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_is_for_command_lines),
		cmocka_unit_test(text_is_logfmt_with_upstreams_keys),
		cmocka_unit_test(json_has_the_agents_keys),
		cmocka_unit_test(fields_are_bounded),
		cmocka_unit_test(level_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
