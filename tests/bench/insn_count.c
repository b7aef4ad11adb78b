/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A TCG plugin of QEMU: counts the guest's instructions by translation block, from the first one at address `entry` (the kernel's) to
 * the marker of insn_init.c, and writes "ADDRESS COUNT" lines to the file `out`. Arguments: entry=HEX,out=FILE.
 *
 * Debian packages no header of QEMU's plugin interface; what is used of its version 1 (QEMU, include/qemu/qemu-plugin.h) is declared
 * here. The names are QEMU's.
 */
#define EXPORT	       __attribute__((visibility("default")))
#define INLINE_ADD_U64 0 /* QEMU_PLUGIN_INLINE_ADD_U64 */
#define CB_NO_REGS     0 /* QEMU_PLUGIN_CB_NO_REGS */
#define PLUGIN_VERSION 1

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*tb_trans_cb)(plugin_id, struct qemu_plugin_tb *);
typedef void (*udata_cb)(unsigned int, void *);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, tb_trans_cb);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, udata_cb, int, void *);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, udata_cb, int, void *);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int, void *, uint64_t);

EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_version = PLUGIN_VERSION;

/* Open addressing; QEMU keeps pointers to the counts, so that the table never moves. A boot has under 200000 blocks. */
#define SLOTS (1u << 20)
struct slot {
	uint64_t address, count;
};
static struct slot *slots;
static uint64_t entry;
static bool entered, done;
static const char *out = "insn.txt";

static const uint8_t marker[] = { 0x0f, 0x1f, 0x80, 0x01, 0x00, 0x4b, 0x4d };

static struct slot *slot_of(uint64_t address)
{
	size_t i = (size_t)(address * 0x9e3779b97f4a7c15u >> 44);

	while (slots[i].address && slots[i].address != address)
		i = (i + 1) % SLOTS;
	slots[i].address = address;
	return &slots[i];
}

/* The firmware is behind us. */
static void at_entry(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	if (entered)
		return;
	entered = true;
	for (size_t i = 0; i < SLOTS; i++)
		slots[i].count = 0;
}

static void at_marker(unsigned int cpu, void *data)
{
	FILE *f = done ? NULL : fopen(out, "we");

	(void)cpu;
	(void)data;
	done = true;
	if (!f)
		return;
	for (size_t i = 0; i < SLOTS; i++) {
		if (slots[i].count)
			fprintf(f, "%llx %llu\n", (unsigned long long)slots[i].address,
				(unsigned long long)slots[i].count);
	}
	fclose(f);
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (address == entry)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, at_entry, CB_NO_REGS, NULL);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &slot_of(address)->count, n);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (qemu_plugin_insn_size(insn) == sizeof(marker) &&
		    memcmp(qemu_plugin_insn_data(insn), marker, sizeof(marker)) == 0)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_marker, CB_NO_REGS, NULL);
	}
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "entry=", 6) == 0)
			entry = strtoull(argv[i] + 6, NULL, 16);
		else if (strncmp(argv[i], "out=", 4) == 0)
			out = argv[i] + 4;
		else
			return -1;
	}
	out = strdup(out);
	slots = calloc(SLOTS, sizeof(*slots));
	if (!out || !slots)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
