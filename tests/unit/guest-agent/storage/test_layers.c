/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <string.h>
#include "base/compiler.h"
#include "base/strbuf.h"
#include "storage/layers.h"

static char group[] = "X-kata.multi-layer=true", upper_mark[] = "X-kata.overlay-upper",
	    lower_mark[] = "X-kata.overlay-lower", noatime[] = "noatime",
	    mkdir_opt[] = "X-kata.mkdir.path={{ mount 0 }}/upper/etc:0755";
static char *upper_options[] = { group, upper_mark, noatime, mkdir_opt };
static char *lower_options[] = { group, lower_mark };

static struct storage_req upper(void)
{
	return (struct storage_req){ .driver = "blk",
				     .source = "02/01",
				     .fstype = "ext4",
				     .mount_point = "/run/kata-containers/c/rootfs",
				     .options = upper_options,
				     .n_options = 4 };
}

static struct storage_req lower(const char *source)
{
	return (struct storage_req){ .driver = "blk",
				     .source = source,
				     .fstype = "erofs",
				     .mount_point = "/run/kata-containers/c/rootfs",
				     .options = lower_options,
				     .n_options = 2 };
}

static void test_expanded(void **state)
{
	struct storage_req reqs[] = {
		lower("02/02"), upper(), lower("02/03"), { .driver = "local", .mount_point = "/x" }
	};
	struct arena mem = ARENA_INIT;
	struct storage_req *r = NULL;
	struct error err = ERROR_INIT;
	size_t n = 0;

	assert_int_equal(storage_expand_layers(&mem, reqs, 4, "c", &r, &n, &err), 0);
	assert_int_equal(n, 5);
	assert_string_equal(r[0].driver, "local");
	assert_string_equal(r[1].source, "02/02");
	assert_string_equal(r[1].fstype, "erofs");
	assert_string_equal(r[1].mount_point, "/run/kata-containers/c/multi-layer/lower-0");
	assert_int_equal(r[1].n_options, 1);
	assert_string_equal(r[1].options[0], "ro");
	assert_string_equal(r[2].source, "02/03");
	assert_string_equal(r[3].mount_point, "/run/kata-containers/c/multi-layer/upper");
	assert_int_equal(r[3].n_options, 1);
	assert_string_equal(r[3].options[0], "noatime");
	assert_string_equal(r[4].driver, "overlayfs");
	assert_string_equal(r[4].mount_point, "/run/kata-containers/c/rootfs");
	assert_string_equal(r[4].options[0], "lowerdir=/run/kata-containers/c/multi-layer/lower-0:"
					     "/run/kata-containers/c/multi-layer/lower-1");
	assert_string_equal(r[4].options[1],
			    "upperdir=/run/kata-containers/c/multi-layer/upper/upper");
	assert_int_equal(r[4].n_driver_options, 3);
	assert_string_equal(r[4].driver_options[2],
			    "io.katacontainers.volume.overlayfs.create_directory="
			    "/run/kata-containers/c/multi-layer/upper/upper/etc");
	arena_release(&mem);
}

static void test_untouched(void **state)
{
	struct storage_req req = { .driver = "local", .mount_point = "/x" }, *r = NULL;
	struct arena mem = ARENA_INIT;
	size_t n = 0;

	assert_int_equal(storage_expand_layers(&mem, &req, 1, "c", &r, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_string_equal(r[0].mount_point, "/x");
	assert_int_equal(storage_expand_layers(&mem, NULL, 0, "", &r, &n, NULL), 0);
	assert_int_equal(n, 0);
	arena_release(&mem);
}

static void refused(struct storage_req *reqs, size_t n, int code, const char *want)
{
	struct arena mem = ARENA_INIT;
	struct storage_req *r = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(storage_expand_layers(&mem, reqs, n, "c", &r, &n, &err), code);
	assert_string_equal(err.msg, want);
	arena_release(&mem);
}

static void test_refused(void **state)
{
	static char out[] = "X-kata.mkdir.path={{ mount 0 }}/../../etc",
		    abs[] = "X-kata.mkdir.path=/etc", verity[] = "X-kata.dmverity.roothash=00";
	char *bad[] = { group, upper_mark, out };
	struct storage_req reqs[] = { upper(), lower("02/02"), upper() };

	refused(reqs, 1, -EINVAL, "layers: no read-only one");
	refused(reqs + 1, 1, -EINVAL, "layers: no writable one");
	refused(reqs, 3, -EINVAL, "layers: more than one writable one");
	reqs[0].options = bad;
	reqs[0].n_options = 3;
	refused(reqs, 2, -EINVAL,
		"\"{{ mount 0 }}/../../etc\" is not a directory of the writable layer");
	bad[2] = abs;
	refused(reqs, 2, -EINVAL, "\"/etc\" is not a directory of the writable layer");
	bad[2] = verity;
	refused(reqs, 2, -EOPNOTSUPP,
		"layer \"02/01\": option \"X-kata.dmverity.roothash=00\" is not supported");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expanded),
		cmocka_unit_test(test_untouched),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
