/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include "base/compiler.h"
#include "cgroup/devfilter.h"

/* Runs a program on one request, with just the instructions that devfilter.c uses. Anything else fails the test. */
static int evaluate(const struct bpf_insn *p, size_t n, const uint32_t ctx[3])
{
	uint64_t r[11] = { 0 };

	for (size_t pc = 0; pc < n; pc++) {
		const struct bpf_insn *i = &p[pc];

		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			assert_int_equal(i->src_reg, BPF_REG_1);
			r[i->dst_reg] = ctx[i->off / 4];
			break;
		case BPF_ALU | BPF_MOV | BPF_X:
			r[i->dst_reg] = (uint32_t)r[i->src_reg];
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			r[i->dst_reg] = (uint32_t)r[i->dst_reg] & (uint32_t)i->imm;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			r[i->dst_reg] = (uint32_t)r[i->dst_reg] >> i->imm;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			r[i->dst_reg] = (uint64_t)(int64_t)i->imm;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			pc += r[i->dst_reg] != (uint64_t)(int64_t)i->imm ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += r[i->dst_reg] == (uint64_t)(int64_t)i->imm ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_EXIT:
			return (int)r[0];
		default:
			fail_msg("instruction %zu: code %#x", pc, i->code);
		}
	}
	fail_msg("ran off the end");
	return -1;
}

static int ask(const struct oci_device_rule *rules, size_t n, char type, uint32_t major,
	       uint32_t minor, uint32_t access)
{
	uint32_t ctx[3] = { access << 16 | (type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK),
			    major, minor };
	struct bpf_insn *p = NULL;
	struct error err = ERROR_INIT;
	size_t count = 0;
	int r;

	assert_int_equal(devfilter_program(rules, n, &p, &count, &err), 0);
	r = evaluate(p, count, ctx);
	free(p);
	return r;
}

#define R BPF_DEVCG_ACC_READ
#define W BPF_DEVCG_ACC_WRITE
#define M BPF_DEVCG_ACC_MKNOD

static void test_decisions(void **state)
{
	const struct oci_device_rule rules[] = {
		{ .allow = false, .type = 'a', .major = -1, .minor = -1, .access = (char *)"rwm" },
		{ .allow = true, .type = 'b', .major = 254, .minor = -1, .access = (char *)"r" },
		{ .allow = true, .type = 'c', .major = 10, .minor = 200 },
		{ .allow = false, .type = 'b', .major = 254, .minor = 7, .access = (char *)"rw" },
	};
	const size_t n = ARRAY_SIZE(rules);

	assert_int_equal(ask(rules, n, 'b', 254, 1, R), 1);
	assert_int_equal(ask(rules, n, 'b', 254, 1, R | W), 0);
	assert_int_equal(ask(rules, n, 'b', 254, 7, R), 0); /* a later rule */
	assert_int_equal(ask(rules, n, 'c', 254, 1, R), 0); /* another type */
	assert_int_equal(ask(rules, n, 'c', 10, 200, R | W | M), 1);
	assert_int_equal(ask(rules, n, 'c', 10, 201, R), 0);
	assert_int_equal(ask(rules, n, 'c', 1, 1, R), 0);
	/* Always. */
	assert_int_equal(ask(rules, n, 'c', 1, 3, R | W), 1);
	assert_int_equal(ask(rules, n, 'c', 136, 5, R | W), 1);
	assert_int_equal(ask(rules, n, 'b', 8, 0, M), 1);
	assert_int_equal(ask(rules, n, 'b', 8, 0, R | M), 0);
	/* No rules: no. */
	assert_int_equal(ask(NULL, 0, 'b', 8, 0, R), 0);
}

static void test_bad(void **state)
{
	struct oci_device_rule rules[] = {
		{ .allow = true, .type = 'a', .major = -1, .minor = -1 },
		{ .allow = true, .type = 'x', .major = 1, .minor = 1 },
	};
	struct bpf_insn *p = NULL;
	struct error err = ERROR_INIT;
	size_t n;

	assert_int_equal(devfilter_program(rules, 2, &p, &n, &err), -EINVAL);
	assert_string_equal(err.msg, "linux.resources.devices[1]: bad rule");
	rules[1].type = 'c';
	rules[1].access = (char *)"rx";
	assert_int_equal(devfilter_program(rules, 2, &p, &n, &err), -EINVAL);
	rules[1].access = NULL;
	rules[1].major = 1LL << 40;
	assert_int_equal(devfilter_program(rules, 2, &p, &n, &err), -EINVAL);
	assert_int_equal(devfilter_program(rules, DEVFILTER_MAX_RULES + 1, &p, &n, &err), -EINVAL);
	assert_string_equal(err.msg, "linux.resources.devices: more than 1024 rules");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
