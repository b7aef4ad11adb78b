/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "codec/json.h"
#include "support/cmocka_all.h"

static const struct progress_state unpack = {
	.stage = PROGRESS_UNPACK,
	.what = "deb",
	.items = 57,
	.items_total = 125,
	.bytes = 43 << 20,
	.bytes_total = 158 << 20,
	.usec = 1100000,
};

static void check_live(const struct progress_state *s, size_t width, const char *want)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	assert_int_equal(report_live_line(s, width, &out), 0);
	assert_string_equal(out.buf, want);
}

static void test_live(void **state)
{
	const struct progress_state resolve = { .stage = PROGRESS_RESOLVE, .what = "deb" };
	const struct progress_state write = {
		.stage = PROGRESS_WRITE, .what = "a\033[31m\xc3\xa9.img", .bytes = 1500, .usec = 10
	};
	const struct progress_state one = { .stage = PROGRESS_FETCH, .items = 1, .bytes = 1 };

	check_live(&unpack, 79, "unpack  57/125 packages  43.0 MiB/158.0 MiB  39.1 MiB/s  deb");
	check_live(&unpack, 20, "unpack  57/125 packa");
	check_live(&unpack, 0, "");
	check_live(&resolve, 79, "resolve  deb");
	/* no rate before there is one; control bytes never reach the terminal */
	check_live(&write, 79, "write  1.5 KiB  a\\x1b[31m\\xc3\\xa9.img");
	check_live(&one, 79, "fetch  1 package  1 B");
}

static void check_plain(enum progress_event e, const struct progress_state *s, const char *want)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	assert_int_equal(report_plain_line(e, s, &out), 0);
	assert_string_equal(out.buf, want);
}

static void test_plain(void **state)
{
	const struct progress_state passes = { .stage = PROGRESS_PASSES, .usec = 12345 };
	const struct progress_state none = {
		.stage = PROGRESS_FETCH, .what = "x\ny", .items_total = 3, .bytes_total = 30
	};

	check_plain(PROGRESS_END, &unpack, "unpack deb: 57 packages, 43.0 MiB, 1.10 s");
	check_plain(PROGRESS_UPDATE, &unpack,
		    "unpack deb: 57 of 125 packages, 43.0 MiB of 158.0 MiB, 1.10 s so far");
	check_plain(PROGRESS_END, &passes, "passes: 0.01 s");
	check_plain(PROGRESS_UPDATE, &none,
		    "fetch x\\x0ay: 0 of 3 packages, 0 B of 30 B, 0.00 s so far");
}

static void test_json(void **state)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	const struct progress_state odd = { .stage = PROGRESS_WRITE, .what = "\x1b\"\xff\n" };
	const char *what = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(report_json_line(PROGRESS_END, &unpack, &out), 0);
	assert_string_equal(out.buf,
			    "{\"event\":\"stage-end\",\"stage\":\"unpack\",\"what\":\"deb\","
			    "\"items\":57,\"items_total\":125,\"bytes\":45088768,"
			    "\"bytes_total\":165675008,\"usec\":1100000}");
	strbuf_reset(&out);
	assert_int_equal(report_json_line(PROGRESS_BEGIN, &odd, &out), 0);
	assert_null(strchr(out.buf, '\n'));
	assert_int_equal(json_doc_parse(out.buf, out.len, JSON_MAX_BYTES, &doc, &err), 0);
	assert_int_equal(json_need_string(json_doc_root(doc), "what", &what, &err), 0);
	assert_string_equal(what, "\x1b\"\\xff\n");
}

static void test_size(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} cases[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.0 KiB" },
		{ 1048523, "1023.9 KiB" },
		{ 1048575, "1.0 MiB" },
		{ UINT64_C(5) << 30, "5.0 GiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

		assert_int_equal(report_size(cases[i].bytes, &out), 0);
		assert_string_equal(out.buf, cases[i].want);
	}
}

/* One whole report into a file: every line is JSON, the last one the result. */
static void test_stream(void **state)
{
	char path[] = "/tmp/test_report-XXXXXX";
	_cleanup_fd_ int fd = mkstemp(path);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct report r = REPORT_INIT;
	const struct report_args a = { .json_file = path };
	const struct cli_command cmd = { .name = "cmd", .failed = 2 };
	const struct progress_output o = { "image", "a\nb", 5, "00", 4, NULL };
	struct error err = ERROR_INIT;
	size_t lines = 0;
	char *last = NULL;

	assert_true(fd >= 0);
	assert_int_equal(report_open(&r, &a, &cmd, &err), 0);
	progress_begin(&r.progress, PROGRESS_WRITE, "x", 0, 0);
	progress_warn(&r.progress, "odd \x1b name");
	progress_end(&r.progress, PROGRESS_WRITE);
	progress_output(&r.progress, &o);
	progress_output(&r.progress, &o);
	assert_int_equal(report_finish(&r, &cmd, 0, &err), 0);
	error_hint(&err, error_set(&err, -EIO, "it failed"), "try again");
	assert_int_equal(report_finish(&r, &cmd, -EIO, &err), -EIO);
	report_close(&r);
	assert_int_equal(strbuf_read_fd(&text, fd, 1 << 20), 0);
	for (char *line = strtok_r(text.buf, "\n", &last); line;
	     line = strtok_r(NULL, "\n", &last), lines++) {
		_cleanup_json_doc_ struct json_doc *doc = NULL;

		assert_int_equal(json_doc_parse(line, strlen(line), JSON_MAX_BYTES, &doc, &err), 0);
		if (lines == 4) {
			const struct json_value *v = json_find(json_doc_root(doc), "outputs");

			assert_int_equal(json_count(v), 2);
		}
		if (lines == 5)
			assert_string_equal(
				line, "{\"event\":\"result\",\"status\":2,\"error\":\"it failed\","
				      "\"hint\":\"try again\",\"outputs\":[]}");
	}
	assert_int_equal(lines, 6);
	unlink(path);
}

static void test_refused(void **state)
{
	const struct cli_command cmd = { .name = "cmd" };
	const struct report_args both = { .json = true, .json_file = "x" };
	const struct report_args bad = { .json_file = "/nonexistent/x" };
	const struct report_args full = { .json_file = "/dev/full" };
	struct report r = REPORT_INIT, r2 = REPORT_INIT, r3 = REPORT_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(report_open(&r, &both, &cmd, &err), -EINVAL);
	assert_string_equal(err.msg, "cmd: --json and --json-file exclude each other");
	report_close(&r);
	assert_int_equal(report_open(&r2, &bad, &cmd, &err), -ENOENT);
	assert_string_equal(err.msg,
			    "cmd: cannot open '/nonexistent/x': No such file or directory");
	report_close(&r2);
	/* what could not be written is no success */
	assert_int_equal(report_open(&r3, &full, &cmd, &err), 0);
	assert_int_equal(report_finish(&r3, &cmd, 0, &err), -ENOSPC);
	assert_string_equal(err.msg, "cannot write to /dev/full: No space left on device");
	report_close(&r3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live),   cmocka_unit_test(test_plain),
		cmocka_unit_test(test_json),   cmocka_unit_test(test_size),
		cmocka_unit_test(test_stream), cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
