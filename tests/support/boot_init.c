/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1 of an image test: tells over the console what it finds in its root file system, and in an erofs on /dev/vdb if there
 * is one, one line an entry in the form of torture_image.c; then powers off.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "support/listing.h"

static void read_xattrs(const char *path, struct listing *l)
{
	static char names[65536], value[65536];
	ssize_t n = llistxattr(path, names, sizeof(names));

	for (char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
		ssize_t k = lgetxattr(path, p, value, sizeof(value));

		listing_xattr(l, p, value, k < 0 ? 0 : (size_t)k);
	}
}

static uint32_t read_sum(const char *path)
{
	static uint8_t buf[1 << 20];
	uint32_t sum = LISTING_SUM_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		sum = listing_sum(sum, buf, (size_t)n);
	if (fd >= 0)
		close(fd);
	return sum;
}

static void walk(const char *tag, const char *path, const char *shown)
{
	struct listing l = { 0 };
	struct stat st;
	struct dirent **v = NULL;
	int n;

	if (lstat(path, &st) < 0) {
		printf("%s cannot stat %s\n", tag, shown);
		return;
	}
	l.path = shown;
	l.mode = st.st_mode;
	l.uid = st.st_uid;
	l.gid = st.st_gid;
	l.mtime = st.st_mtim.tv_sec;
	l.nsec = (uint32_t)st.st_mtim.tv_nsec;
	if (!S_ISDIR(st.st_mode)) {
		l.nlink = (uint32_t)st.st_nlink;
		l.size = (uint64_t)st.st_size;
	}
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
		l.major = major(st.st_rdev);
		l.minor = minor(st.st_rdev);
	}
	if (S_ISREG(st.st_mode))
		l.sum = read_sum(path);
	if (S_ISLNK(st.st_mode) && readlink(path, l.target, sizeof(l.target) - 1) < 0)
		l.target[0] = '?';
	read_xattrs(path, &l);
	listing_print(tag, &l);
	listing_release(&l);
	if (!S_ISDIR(st.st_mode))
		return;
	n = scandir(path, &v, NULL, NULL);
	for (int i = 0; i < n; i++) {
		char *a = NULL, *b = NULL;

		if (strcmp(v[i]->d_name, ".") != 0 && strcmp(v[i]->d_name, "..") != 0 &&
		    asprintf(&a, "%s/%s", path, v[i]->d_name) > 0 &&
		    asprintf(&b, "%s/%s", shown, v[i]->d_name) > 0)
			walk(tag, a, b);
		free(a);
		free(b);
		free(v[i]);
	}
	free(v);
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
			walk("DISK", "/empty-dir", "");
		umount2("/empty-dir", MNT_DETACH);
	}
	/* What the kernel has mounted there hides the entries of the image. */
	umount2("/dev", MNT_DETACH);
	walk("ROOT", "/", "");
	printf("BOOT-DONE\n");
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
