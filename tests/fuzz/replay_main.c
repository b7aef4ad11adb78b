/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Stands in for libFuzzer in `make check`: feeds every file of the given files and directories to the fuzz target. It fails when
 * there is no input at all, so that an empty or mistyped corpus cannot pass.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t replayed;

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rbe");
	struct stat st;
	uint8_t *data = NULL;
	size_t size;
	int r = -1;

	if (!f || fstat(fileno(f), &st) < 0)
		goto out;
	size = (size_t)st.st_size;
	/* Exactly as large as the input, so that the address sanitizer sees reads behind its end. */
	data = malloc(size ? size : 1);
	if (!data || fread(data, 1, size, f) != size)
		goto out;
	LLVMFuzzerTestOneInput(data, size);
	replayed++;
	r = 0;
out:
	if (r < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	free(data);
	if (f)
		fclose(f);
	return r;
}

static int replay(const char *path);

static int replay_dir(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort), r = 0;

	if (n < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.' && r == 0) {
			char *child = NULL;

			if (asprintf(&child, "%s/%s", path, names[i]->d_name) < 0)
				r = -1;
			else
				r = replay(child);
			free(child);
		}
		free(names[i]);
	}
	free(names);
	return r;
}

static int replay(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	return S_ISDIR(st.st_mode) ? replay_dir(path) : replay_file(path);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (replay(argv[i]) < 0)
			return 1;
	}
	/* One TAP result: reaching this line is the test. */
	printf("1..1\n%s 1 - %zu inputs replayed\n", replayed ? "ok" : "not ok", replayed);
	if (replayed == 0)
		fprintf(stderr, "%s: no input in the given files and directories\n", argv[0]);
	return replayed == 0;
}
