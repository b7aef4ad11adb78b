/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/parse.h"
#include "disk/verity.h"

/*
 * What `veritysetup format --no-superblock --salt=SALT DATA HASH` does, by verity_write() alone: for measurements.
 *
 * verity_write() wants data and tree in one file, as in an image, so DATA is an image that has the tree's place behind its data: a copy
 * that may be written to.
 */
static int format(const char *data, const char *salt_hex)
{
	struct error err = ERROR_INIT;
	uint8_t salt[VERITY_SALT_MAX], root[VERITY_DIGEST];
	struct verity_params p = { .salt = salt, .salt_len = strlen(salt_hex) / 2 };
	_cleanup_fd_ int fd = open(data, O_RDWR | O_CLOEXEC);
	char hex[2 * VERITY_DIGEST + 1];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(data);
		return 1;
	}
	if (p.salt_len > sizeof(salt) || hex_decode(salt, (uint32_t)p.salt_len, salt_hex) < 0) {
		fprintf(stderr, "salt '%s' is not hex\n", salt_hex);
		return 1;
	}
	p.data_size = (uint64_t)st.st_size / VERITY_BLOCK * VERITY_BLOCK;
	p.hash_offset = p.data_size;
	if (verity_write(fd, &p, root, &err) < 0) {
		fprintf(stderr, "%s: %s\n", data, error_text(&err));
		return 1;
	}
	hex_encode(hex, root, sizeof(root));
	printf("%s\n", hex);
	/* as it was, for the next run */
	return ftruncate(fd, (off_t)p.data_size) < 0;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: verity-format DATA SALT\n");
		return 1;
	}
	return format(argv[1], argv[2]);
}
