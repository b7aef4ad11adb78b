/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/resources.h"

#include <errno.h>
#include <string.h>
#include "support/cmocka_all.h"

/* The JSON of "update ARGS...", or the text of the error. */
static int make(char *const *args, int n, struct strbuf *out, struct error *err)
{
	struct option_def defs[RESOURCE_OPTIONS];
	struct resource_options o = { NULL };
	char *argv[16] = { (char *)"update" };
	int next, r;

	assert_true(n < 15);
	for (int i = 0; i < n; i++)
		argv[i + 1] = args[i];
	resource_options(&o, defs);
	r = options_parse(defs, RESOURCE_OPTIONS, n + 1, argv, &next, err);
	return r < 0 ? r : resource_json(&o, out, err);
}

#define ARGS(...) \
	((char *[]){ __VA_ARGS__ }), (int)(sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *))
#define A(s) ((char *)(s))

static void test_json(void **state)
{
	_cleanup_strbuf_ struct strbuf one = STRBUF_INIT, all = STRBUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(make(ARGS(A("--pids-limit"), A("-1")), &one, &err), 0);
	assert_string_equal(one.buf, "{\"pids\":{\"limit\":-1}}");
	assert_int_equal(make(ARGS(A("--pids-limit=7"), A("--memory=64m"), A("--memory-swap"),
				   A("-1"), A("--cpuset-cpus=0-1"), A("--cpu-share=512"),
				   A("--memory-reservation=1000")),
			      &all, &err),
			 0);
	assert_string_equal(all.buf,
			    "{\"memory\":{\"limit\":67108864,\"reservation\":1000,\"swap\":-1},"
			    "\"cpu\":{\"shares\":512,\"cpus\":\"0-1\"},\"pids\":{\"limit\":7}}");
}

static void assert_refused(const char *arg, const char *want)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	int r = make(ARGS(A(arg)), &out, &err);

	assert_true(r < 0);
	assert_string_equal(err.msg, want);
}

static void test_reject(void **state)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	assert_refused("--memory=lots", "invalid value for --memory: \"lots\"");
	assert_refused("--memory=", "invalid value for --memory: \"\"");
	assert_refused("--memory=-2", "invalid value for --memory: \"-2\"");
	assert_refused("--memory=9223372036854775808",
		       "invalid value for --memory: \"9223372036854775808\"");
	assert_refused("--memory=11111111111111111111111111111111111",
		       "invalid value for --memory: \"11111111111111111111111111111111111\"");
	assert_refused("--pids-limit=1m", "invalid value for --pids-limit: \"1m\"");
	assert_refused("--cpu-quota=-2", "invalid value for --cpu-quota: \"-2\"");
	assert_refused("--l3-cache-schema=x",
		       "--l3-cache-schema is not supported: the cache is not the guest's");
	assert_int_equal(make(NULL, 0, &out, &err), -EINVAL);
	assert_string_equal(err.msg, "no limit is given");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_json),
					    cmocka_unit_test(test_reject) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
