/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include "container/seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include "base/compiler.h"

static char *names[] = { (char *)"mkdir", (char *)"no_such_call", NULL };

static struct oci_seccomp profile(struct oci_seccomp_syscall *call)
{
	struct oci_seccomp s;

	memset(call, 0, sizeof(*call));
	memset(&s, 0, sizeof(s));
	call->names = (struct oci_strings){ names, 2 };
	call->action = (char *)"SCMP_ACT_ERRNO";
	s.default_action = (char *)"SCMP_ACT_ALLOW";
	s.syscalls = call;
	s.n_syscalls = 1;
	return s;
}

static void refused(const struct oci_seccomp *s, const char *want)
{
	struct seccomp_filter f = FILTER_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(filter_compile(s, &f, &err), -EINVAL);
	assert_string_equal(err.msg, want);
	assert_null(f.prog);
}

/* A return of the value somewhere in the program. */
static bool returns(const struct seccomp_filter *f, uint32_t value)
{
	const struct sock_filter *p = f->prog;

	for (unsigned int i = 0; i < f->n; i++)
		if (p[i].code == (BPF_RET | BPF_K) && p[i].k == value)
			return true;
	return false;
}

static void test_compile(void **state)
{
	struct oci_seccomp_syscall call;
	struct oci_seccomp s = profile(&call);
	char *flags[] = { (char *)"SECCOMP_FILTER_FLAG_LOG", (char *)"SECCOMP_FILTER_FLAG_TSYNC" };
	struct seccomp_filter f = FILTER_INIT;
	struct error err = ERROR_INIT;

	s.flags = (struct oci_strings){ flags, 2 };
	if (filter_compile(&s, &f, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(f.n > 3);
	assert_int_equal(f.flags, SECCOMP_FILTER_FLAG_LOG);
	assert_true(returns(&f, SECCOMP_RET_ERRNO | EPERM));
	assert_true(returns(&f, SECCOMP_RET_ALLOW));
	free(f.prog);
	f.prog = NULL;
	call.has_errno_ret = true;
	call.errno_ret = 38;
	assert_int_equal(filter_compile(&s, &f, &err), 0);
	assert_true(returns(&f, SECCOMP_RET_ERRNO | 38));
	free(f.prog);
}

static void test_refused(void **state)
{
	struct oci_seccomp_syscall call;
	struct oci_seccomp s = profile(&call);
	struct oci_seccomp_arg arg = { .index = 6, .op = (char *)"SCMP_CMP_EQ" };
	char *bad[] = { (char *)"SCMP_ARCH_PDP11" };

	s.default_action = (char *)"SCMP_ACT_HOPE";
	refused(&s, "linux.seccomp: unknown action \"SCMP_ACT_HOPE\"");
	s = profile(&call);
	call.action = NULL;
	refused(&s, "linux.seccomp: unknown action \"\"");
	s = profile(&call);
	call.action = (char *)"SCMP_ACT_KILL";
	call.has_errno_ret = true;
	refused(&s, "linux.seccomp: SCMP_ACT_KILL takes no errnoRet");
	s = profile(&call);
	call.args = &arg;
	call.n_args = 1;
	refused(&s, "linux.seccomp: system call \"mkdir\": argument index 6");
	arg.index = 0;
	arg.op = (char *)"==";
	refused(&s, "linux.seccomp: unknown operator \"==\"");
	call.n_args = 7;
	refused(&s, "linux.seccomp: system call \"mkdir\": 7 arguments");
	s = profile(&call);
	s.architectures = (struct oci_strings){ bad, 1 };
	refused(&s, "linux.seccomp.architectures: unknown \"SCMP_ARCH_PDP11\"");
	s = profile(&call);
	s.flags = (struct oci_strings){ bad, 1 };
	refused(&s, "linux.seccomp.flags: unknown flag \"SCMP_ARCH_PDP11\"");
}

static void test_listener_needs_path(void **state)
{
	struct oci_seccomp_syscall call;
	struct oci_seccomp s = profile(&call);
	struct seccomp_filter f = FILTER_INIT;
	struct error err = ERROR_INIT;

	/* Nobody is notified: nobody is asked for. */
	assert_int_equal(filter_connect(&s, "{}", 1, &f, &err), 0);
	assert_int_equal(f.listener, -1);
	call.action = (char *)"SCMP_ACT_NOTIFY";
	assert_int_equal(filter_connect(&s, "{}", 1, &f, &err), -EINVAL);
	assert_string_equal(err.msg, "linux.seccomp.listenerPath: an absolute path is needed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compile),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_listener_needs_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
