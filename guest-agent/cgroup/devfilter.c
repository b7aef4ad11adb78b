/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup/devfilter.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"

#define ACCESS_ALL     (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)
#define INSNS_PER_RULE 10 /* at most: type 1, access 3, major 1, minor 1, answer 2 */
#define INSNS_FIXED    8

/* Documentation/admin-guide/devices.txt; 136 is the first of the pseudo-terminals. -1: any. */
static const struct oci_device_rule always_allowed[] = {
	{ .allow = true, .type = 'c', .major = -1, .minor = -1, .access = (char *)"m" },
	{ .allow = true, .type = 'b', .major = -1, .minor = -1, .access = (char *)"m" },
	{ .allow = true, .type = 'c', .major = 1, .minor = 3 },
	{ .allow = true, .type = 'c', .major = 1, .minor = 5 },
	{ .allow = true, .type = 'c', .major = 1, .minor = 7 },
	{ .allow = true, .type = 'c', .major = 1, .minor = 8 },
	{ .allow = true, .type = 'c', .major = 1, .minor = 9 },
	{ .allow = true, .type = 'c', .major = 5, .minor = 0 },
	{ .allow = true, .type = 'c', .major = 5, .minor = 2 },
	{ .allow = true, .type = 'c', .major = 136, .minor = -1 },
};

struct prog {
	struct bpf_insn *insn;
	size_t n;
};

static void emit(struct prog *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	p->insn[p->n++] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm
	};
}

/* Bits of "rwm"; 0 for anything else. NULL or empty is all. */
static int access_bits(const char *s)
{
	int bits = 0;

	if (!s || !*s)
		return ACCESS_ALL;
	for (; *s; s++) {
		if (*s == 'r')
			bits |= BPF_DEVCG_ACC_READ;
		else if (*s == 'w')
			bits |= BPF_DEVCG_ACC_WRITE;
		else if (*s == 'm')
			bits |= BPF_DEVCG_ACC_MKNOD;
		else
			return 0;
	}
	return bits;
}

/*
 * r2 type, r3 access, r4 major, r5 minor. A rule that does not match jumps behind itself. Returns 1 for a rule that matches
 * everything: what follows could not be reached, which the kernel refuses.
 */
static int emit_rule(struct prog *p, const struct oci_device_rule *r)
{
	int bits = access_bits(r->access);
	bool any = !r->type || r->type == 'a';
	size_t start = p->n;

	if (!bits || (!any && r->type != 'c' && r->type != 'b') || r->major > INT32_MAX ||
	    r->minor > INT32_MAX)
		return -EINVAL;
	if (!any)
		emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 0,
		     r->type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK);
	if (bits != ACCESS_ALL) {
		/* An allowance must cover all that is asked for; a prohibition strikes with any of it. */
		emit(p, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0);
		emit(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_1, 0, 0,
		     r->allow ? ACCESS_ALL & ~bits : bits);
		emit(p, BPF_JMP | (r->allow ? BPF_JNE : BPF_JEQ) | BPF_K, BPF_REG_1, 0, 0, 0);
	}
	if (r->major >= 0)
		emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 0, (int32_t)r->major);
	if (r->minor >= 0)
		emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 0, (int32_t)r->minor);
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, r->allow);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	for (size_t i = start; i < p->n; i++)
		if (BPF_CLASS(p->insn[i].code) == BPF_JMP && BPF_OP(p->insn[i].code) != BPF_EXIT)
			p->insn[i].off = (int16_t)(p->n - i - 1);
	return p->n - start == 2;
}

int devfilter_program(const struct oci_device_rule *rules, size_t n, struct bpf_insn **ret,
		      size_t *ret_n, struct error *err)
{
	struct prog p = { NULL, 0 };
	size_t end = 0;

	if (n > DEVFILTER_MAX_RULES)
		return error_set(err, -EINVAL, "linux.resources.devices: more than %d rules",
				 DEVFILTER_MAX_RULES);
	p.insn = new0_array(struct bpf_insn,
			    (n + ARRAY_SIZE(always_allowed)) * INSNS_PER_RULE + INSNS_FIXED);
	if (!p.insn)
		return error_oom(err);
	/* struct bpf_cgroup_dev_ctx: access_type is access << 16 | type. */
	emit(&p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, 0, 0);
	emit(&p, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	emit(&p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	emit(&p, BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	emit(&p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, 4, 0);
	emit(&p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, 8, 0);
	for (size_t i = 0; i < ARRAY_SIZE(always_allowed); i++)
		emit_rule(&p, &always_allowed[i]);
	for (size_t i = n; i > 0; i--) {
		int r = emit_rule(&p, &rules[i - 1]);

		if (r < 0) {
			free(p.insn);
			return error_set(err, -EINVAL, "linux.resources.devices[%zu]: bad rule",
					 i - 1);
		}
		/* Earlier rules are still looked at, for their errors. */
		if (r > 0 && !end)
			end = p.n;
	}
	emit(&p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
	emit(&p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	*ret = p.insn;
	*ret_n = end ? end : p.n;
	return 0;
}

int devfilter_attach(int cgroup_fd, const struct oci_device_rule *rules, size_t n,
		     struct error *err)
{
	static const char license[] = "Apache-2.0";
	_cleanup_free_ struct bpf_insn *insns = NULL;
	_cleanup_fd_ int prog = -1;
	union bpf_attr attr;
	size_t count = 0;
	int r = devfilter_program(rules, n, &insns, &count, err);

	if (r < 0)
		return r;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)insns;
	attr.insn_cnt = (uint32_t)count;
	attr.license = (uint64_t)(uintptr_t)license;
	prog = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (prog < 0)
		return error_sys(err, -errno, "cannot load the device rules");
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)) < 0)
		return error_sys(err, -errno, "cannot attach the device rules");
	return 0;
}
