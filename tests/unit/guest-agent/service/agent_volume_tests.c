/* SPDX-License-Identifier: Apache-2.0 */
/* Files and volumes: CopyFile, volume statistics, growing file systems on loop devices. */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "unit/guest-agent/service/agent_tests.h"
#include "wire/csi.pb-c.h"

#define SHARED "/run/kata-containers/shared/containers"
#define MIB    (1ll << 20)

/* A configuration file as Kubernetes sends it, and what a container then sees of it. */
void test_copy_file(void **state)
{
	Grpc__CopyFileRequest req = GRPC__COPY_FILE_REQUEST__INIT;
	char *args[] = { (char *)"sh", (char *)"-c", (char *)"cat /data/conf; ls /data", NULL };
	char *options[] = { (char *)"rbind", (char *)"ro" };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	req.path = (char *)SHARED "/cf/conf";
	req.file_size = 12;
	req.file_mode = S_IFREG | 0644;
	req.dir_mode = 0755;
	req.data.data = (uint8_t *)"colour=";
	req.data.len = 7;
	assert_int_equal(agent_call(&client, "CopyFile", &req.base, &err), TTRPC_OK);
	req.offset = 7;
	req.data.data = (uint8_t *)"blue\n";
	req.data.len = 5;
	assert_int_equal(agent_call(&client, "CopyFile", &req.base, &err), TTRPC_OK);
	test_spec_init(&s, &client, args);
	grpc__mount__init(&s.mounts[3]);
	s.mounts[3].type = (char *)"bind";
	s.mounts[3].source = (char *)SHARED "/cf";
	s.mounts[3].destination = (char *)"/data";
	s.mounts[3].options = options;
	s.mounts[3].n_options = 2;
	s.mount_list[3] = &s.mounts[3];
	s.spec.n_mounts = 4;
	assert_int_equal(agent_run(&client, "cf", &s, &out, NULL, &err), 0);
	assert_string_equal(out.buf, "colour=blue\nconf\n");
	strbuf_release(&out);
	req.path = (char *)SHARED "/../../../../etc/evil";
	assert_int_equal(agent_call(&client, "CopyFile", &req.base, &err), TTRPC_PERMISSION_DENIED);
	assert_string_equal(err.msg, "\"" SHARED "/../../../../etc/evil\" is not below " SHARED);
	req.path = (char *)"";
	assert_int_equal(agent_call(&client, "CopyFile", &req.base, &err), TTRPC_PERMISSION_DENIED);
}

static enum ttrpc_code volume_stats(const char *path, uint64_t *total, struct error *err)
{
	Grpc__VolumeStatsRequest req = GRPC__VOLUME_STATS_REQUEST__INIT;
	Grpc__VolumeStatsResponse *r;
	ProtobufCMessage *resp = NULL;
	enum ttrpc_code code;

	req.volume_guest_path = (char *)path;
	code = agent_call_resp(&client, "grpc.AgentService", "GetVolumeStats", &req.base,
			       &grpc__volume_stats_response__descriptor, &resp, err);
	if (code != TTRPC_OK)
		return code;
	r = (Grpc__VolumeStatsResponse *)resp;
	assert_int_equal(r->n_usage, 2);
	assert_int_equal(r->usage[0]->unit, GRPC__VOLUME_USAGE__UNIT__BYTES);
	assert_int_equal(r->usage[1]->unit, GRPC__VOLUME_USAGE__UNIT__INODES);
	assert_true(r->usage[0]->total >= r->usage[0]->used);
	assert_true(r->usage[1]->total >= r->usage[1]->used);
	assert_false(r->volume_condition->abnormal);
	*total = r->usage[0]->total;
	protobuf_c_message_free_unpacked(resp, NULL);
	return TTRPC_OK;
}

static enum ttrpc_code resize(const char *path, uint64_t size, struct error *err)
{
	Grpc__ResizeVolumeRequest req = GRPC__RESIZE_VOLUME_REQUEST__INIT;

	req.volume_guest_path = (char *)path;
	req.size = size;
	return agent_call(&client, "ResizeVolume", &req.base, err);
}

void test_volume_stats(void **state)
{
	struct error err = ERROR_INIT;
	uint64_t total = 0;

	assert_int_equal(volume_stats("/run", &total, &err), TTRPC_OK);
	assert_true(total > 0);
	assert_int_equal(volume_stats("/no/such/volume", &total, &err), TTRPC_NOT_FOUND);
	assert_string_equal(err.msg, "volume \"/no/such/volume\": No such file or directory");
	assert_int_equal(volume_stats("run", &total, &err), TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "volume path \"run\" is not absolute");
	assert_int_equal(resize("/run", MIB, &err), TTRPC_UNIMPLEMENTED);
	assert_string_equal(err.msg,
			    "volume \"/run\": a file system of type 0x1021994 cannot grow");
}

/* ---- growing ---- */

struct disk {
	char file[96], dev[32];
	int file_fd, loop_fd;
};

/* arg may be NULL. */
static int run_program(const char *path, const char *arg, const char *file, const char *more)
{
	struct process_params p;
	char *argv[] = { (char *)path, (char *)(arg ? arg : file), (char *)(arg ? file : more),
			 (char *)(arg ? more : NULL), NULL };
	int status = -1;

	process_params_preset(&p);
	p.path = path;
	p.argv = argv;
	return process_run(&p, NULL, NULL, &status, NULL) < 0 ? -1 : status;
}

/* -1: this machine has no loop devices or no such program. */
static int disk_make(struct disk *d, const char *mkfs, const char *arg, const char *more,
		     off_t size)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), n = -1;

	memset(d, 0, sizeof(*d));
	d->loop_fd = -1;
	snprintf(d->file, sizeof(d->file), "%s/disk-XXXXXX", client.dir);
	d->file_fd = mkostemp(d->file, O_CLOEXEC);
	assert_true(d->file_fd >= 0);
	if (access(mkfs, X_OK) < 0 || control < 0 || ftruncate(d->file_fd, size) < 0 ||
	    run_program(mkfs, arg, d->file, more) != 0)
		goto out;
	for (int tries = 0; tries < 10 && d->loop_fd < 0; tries++) {
		n = ioctl(control, LOOP_CTL_GET_FREE);
		snprintf(d->dev, sizeof(d->dev), "/dev/loop%d", n);
		d->loop_fd = open(d->dev, O_RDWR | O_CLOEXEC);
		/* Another may have been faster. */
		if (d->loop_fd >= 0 && ioctl(d->loop_fd, LOOP_SET_FD, d->file_fd) < 0)
			d->loop_fd = fd_close(d->loop_fd);
	}
out:
	fd_close(control);
	return d->loop_fd < 0 ? -1 : 0;
}

static void disk_grow(struct disk *d, off_t size)
{
	assert_int_equal(ftruncate(d->file_fd, size), 0);
	assert_int_equal(ioctl(d->loop_fd, LOOP_SET_CAPACITY), 0);
}

static void disk_free(struct disk *d)
{
	if (d->loop_fd >= 0)
		ioctl(d->loop_fd, LOOP_CLR_FD);
	fd_close(d->loop_fd);
	fd_close(d->file_fd);
	unlink(d->file);
}

#define GROW_MOUNT "/run/kata-containers/grow/vol"

static void start_with_volume(const char *source, const char *fstype)
{
	char *args[] = { (char *)"sleep", (char *)"1000", NULL };
	Grpc__Storage st = GRPC__STORAGE__INIT, *list[] = { &st };
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	s.storages = list;
	s.n_storages = 1;
	st.driver = (char *)"blk";
	st.source = (char *)source;
	st.fstype = (char *)fstype;
	st.mount_point = (char *)GROW_MOUNT;
	if (agent_create(&client, "grow", &s, &err) != TTRPC_OK)
		fail_msg("%s", err.msg);
}

/* From one size to another, of a device that has the other already. */
static void check_grown(off_t from, off_t to)
{
	uint64_t before = 0, after = 0;
	struct error err = ERROR_INIT;

	assert_int_equal(volume_stats(GROW_MOUNT, &before, &err), TTRPC_OK);
	if (resize(GROW_MOUNT, (uint64_t)to, &err) != TTRPC_OK) {
		/* The right to that is CAP_SYS_RESOURCE, which root may lack outside of guests. */
		if (agent_client_in_guest() || !strstr(err.msg, "Operation not permitted"))
			fail_msg("%s", err.msg);
		print_message("not tried: %s\n", err.msg);
		return;
	}
	assert_int_equal(volume_stats(GROW_MOUNT, &after, &err), TTRPC_OK);
	assert_true(after > before + (uint64_t)(to - from) / 2);
	assert_int_equal(resize(GROW_MOUNT, 0, &err), TTRPC_OK); /* it is as large as its device */
	assert_int_equal(resize(GROW_MOUNT, (uint64_t)from, &err), TTRPC_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "cannot shrink to"));
}

static void check_growth(const char *mkfs, const char *arg, const char *fstype, off_t from,
			 off_t to)
{
	struct error err = ERROR_INIT;
	struct disk d;

	if (agent_client_in_guest() || disk_make(&d, mkfs, arg, NULL, from) < 0) {
		print_message("no loop device or no %s: not tried\n", mkfs);
		return;
	}
	start_with_volume(d.dev, fstype);
	/* The device has not grown: the wait for it has an end. */
	assert_int_equal(resize(GROW_MOUNT, (uint64_t)to, &err), TTRPC_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(err.msg, ": the device has "));
	disk_grow(&d, to);
	check_grown(from, to);
	assert_int_equal(agent_remove(&client, "grow", 5), TTRPC_OK);
	disk_free(&d);
}

/* A disk of 48 MiB at a PCI path, with an ext4 of 16 MiB. */
static void check_growth_in_guest(const char *pci_path)
{
	start_with_volume(pci_path, "ext4");
	check_grown(16 * MIB, 48 * MIB);
	assert_int_equal(agent_remove(&client, "grow", 5), TTRPC_OK);
}

void test_grow_ext4(void **state)
{
	if (getenv("KATA_TEST_DISK_PCI"))
		check_growth_in_guest(getenv("KATA_TEST_DISK_PCI"));
	else
		check_growth("/sbin/mkfs.ext4", "-q", "ext4", 16 * MIB, 48 * MIB);
}

void test_grow_xfs(void **state)
{
	check_growth("/sbin/mkfs.xfs", "-q", "xfs", 320 * MIB, 640 * MIB);
}

/* ---- layers ---- */

/* An EROFS image of the test's root below, an ext4 above, as a container's root file system. */
void test_layers(void **state)
{
	static char group[] = "X-kata.multi-layer=true", up[] = "X-kata.overlay-upper",
		    low[] = "X-kata.overlay-lower",
		    dir[] = "X-kata.mkdir.path={{ mount 0 }}/upper/made";
	char *args[] = { (char *)"sh", (char *)"-c",
			 (char *)"cat /etc/passwd | wc -l; touch /etc/x && echo rw; ls -d /made",
			 NULL };
	char *upper_options[] = { group, up, dir }, *lower_options[] = { group, low };
	Grpc__Storage upper = GRPC__STORAGE__INIT, lower = GRPC__STORAGE__INIT;
	Grpc__Storage *list[] = { &upper, &lower };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct disk ext4, erofs;
	struct test_spec s;
	int r;

	if (agent_client_in_guest() ||
	    disk_make(&ext4, "/sbin/mkfs.ext4", "-q", NULL, 16 * MIB) < 0) {
		print_message("no loop device or no mkfs.ext4: not tried\n");
		return;
	}
	test_spec_init(&s, &client, args);
	if (disk_make(&erofs, "/usr/bin/mkfs.erofs", NULL, s.rootfs, 0) < 0) {
		disk_free(&ext4);
		print_message("no mkfs.erofs: not tried\n");
		return;
	}
	upper.driver = lower.driver = (char *)"blk";
	upper.fstype = (char *)"ext4";
	lower.fstype = (char *)"erofs";
	upper.source = ext4.dev;
	lower.source = erofs.dev;
	upper.mount_point = lower.mount_point = (char *)"/run/kata-containers/lay/rootfs";
	upper.options = upper_options;
	upper.n_options = 3;
	lower.options = lower_options;
	lower.n_options = 2;
	s.storages = list;
	s.n_storages = 2;
	s.root.path = upper.mount_point;
	r = agent_run(&client, "lay", &s, &out, NULL, &err);
	if (r < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(out.buf, "2\nrw\n/made\n");
	strbuf_reset(&out);
	s.n_storages = 1;
	assert_int_equal(agent_create(&client, "lay", &s, &err), TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "container \"lay\": layers: no read-only one");
	/* Nothing is left mounted: the devices can go. */
	assert_int_equal(ioctl(ext4.loop_fd, LOOP_CLR_FD), 0);
	assert_int_equal(ioctl(erofs.loop_fd, LOOP_CLR_FD), 0);
	strbuf_release(&out);
	disk_free(&ext4);
	disk_free(&erofs);
}

/* ---- devices ---- */

static enum ttrpc_code create_with(Grpc__Device *d, struct test_spec *s, struct error *err)
{
	Grpc__CreateContainerRequest req = GRPC__CREATE_CONTAINER_REQUEST__INIT;

	req.container_id = req.exec_id = (char *)"dev";
	req.oci = &s->spec;
	req.devices = &d;
	req.n_devices = 1;
	return agent_call(&client, "CreateContainer", &req.base, err);
}

void test_devices(void **state)
{
	static const struct {
		const char *type, *id, *vm_path;
		enum ttrpc_code code;
		const char *want;
	} bad[] = {
		{ "warp", "", "/dev/x", TTRPC_INVALID_ARGUMENT,
		  "device type \"warp\" is not known" },
		{ "blk", "", "/etc/passwd", TTRPC_INVALID_ARGUMENT,
		  "\"/etc/passwd\" is neither a PCI path nor below /dev" },
		{ "blk", "", "/dev/../etc/passwd", TTRPC_INVALID_ARGUMENT,
		  "\"/dev/../etc/passwd\" is neither a PCI path nor below /dev" },
		{ "blk", "", "/dev/null", TTRPC_INVALID_ARGUMENT,
		  "/dev/null is not a block device" },
		{ "scsi", "x", "", TTRPC_INVALID_ARGUMENT, "\"x\" is not a SCSI address (ID:LUN)" },
		{ "vfio-pci", "v", "", TTRPC_INVALID_ARGUMENT,
		  "device \"v\": 1 to 32 options ADDRESS=PATH" },
		{ "vfio-ap", "", "", TTRPC_UNIMPLEMENTED,
		  "device type \"vfio-ap\" is not supported" },
	};
	char *args[] = { (char *)"true", NULL };
	Grpc__Spec__AnnotationsEntry cdi = GRPC__SPEC__ANNOTATIONS_ENTRY__INIT, *list[] = { &cdi };
	Grpc__Device d = GRPC__DEVICE__INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	d.container_path = (char *)"/dev/x";
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		d.type = (char *)bad[i].type;
		d.id = (char *)bad[i].id;
		d.vm_path = (char *)bad[i].vm_path;
		assert_int_equal(create_with(&d, &s, &err), bad[i].code);
		assert_string_equal(str_after(err.msg, "container \"dev\": "), bad[i].want);
	}
	cdi.key = (char *)"cdi.k8s.io/gpu";
	cdi.value = (char *)"vendor.com/gpu=0";
	s.spec.annotations = list;
	s.spec.n_annotations = 1;
	assert_int_equal(create_with(&d, &s, &err), TTRPC_UNIMPLEMENTED);
	assert_string_equal(err.msg,
			    "container \"dev\": CDI devices (annotation \"cdi.k8s.io/gpu\") "
			    "are not supported");
}

/* A block device in a container, with the host's numbers in the document and in the rule for it. */
void test_block_device(void **state)
{
	char *args[] = { (char *)"sh", (char *)"-c",
			 (char *)"dd if=/dev/xvda of=/dev/null count=1 2>/dev/null && echo read; "
				 "test -b /dev/xvda && echo block",
			 NULL };
	Grpc__CreateContainerRequest req = GRPC__CREATE_CONTAINER_REQUEST__INIT;
	Grpc__LinuxResources res = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxDeviceCgroup all = GRPC__LINUX_DEVICE_CGROUP__INIT,
				one = GRPC__LINUX_DEVICE_CGROUP__INIT, *rules[] = { &all, &one };
	Grpc__LinuxDevice node = GRPC__LINUX_DEVICE__INIT, *nodes[] = { &node };
	Grpc__Device d = GRPC__DEVICE__INIT, *devices[] = { &d };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;
	struct disk disk = { .loop_fd = -1, .file_fd = -1 };
	const char *pci = getenv("KATA_TEST_DISK_PCI");

	if (!pci && (agent_client_in_guest() ||
		     disk_make(&disk, "/sbin/mkfs.ext4", "-q", NULL, 16 * MIB) < 0)) {
		print_message("no disk: not tried\n");
		return;
	}
	test_spec_init(&s, &client, args);
	node.path = d.container_path = (char *)"/dev/xvda";
	node.type = one.type = (char *)"b";
	node.major = one.major = 4000; /* no device of this kernel */
	node.minor = one.minor = 77;
	all.type = (char *)"a";
	all.major = all.minor = -1;
	all.access = one.access = (char *)"rwm";
	one.allow = 1;
	res.devices = rules;
	res.n_devices = 2;
	s.linux_.resources = &res;
	s.linux_.devices = nodes;
	s.linux_.n_devices = 1;
	d.type = (char *)"blk";
	d.id = (char *)(pci ? pci : "");
	d.vm_path = disk.dev;
	req.container_id = req.exec_id = (char *)"bd";
	req.oci = &s.spec;
	req.devices = devices;
	req.n_devices = 1;
	if (agent_call(&client, "CreateContainer", &req.base, &err) != TTRPC_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(agent_start(&client, "bd", &err), TTRPC_OK);
	assert_int_equal(agent_read_all(&client, "bd", "bd", false, &out), 0);
	assert_string_equal(out.buf, "read\nblock\n");
	strbuf_release(&out);
	assert_int_equal(agent_remove(&client, "bd", 5), TTRPC_OK);
	disk_free(&disk);
}

/* ---- memory ---- */

void test_update_ephemeral(void **state)
{
	static const char mount_point[] = "/run/kata-containers/eph/shm";
	Grpc__UpdateEphemeralMountsRequest req = GRPC__UPDATE_EPHEMERAL_MOUNTS_REQUEST__INIT;
	char *args[] = { (char *)"sleep", (char *)"1000", NULL };
	char *small[] = { (char *)"size=1m" }, *large[] = { (char *)"size=2m" };
	Grpc__Storage st = GRPC__STORAGE__INIT, *list[] = { &st };
	struct error err = ERROR_INIT;
	struct test_spec s;
	uint64_t total = 0;

	test_spec_init(&s, &client, args);
	s.storages = req.storages = list;
	s.n_storages = req.n_storages = 1;
	st.driver = (char *)"ephemeral";
	st.fstype = (char *)"tmpfs";
	st.mount_point = (char *)mount_point;
	st.options = small;
	st.n_options = 1;
	assert_int_equal(agent_call(&client, "UpdateEphemeralMounts", &req.base, &err),
			 TTRPC_NOT_FOUND);
	assert_string_equal(err.msg, "storage \"/run/kata-containers/eph/shm\" is not mounted");
	assert_int_equal(agent_create(&client, "eph", &s, &err), TTRPC_OK);
	st.options = large;
	assert_int_equal(agent_call(&client, "UpdateEphemeralMounts", &req.base, &err), TTRPC_OK);
	assert_int_equal(volume_stats(mount_point, &total, &err), TTRPC_OK);
	assert_int_equal(total, 2 * MIB);
	st.driver = (char *)"blk";
	assert_int_equal(agent_call(&client, "UpdateEphemeralMounts", &req.base, &err),
			 TTRPC_INVALID_ARGUMENT);
	assert_int_equal(agent_remove(&client, "eph", 5), TTRPC_OK);
}

/* A volume for a group: what is in it is the group's before the container runs. */
void test_fs_group(void **state)
{
	char *args[] = {
		(char *)"sh", (char *)"-c",
		(char *)"ls -ldn /v | while read m n u g r; do echo $m $g; done; "
			"touch /v/new && ls -n /v/new | while read m n u g r; do echo $g; done",
		NULL
	};
	char *bind[] = { (char *)"rbind" };
	Grpc__Storage st = GRPC__STORAGE__INIT, *list[] = { &st };
	Grpc__FSGroup group = GRPC__FSGROUP__INIT;
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	s.storages = list;
	s.n_storages = 1;
	group.group_id = 3333;
	st.fs_group = &group;
	st.driver = (char *)"ephemeral";
	st.fstype = (char *)"tmpfs";
	st.mount_point = (char *)"/run/kata-containers/fsg/vol";
	grpc__mount__init(&s.mounts[3]);
	s.mounts[3].type = (char *)"bind";
	s.mounts[3].source = st.mount_point;
	s.mounts[3].destination = (char *)"/v";
	s.mounts[3].options = bind;
	s.mounts[3].n_options = 1;
	s.mount_list[3] = &s.mounts[3];
	s.spec.n_mounts = 4;
	if (agent_run(&client, "fsg", &s, &out, NULL, &err) != 0)
		fail_msg("%s", err.msg);
	assert_string_equal(out.buf, "drwxrwsrwt 3333\n3333\n");
	strbuf_release(&out);
}

/* A container sees what the host writes later, without having the share's directory itself. */
void test_watchable(void **state)
{
	char *args[] = {
		(char *)"sh", (char *)"-c",
		(char *)"cat /w/conf; until grep -q two /w/conf; do sleep 0.1; done; cat /w/conf",
		NULL
	};
	char *bind[] = { (char *)"rbind" };
	Grpc__Storage st = GRPC__STORAGE__INIT, *list[] = { &st };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;
	char src[96];

	snprintf(src, sizeof(src), "%s/rootfs/data/watched", client.dir);
	assert_int_equal(mkdir(src, 0755), 0);
	snprintf(src, sizeof(src), "%s/rootfs/data/watched/conf", client.dir);
	assert_int_equal(file_write_atomic(AT_FDCWD, src, 0644, "one\n", 4, NULL), 0);
	test_spec_init(&s, &client, args);
	s.storages = list;
	s.n_storages = 1;
	st.driver = (char *)"watchable-bind";
	*strrchr(src, '/') = '\0';
	st.source = src;
	st.mount_point = (char *)"/run/kata-containers/shared/containers/wb";
	grpc__mount__init(&s.mounts[3]);
	s.mounts[3].type = (char *)"bind";
	s.mounts[3].source = st.mount_point;
	s.mounts[3].destination = (char *)"/w";
	s.mounts[3].options = bind;
	s.mounts[3].n_options = 1;
	s.mount_list[3] = &s.mounts[3];
	s.spec.n_mounts = 4;
	if (agent_create(&client, "wb", &s, &err) != TTRPC_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(agent_start(&client, "wb", &err), TTRPC_OK);
	assert_int_equal(agent_read_until(&client, "wb", "wb", "one\n", &out), 0);
	snprintf(src, sizeof(src), "%s/rootfs/data/watched/conf", client.dir);
	assert_int_equal(file_write_atomic(AT_FDCWD, src, 0644, "two\n", 4, NULL), 0);
	assert_int_equal(agent_wait(&client, "wb", "wb"), 0);
	assert_int_equal(agent_remove(&client, "wb", 5), TTRPC_OK);
	strbuf_release(&out);
}

void test_stale_mounts(void **state)
{
	Grpc__RemoveStaleVirtiofsShareMountsRequest req =
		GRPC__REMOVE_STALE_VIRTIOFS_SHARE_MOUNTS_REQUEST__INIT;

	assert_int_equal(agent_call(&client, "RemoveStaleVirtiofsShareMounts", &req.base, NULL),
			 TTRPC_OK);
}
