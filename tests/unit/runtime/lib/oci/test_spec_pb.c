/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include "oci/spec_pb.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/file.h"
#include "support/oci_dump.h"

#define FULL_JSON "tests/fuzz/corpus/oci_json/full.json"

/* JSON → struct → message → bytes → message → struct. */
static struct oci_spec *round_trip(const struct oci_spec *spec)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_free_ uint8_t *bytes = NULL;
	struct oci_spec *back = NULL;
	struct error err = ERROR_INIT;
	Grpc__Spec *msg = oci_spec_to_pb(&a, spec);
	size_t n;

	assert_non_null(msg);
	n = grpc__spec__get_packed_size(msg);
	bytes = malloc(n);
	assert_non_null(bytes);
	assert_int_equal(grpc__spec__pack(msg, bytes), n);
	msg = grpc__spec__unpack(NULL, n, bytes);
	assert_non_null(msg);
	if (oci_spec_from_pb(msg, &back, &err) < 0)
		fail_msg("%s", err.msg);
	grpc__spec__free_unpacked(msg, NULL);
	return back;
}

static void assert_same(const struct oci_spec *a, const struct oci_spec *b)
{
	_cleanup_strbuf_ struct strbuf sa = STRBUF_INIT, sb = STRBUF_INIT;

	assert_int_equal(oci_dump(a, &sa), 0);
	assert_int_equal(oci_dump(b, &sb), 0);
	assert_string_equal(sb.buf, sa.buf);
}

static void test_full(void **state)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_oci_spec_ struct oci_spec *spec = NULL, *back = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(file_read(AT_FDCWD, FULL_JSON, OCI_SPEC_MAX_BYTES, &text, &err), 0);
	assert_int_equal(oci_spec_parse(text.buf, text.len, &spec, &err), 0);
	back = round_trip(spec);
	assert_same(spec, back);
	assert_null(back->process->args.v[back->process->args.n]);
	assert_true(back->process->rlimits[0].hard == UINT64_MAX);
	assert_true(back->process->user.has_umask);
}

static void test_default_and_empty(void **state)
{
	_cleanup_free_ char *json = oci_spec_default_json("kata", false, NULL);
	_cleanup_oci_spec_ struct oci_spec *spec = NULL, *back = NULL;
	_cleanup_oci_spec_ struct oci_spec *empty = NULL, *empty_back = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(oci_spec_parse(json, strlen(json), &spec, &err), 0);
	back = round_trip(spec);
	assert_same(spec, back);
	assert_int_equal(oci_spec_validate(back, &err), 0);
	assert_int_equal(oci_spec_parse("{}", 2, &empty, &err), 0);
	empty_back = round_trip(empty);
	assert_same(empty, empty_back);
	assert_null(empty_back->process);
	assert_null(empty_back->hostname);
}

static void test_process(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *args[] = { (char[]){ "true" }, (char[]){ "" }, NULL };
	struct oci_process p = { .args = { args, 2 }, .cwd = (char[]){ "/" } };
	struct oci_process_doc *doc = NULL;
	struct error err = ERROR_INIT;
	Grpc__Process *msg = oci_process_to_pb(&a, &p);

	assert_non_null(msg);
	assert_int_equal(oci_process_from_pb(msg, &doc, &err), 0);
	assert_int_equal(doc->process.args.n, 2);
	assert_string_equal(doc->process.args.v[0], "true");
	assert_string_equal(doc->process.args.v[1], "");
	assert_string_equal(doc->process.cwd, "/");
	assert_false(doc->process.has_capabilities);
	assert_false(doc->process.has_oom_score_adj);
	assert_false(doc->process.user.has_umask);
	doc = oci_process_free(doc);
	msg->oomscoreadj = 1LL << 40;
	assert_int_equal(oci_process_from_pb(msg, &doc, &err), -EINVAL);
	assert_string_equal(err.msg, "process.oomScoreAdj: 1099511627776 is out of range");
}

/* A spec message with only a Linux part. */
static int read_linux(Grpc__Linux *l, struct error *err)
{
	struct oci_spec *spec = NULL;
	Grpc__Spec msg = GRPC__SPEC__INIT;

	msg.linux_ = l;
	return oci_spec_from_pb(&msg, &spec, err);
}

static void test_rejects(void **state)
{
	Grpc__LinuxNamespace good = GRPC__LINUX_NAMESPACE__INIT, bad = GRPC__LINUX_NAMESPACE__INIT;
	Grpc__LinuxNamespace *namespaces[] = { &good, &bad };
	Grpc__LinuxDevice device = GRPC__LINUX_DEVICE__INIT;
	Grpc__LinuxDevice *devices[] = { &device };
	Grpc__LinuxResources res = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxBlockIO bio = GRPC__LINUX_BLOCK_IO__INIT;
	Grpc__Linux l = GRPC__LINUX__INIT, l2 = GRPC__LINUX__INIT, l3 = GRPC__LINUX__INIT;
	struct error err = ERROR_INIT;

	good.type = (char[]){ "pid" };
	bad.type = (char[]){ "moon" };
	l.n_namespaces = 2;
	l.namespaces = namespaces;
	assert_int_equal(read_linux(&l, &err), -EINVAL);
	assert_string_equal(err.msg, "linux.namespaces[1]: unknown namespace \"moon\"");

	error_clear(&err);
	device.type = (char[]){ "cc" };
	l2.n_devices = 1;
	l2.devices = devices;
	assert_int_equal(read_linux(&l2, &err), -EINVAL);
	assert_string_equal(err.msg,
			    "linux.devices[0]: unknown type \"cc\", expected one of \"cbup\"");

	error_clear(&err);
	l3.resources = &res;
	res.blockio = &bio;
	bio.weight = 70000;
	assert_int_equal(read_linux(&l3, &err), -EINVAL);
	assert_string_equal(err.msg, "linux.resources.blockIO.weight: 70000 is out of range");

	error_clear(&err);
	bio.weight = 0;
	l3.n_maskedpaths = OCI_SPEC_MAX_ITEMS + 1;
	assert_int_equal(read_linux(&l3, &err), -EFBIG);
	assert_string_equal(err.msg, "linux.maskedPaths: more than 65536 elements");
}

/* What other runtimes send for rules on all devices: no type and zeroes. */
static void test_device_rule_of_others(void **state)
{
	Grpc__LinuxDeviceCgroup rule = GRPC__LINUX_DEVICE_CGROUP__INIT;
	Grpc__LinuxDeviceCgroup *rules[] = { &rule };
	Grpc__LinuxResources res = GRPC__LINUX_RESOURCES__INIT;
	Grpc__Linux l = GRPC__LINUX__INIT;
	Grpc__Spec msg = GRPC__SPEC__INIT;
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	struct error err = ERROR_INIT;

	msg.linux_ = &l;
	l.resources = &res;
	res.n_devices = 1;
	res.devices = rules;
	assert_int_equal(oci_spec_from_pb(&msg, &spec, &err), 0);
	assert_int_equal(spec->linux_.resources->devices[0].type, 'a');
	assert_int_equal(spec->linux_.resources->devices[0].major, -1);
	assert_int_equal(spec->linux_.resources->devices[0].minor, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_default_and_empty),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_rejects),
		cmocka_unit_test(test_device_rule_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
