/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/reboot.h>

/*
 * The init of `make bench-kernel`: tells the counter (insn_count.c) that the guest is in user space, by a long NOP that no compiler
 * writes, and ends the machine.
 */
int main(void)
{
	__asm__ volatile(".byte 0x0f, 0x1f, 0x80, 0x01, 0x00, 0x4b, 0x4d");
	reboot(RB_AUTOBOOT);
	return 0;
}
