/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "support/cmocka_all.h"
#include "tree/sums.h"
#include "writer/writer.h"

#define OFFSET 8192u

/* What the image must be if what the follower is told is true: the file at begin(), and the pieces laid over it. */
struct shadow {
	int fd;
	uint8_t *image;
	uint64_t size, first_end, second_end, first_sum;
	unsigned begun, pieces;
	int fail;
};

static int begin(void *data, uint64_t size, const uint8_t seed[WRITER_SEED_SIZE], struct error *err)
{
	struct shadow *s = data;
	struct stat st;

	assert_int_equal(seed[0], 7);
	s->begun++;
	s->size = size;
	s->image = calloc(1, size);
	assert_non_null(s->image);
	assert_int_equal(fstat(s->fd, &st), 0);
	/* that what ends in zeros is not there yet does not matter */
	assert_int_equal(fd_pread_full(s->fd, s->image, (size_t)st.st_size - OFFSET, OFFSET), 0);
	return 0;
}

static int first(void *data, const uint8_t *buf, size_t len, uint64_t pos)
{
	struct shadow *s = data;

	s->first_sum += (pos < s->first_end) + pos % WRITER_BLOCK + len % WRITER_BLOCK;
	s->first_end = pos + len;
	return s->fail;
}

static int second(void *data, const uint8_t *buf, size_t len, uint64_t pos)
{
	struct shadow *s = data;

	if (pos < s->second_end || pos + len > s->size)
		return -EINVAL;
	memcpy(s->image + pos, buf, len);
	s->second_end = pos + len;
	s->pieces++;
	return 0;
}

static void add(struct tree *t, const char *path, size_t len, size_t hole)
{
	uint8_t *data = malloc(len);
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < len; i++)
		data[i] = i % (1 << 20) < hole ? 0 : (uint8_t)(i * 7 + i / 4096 + len);
	assert_int_equal(tree_add_file(t, path, 0644, data, len, &err), 0);
	free(data);
}

static struct tree *make_tree(void)
{
	struct tree *t = tree_new();
	struct error err = ERROR_INIT;
	char path[64];

	add(t, "/a/large", (5 << 20) + 77, 0);
	add(t, "/b/holes", 6 << 20, 300000);
	add(t, "/c/one", 1, 0);
	for (int i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "/many/file-%d", i);
		add(t, path, (size_t)(i * 37 % 9000), 0);
	}
	assert_int_equal(tree_sum_contents(t, &err), 0);
	return t;
}

static const uint8_t seed[WRITER_SEED_SIZE] = { 7 };

static void check(const struct writer_ops *w, struct tree *t, uint64_t free_bytes)
{
	struct shadow s = { .fd = -1 };
	const struct writer_follow follow = { begin, first, second, &s };
	struct writer_params p = { .seed = seed, .follow = &follow, .free_bytes = free_bytes };
	struct writer_result res, alone;
	struct error err = ERROR_INIT;
	uint8_t *image;
	int fd = -1;

	assert_int_equal(fd_memfd("image", &s.fd), 0);
	assert_int_equal(fd_memfd("alone", &fd), 0);
	if (w->write(t, &p, s.fd, OFFSET, &res, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(s.begun, 1);
	assert_int_equal(s.size, res.size);
	assert_true(s.pieces > 3);
	assert_int_equal(s.first_sum, 0);
	assert_int_equal(s.first_end, s.second_end);
	image = malloc(res.size);
	assert_int_equal(fd_pread_full(s.fd, image, res.size, OFFSET), 0);
	assert_memory_equal(image, s.image, res.size);
	/* who follows changes nothing */
	p.follow = NULL;
	assert_int_equal(w->write(t, &p, fd, 0, &alone, &err), 0);
	assert_int_equal(alone.size, res.size);
	assert_int_equal(fd_pread_full(fd, image, res.size, 0), 0);
	assert_memory_equal(image, s.image, res.size);
	free(image);
	free(s.image);
	fd_close(s.fd);
	fd_close(fd);
}

static void the_follower_sees_the_image(void **state)
{
	struct tree *t = make_tree();

	check(&writer_ext4, t, 0);
	check(&writer_erofs, t, 0);
	/* several groups, with superblocks between the contents */
	check(&writer_ext4, t, 600u << 20);
	tree_free(t);
}

static void its_error_ends_the_writer(void **state)
{
	struct tree *t = make_tree();
	struct shadow s = { .fd = -1, .fail = -EIO };
	const struct writer_follow follow = { begin, first, second, &s };
	const struct writer_params p = { .seed = seed, .follow = &follow };
	struct writer_result res;
	struct error err = ERROR_INIT;

	assert_int_equal(fd_memfd("image", &s.fd), 0);
	assert_int_equal(writer_ext4.write(t, &p, s.fd, OFFSET, &res, &err), -EIO);
	free(s.image);
	fd_close(s.fd);
	tree_free(t);
}

/* It is that of names, attributes and contents, and of nothing else. */
static void a_seed_of_sums(void **state)
{
	struct tree *a = make_tree(), *b = make_tree();
	const struct writer_params p = { .epoch = 1 };
	uint8_t sa[WRITER_SEED_SIZE], sb[WRITER_SEED_SIZE];
	struct error err = ERROR_INIT;

	assert_int_equal(writer_seed(a, &p, sa, &err), 0);
	assert_int_equal(writer_seed(b, &p, sb, &err), 0);
	assert_memory_equal(sa, sb, sizeof(sa));
	tree_lookup(b, "/c/one")->inode->content.sums.sha256[31] ^= 1;
	assert_int_equal(writer_seed(b, &p, sb, &err), 0);
	assert_memory_not_equal(sa, sb, sizeof(sa));
	tree_lookup(a, "/c/one")->inode->uid = 5;
	assert_int_equal(writer_seed(a, &p, sb, &err), 0);
	assert_memory_not_equal(sa, sb, sizeof(sa));
	add(a, "/c/new", 10, 0);
	assert_int_equal(writer_seed(a, &p, sa, &err), -EINVAL);
	assert_string_equal(err.msg, "'new' was not hashed");
	tree_free(a);
	tree_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_follower_sees_the_image),
		cmocka_unit_test(its_error_ends_the_writer),
		cmocka_unit_test(a_seed_of_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
