/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/compiler.h"
#include "storage/driver.h"
#include "storage/storage.h"

static void test_overlay(void **state)
{
	char *options[] = { (char *)"lowerdir=/a:/b", (char *)STORAGE_OVERLAY_RW,
			    (char *)"index=off" };
	struct storage_req req = { .options = options, .n_options = 3 };
	struct strv out = STRV_INIT;
	struct error err = ERROR_INIT;
	bool rw = false;

	assert_int_equal(storage_overlay_options(&req, "/run/c", &out, &rw, &err), 0);
	assert_true(rw);
	assert_int_equal(out.n, 4);
	assert_string_equal(out.v[0], "lowerdir=/a:/b");
	assert_string_equal(out.v[1], "index=off");
	assert_string_equal(out.v[2], "upperdir=/run/c/upper");
	assert_string_equal(out.v[3], "workdir=/run/c/work");
	strv_release(&out);
	req.n_options = 1;
	assert_int_equal(storage_overlay_options(&req, "/run/c", &out, &rw, &err), 0);
	assert_false(rw);
	assert_int_equal(out.n, 1);
	strv_release(&out);
	req.n_options = 0;
	assert_int_equal(storage_overlay_options(&req, "/run/c", &out, &rw, &err), -EINVAL);
	assert_string_equal(err.msg, "overlay without lowerdir=");
	strv_release(&out);
}

static void test_mode(void **state)
{
	char *good[] = { (char *)"mode=0777" }, *bad[] = { (char *)"mode=9" };
	struct storage_req req = { .options = good, .n_options = 1 };
	struct error err = ERROR_INIT;
	mode_t mode = 0;

	assert_int_equal(storage_mode_option(&req, 0755, &mode, &err), 0);
	assert_int_equal(mode, 0777);
	req.options = bad;
	assert_int_equal(storage_mode_option(&req, 0755, &mode, &err), -EINVAL);
	assert_string_equal(err.msg, "\"mode=9\" is not a mode");
	req.n_options = 0;
	assert_int_equal(storage_mode_option(&req, 0755, &mode, &err), 0);
	assert_int_equal(mode, 0755);
}

static void add_bad(struct storage_table *t, const struct storage_req *req, int code,
		    const char *want)
{
	struct error err = ERROR_INIT;

	assert_int_equal(storage_add(t, req, "c1", &err), code);
	assert_string_equal(err.msg, want);
}

static void test_refused(void **state)
{
	struct storage_req req = { .driver = "local", .mount_point = "relative" };
	struct storage_table t;

	storage_table_init(&t);
	add_bad(&t, &req, -EINVAL, "storage mount point \"relative\" is not absolute");
	req.mount_point = NULL;
	add_bad(&t, &req, -EINVAL, "storage mount point \"\" is not absolute");
	req.mount_point = "/tmp/..";
	add_bad(&t, &req, -EINVAL, "storage mount point \"/\" is the guest's own root");
	req.mount_point = "/tmp/x";
	req.driver = "warp";
	add_bad(&t, &req, -EINVAL, "storage \"/tmp/x\": storage driver \"warp\" is not supported");
	req.driver = "scsi";
	req.source = "1-2";
	add_bad(&t, &req, -EINVAL, "storage \"/tmp/x\": \"1-2\" is not a SCSI address (ID:LUN)");
	req.driver = "blk-ccw";
	add_bad(&t, &req, -EINVAL,
		"storage \"/tmp/x\": \"1-2\" is not a channel device (0.0.xxxx)");
	req.driver = "nvdimm";
	add_bad(&t, &req, -EINVAL,
		"storage \"/tmp/x\": \"1-2\" is neither a PCI path nor below /dev");
	req.source = "/dev/../etc/passwd";
	add_bad(&t, &req, -EINVAL,
		"storage \"/tmp/x\": \"/dev/../etc/passwd\" is neither a PCI path nor below /dev");
	req.source = NULL;
	req.driver = NULL;
	add_bad(&t, &req, -EINVAL, "storage \"/tmp/x\": storage driver \"\" is not supported");
	req.driver = "virtio-fs";
	add_bad(&t, &req, -EINVAL, "storage \"/tmp/x\": no tag");
	req.driver = "bind";
	req.source = "x";
	add_bad(&t, &req, -EINVAL, "storage \"/tmp/x\": bind source \"x\" is not absolute");
	req.driver = "ephemeral";
	req.fstype = "hugetlbfs";
	add_bad(&t, &req, -EINVAL, "storage \"/tmp/x\": hugetlbfs needs pagesize= and size=");
	req.fstype = "ext4";
	add_bad(&t, &req, -EINVAL,
		"storage \"/tmp/x\": ephemeral storage of type \"ext4\" is not supported");
	assert_int_equal(t.n, 0);
}

static void test_counted(void **state)
{
	char dir[] = "/tmp/test-storage-XXXXXX", path[64], same[80];
	char *options[] = { (char *)"mode=0711" };
	struct storage_req req = { .driver = "local", .options = options, .n_options = 1 };
	struct storage_table t;
	struct stat st;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a", dir);
	snprintf(same, sizeof(same), "%s/./a/", dir);
	storage_table_init(&t);
	req.mount_point = path;
	assert_int_equal(storage_add(&t, &req, "c1", NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	req.mount_point = same;
	assert_int_equal(storage_add(&t, &req, "c2", NULL), 0);
	assert_int_equal(t.n, 1);
	storage_drop(&t, path);
	assert_int_equal(t.n, 1);
	storage_drop(&t, path);
	assert_int_equal(t.n, 0);
	storage_drop(&t, path); /* once too often */
	assert_int_equal(storage_add(&t, &req, "c1", NULL), 0);
	storage_table_release(&t);
	assert_int_equal(t.n, 0);
	rmdir(path);
	rmdir(dir);
}

static void test_names(void **state)
{
	size_t n = 0;

	while (storage_drivers[n])
		n++;
	assert_int_equal(n, 13);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overlay), cmocka_unit_test(test_mode),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_counted),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
