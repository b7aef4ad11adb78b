/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "source/source.h"
#include "support/tool.h"

struct dir {
	char *path;
	int fd;
};

static int setup(void **state)
{
	struct dir *d = calloc(1, sizeof(*d));

	d->path = tool_tmpdir();
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(d->fd >= 0);
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct dir *d = *state;

	close(d->fd);
	tool_rmdir(d->path);
	free(d);
	return 0;
}

static void put(const struct dir *d, const char *name, const char *text, mode_t mode)
{
	int fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void test_everything(void **state)
{
	const struct source_dir_params p = { .own_as_root = true };
	struct error err = ERROR_INIT;
	struct dir *d = *state;
	struct tree *t = tree_new();
	struct tree_node *n;
	char buf[5];

	assert_int_equal(mkdirat(d->fd, "sub", 0751), 0);
	assert_int_equal(fchmodat(d->fd, "sub", 0751, 0), 0);
	put(d, "sub/file", "hello", 04755);
	put(d, "empty", "", 0644);
	assert_int_equal(linkat(d->fd, "sub/file", d->fd, "zlink", 0), 0);
	assert_int_equal(symlinkat("../away", d->fd, "sub/sym"), 0);
	assert_int_equal(mkfifoat(d->fd, "fifo", 0600), 0);
	if (source_add_dir(t, d->fd, &p, &err) < 0)
		fail_msg("%s", error_text(&err));

	assert_int_equal(tree_count(t), 7);
	n = tree_lookup(t, "sub/file");
	assert_int_equal(n->inode->mode, S_IFREG | 04755);
	assert_int_equal(n->inode->uid, 0);
	assert_int_equal(n->inode->nlink, 2);
	assert_ptr_equal(n->inode, tree_lookup(t, "zlink")->inode);
	assert_int_equal(blob_read(&n->inode->content, 0, buf, 5, &err), 0);
	assert_memory_equal(buf, "hello", 5);
	assert_string_equal(tree_lookup(t, "sub/sym")->inode->target, "../away");
	assert_int_equal(tree_lookup(t, "sub")->inode->mode, S_IFDIR | 0751);
	assert_true(S_ISFIFO(tree_lookup(t, "fifo")->inode->mode));
	assert_int_equal(tree_lookup(t, "empty")->inode->content.size, 0);
	tree_free(t);
}

/* False when the file system or the user may not. */
static bool set_xattr(const struct dir *d, const char *name, const char *key, const void *v,
		      size_t n)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/%s", d->path, name);
	return lsetxattr(path, key, v, n, 0) == 0;
}

static void test_target_and_plain(void **state)
{
	const struct source_dir_params p = { .plain = true, .target = "/opt/x" };
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	const struct tree_inode *in;
	struct error err = ERROR_INIT;
	struct dir *d = *state;
	struct tree *t = tree_new();

	assert_int_equal(mkdirat(d->fd, "sub", 0700), 0);
	put(d, "sub/tool", "#!", 0700);
	put(d, "sub/data", "x", 0660);
	/* what depends on who made the checkout, and when */
	assert_int_equal(utimensat(d->fd, "sub/data", times, 0), 0);
	if (geteuid() == 0)
		assert_int_equal(fchownat(d->fd, "sub/data", 1000, 1001, 0), 0);
	set_xattr(d, "sub/data", "user.note", "x", 1);
	assert_int_equal(source_add_dir(t, d->fd, &p, &err), 0);
	assert_int_equal(tree_lookup(t, "opt/x/sub")->inode->mode, S_IFDIR | 0755);
	assert_int_equal(tree_lookup(t, "opt/x/sub/tool")->inode->mode, S_IFREG | 0755);
	in = tree_lookup(t, "opt/x/sub/data")->inode;
	assert_int_equal(in->mode, S_IFREG | 0644);
	assert_int_equal(in->uid, 0);
	assert_int_equal(in->gid, 0);
	assert_int_equal(in->n_xattrs, 0);
	assert_true(in->mtime_sec == TREE_MTIME_BUILD && in->mtime_nsec == 0);
	tree_free(t);
}

static void test_xattrs(void **state)
{
	const struct source_dir_params p = { .own_as_root = false };
	struct error err = ERROR_INIT;
	struct dir *d = *state;
	struct tree *t;
	int fd;

	put(d, "f", "x", 0644);
	fd = openat(d->fd, "f", O_RDONLY | O_CLOEXEC);
	if (fsetxattr(fd, "user.note", "v\0w", 3, 0) < 0) {
		close(fd);
		skip_because("the temporary directory takes no extended attributes");
	}
	close(fd);
	t = tree_new();
	assert_int_equal(source_add_dir(t, d->fd, &p, &err), 0);
	assert_int_equal(tree_lookup(t, "f")->inode->n_xattrs, 1);
	assert_string_equal(tree_lookup(t, "f")->inode->xattrs[0].name, "user.note");
	assert_memory_equal(tree_lookup(t, "f")->inode->xattrs[0].value, "v\0w", 3);
	tree_free(t);
}

/* Attributes of a symbolic link are its own; ACLs are attributes, too. */
static void test_more_xattrs(void **state)
{
	/* user::rw- user:1000:r-- group::r-- mask::r-- other::---: posix_acl_xattr.h of the kernel */
	static const uint8_t acl[] = { 2,   0,	 0,   0,   1,	0,   6,	 0,   255, 255, 255,
				       255, 2,	 0,   4,   0,	232, 3,	 0,   0,   4,	0,
				       4,   0,	 255, 255, 255, 255, 16, 0,   4,   0,	255,
				       255, 255, 255, 32,  0,	0,   0,	 255, 255, 255, 255 };
	const struct source_dir_params p = { .own_as_root = false };
	struct error err = ERROR_INIT;
	struct dir *d = *state;
	const struct tree_inode *in;
	struct tree *t;

	put(d, "f", "x", 0640);
	assert_int_equal(symlinkat("f", d->fd, "link"), 0);
	if (!set_xattr(d, "f", "system.posix_acl_access", acl, sizeof(acl)) ||
	    !set_xattr(d, "link", "trusted.own", "v", 1)) {
		skip_because(
			"the temporary directory takes no ACL, or the user no trusted attribute");
	}
	t = tree_new();
	assert_int_equal(source_add_dir(t, d->fd, &p, &err), 0);
	in = tree_lookup(t, "f")->inode;
	assert_int_equal(in->n_xattrs, 1);
	assert_string_equal(in->xattrs[0].name, "system.posix_acl_access");
	assert_int_equal(in->xattrs[0].len, sizeof(acl));
	assert_memory_equal(in->xattrs[0].value, acl, sizeof(acl));
	in = tree_lookup(t, "link")->inode;
	assert_int_equal(in->n_xattrs, 1);
	assert_string_equal(in->xattrs[0].name, "trusted.own");
	tree_free(t);
}

/* Root reads everything, so the check runs in a child that gave root up. */
static int unreadable_child(struct dir *d)
{
	const struct source_dir_params p = { .own_as_root = true };
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();
	int r;

	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 2;
	r = source_add_dir(t, d->fd, &p, &err);
	tree_free(t);
	if (r == -EACCES &&
	    (!strcmp(err.msg, "cannot read 'hidden' and 1 other files or directories") ||
	     !strcmp(err.msg, "cannot read 'secret' and 1 other files or directories")))
		return 0;
	fprintf(stderr, "got %d '%s'\n", r, err.msg);
	return 1;
}

/* Small files are read with the directory, others when their content is wanted. */
static void test_content_sizes(void **state)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 70000 };
	const struct source_dir_params p = { .own_as_root = true };
	struct error err = ERROR_INIT;
	struct dir *d = *state;
	struct tree *t = tree_new();
	char name[16], *text = calloc(1, 70001), *buf = malloc(70000);

	memset(text, 'x', 70000);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char end = text[sizes[i]];

		text[sizes[i]] = '\0';
		snprintf(name, sizeof(name), "f%zu", sizes[i]);
		put(d, name, text, 0644);
		text[sizes[i]] = end;
	}
	if (source_add_dir(t, d->fd, &p, &err) < 0)
		fail_msg("%s", error_text(&err));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct blob *b;

		snprintf(name, sizeof(name), "f%zu", sizes[i]);
		b = &tree_lookup(t, name)->inode->content;
		assert_int_equal(b->size, sizes[i]);
		memset(buf, 0, 70000);
		assert_int_equal(blob_read(b, 0, buf, sizes[i], &err), 0);
		assert_memory_equal(buf, text, sizes[i]);
	}
	tree_free(t);
	free(text);
	free(buf);
}

static void test_unreadable(void **state)
{
	struct dir *d = *state;
	int status;
	pid_t pid;

	put(d, "open", "x", 0644);
	put(d, "hidden", "x", 0000);
	assert_int_equal(mkdirat(d->fd, "secret", 0), 0);
	assert_int_equal(fchmod(d->fd, 0755), 0);
	pid = fork();
	if (pid == 0)
		_exit(unreadable_child(d));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(fchmodat(d->fd, "secret", 0700, 0), 0);
}

static void test_specs(void **state)
{
	struct dir *d = *state;
	const struct source_env env = { .arch = "x86_64", .dirfd = d->fd };
	struct source_spec s = { .type = (char *)"file",
				 .path = (char *)"f",
				 .target = (char *)"/etc/f",
				 .mode = 0640 };
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();

	put(d, "f", "content", 0777);
	assert_int_equal(source_load(&s, &env, t, &err), 0);
	assert_int_equal(tree_lookup(t, "etc/f")->inode->mode, S_IFREG | 0640);
	assert_true(tree_lookup(t, "etc/f")->inode->mtime_sec == TREE_MTIME_BUILD);
	s.path = (char *)"missing";
	assert_int_equal(source_load(&s, &env, t, &err), -ENOENT);
	assert_string_equal(err.msg,
			    "source file: cannot open 'missing': No such file or directory");
	s.type = (char *)"dir";
	s.path = (char *)"f";
	assert_int_equal(source_load(&s, &env, t, &err), -ENOTDIR);
	s.type = (char *)"pacman";
	assert_int_equal(source_load(&s, &env, t, &err), -EINVAL);
	assert_string_equal(err.msg, "unknown source type 'pacman'");
	tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_everything, setup, teardown),
		cmocka_unit_test_setup_teardown(test_target_and_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_xattrs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_more_xattrs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_content_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_specs, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
