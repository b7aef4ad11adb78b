/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1 of an image test: tells over the console what it finds in its root file system, and in an erofs on /dev/vdb if there
 * is one, one line an entry in the form of torture_image.c, or with listing_sums=1 in the kernel's command line one sum an
 * entry of the root directory in the form of torture_big.c; then powers off.
 */
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>
#include "support/listing_walk.h"

static void print(struct listing *l, void *data)
{
	listing_print(stdout, data, l);
}

static void walk(const char *tag, const char *dir)
{
	struct listing_sums sums = { .out = stdout, .tag = tag };
	int errors;

	/* what the kernel does not know in its command line it gives to init */
	if (getenv("listing_sums")) {
		errors = listing_walk(dir, listing_sums_add, &sums);
		listing_sums_end(&sums);
	} else {
		errors = listing_walk(dir, print, (char *)tag);
	}
	if (errors)
		printf("%s %d errors\n", tag, errors);
}

int main(void)
{
	static char out[1 << 16];

	setvbuf(stdout, out, _IOFBF, sizeof(out));
	printf("\nBOOT-INIT\n");
	if (access("/dev/vdb", F_OK) == 0) {
		if (mount("/dev/vdb", "/empty-dir", "erofs", MS_RDONLY, NULL) < 0)
			printf("DISK cannot mount /dev/vdb: %m\n");
		else
			walk("DISK", "/empty-dir");
		umount2("/empty-dir", MNT_DETACH);
	}
	/* What the kernel has mounted there hides the entries of the image. */
	umount2("/dev", MNT_DETACH);
	walk("ROOT", "/");
	printf("BOOT-DONE\n");
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
