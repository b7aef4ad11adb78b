/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/fd.h"
#include "selfcheck/link.h"
#include "selfcheck/selfcheck.h"

/* The devices that a VMM gives to a guest. */

/* A device that the virtio driver has taken: "virtioN" in ret. */
static int bound(const char *driver, char *ret, size_t size, struct error *err)
{
	char dir[96];

	snprintf(dir, sizeof(dir), "/sys/bus/virtio/drivers/%s", driver);
	if (access(dir, F_OK) < 0)
		return error_sys(err, -errno, "%s", dir);
	return check_entry(dir, "virtio", ret, size)
		       ? 0
		       : check_absent(err, "no device for driver %s", driver);
}

static int virtio_blk(struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char name[64], block[512];
	int r = bound("virtio_blk", name, sizeof(name), err);

	if (r)
		return r;
	fd = open("/dev/vda", O_RDONLY | O_CLOEXEC);
	return fd < 0 || fd_pread_full(fd, block, sizeof(block), 0) < 0
		       ? error_sys(err, -errno, "/dev/vda")
		       : 0;
}

static int virtio_scsi(struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char name[64], block[512];
	int r = bound("virtio_scsi", name, sizeof(name), err);

	if (r)
		return r;
	/* The bus is searched in the background. */
	fd = check_wait_path("/dev/sda") ? open("/dev/sda", O_RDONLY | O_CLOEXEC) : -1;
	return fd < 0 || fd_pread_full(fd, block, sizeof(block), 0) < 0
		       ? error_sys(err, -errno, "/dev/sda")
		       : 0;
}

/* QEMU's user network answers for 10.0.2.2. */
static int virtio_net(struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in gateway = { .sin_family = AF_INET,
					     .sin_port = htons(9),
					     .sin_addr = { htonl(0x0a000202) } };
	char name[64], dir[160], net[32];
	int r = bound("virtio_net", name, sizeof(name), err);

	if (r)
		return r;
	snprintf(dir, sizeof(dir), "/sys/bus/virtio/drivers/virtio_net/%s/net", name);
	if (!check_entry(dir, "", net, sizeof(net)))
		return error_set(err, -ENOENT, "%s is empty", dir);
	if (link_up(net, "10.0.2.15", err) < 0)
		return err->code;
	for (int i = 0; i < 100; i++) {
		sendto(fd, "x", 1, 0, (const struct sockaddr *)&gateway, sizeof(gateway));
		/* flags 0x2: the hardware address is known */
		if (check_has("/proc/net/arp", "0x2"))
			return 0;
		usleep(50000);
	}
	return error_set(err, -ETIMEDOUT, "nobody answers behind %s", net);
}

static int virtio_rng(struct error *err)
{
	_cleanup_fd_ int fd = -1;
	uint8_t bytes[16];
	char name[64];
	int r = bound("virtio_rng", name, sizeof(name), err);

	if (r)
		return r;
	fd = open("/dev/hwrng", O_RDONLY | O_CLOEXEC);
	return fd < 0 || fd_read_full(fd, bytes, sizeof(bytes)) < 0
		       ? error_sys(err, -errno, "/dev/hwrng")
		       : 0;
}

static int virtio_console(struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char name[64], dev[80];
	int r = bound("virtio_console", name, sizeof(name), err);

	if (r)
		return r;
	if (!check_entry("/sys/class/virtio-ports", "vport", name, sizeof(name)))
		return error_set(err, -ENOENT, "no port in /sys/class/virtio-ports");
	snprintf(dev, sizeof(dev), "/dev/%.60s", name);
	fd = open(dev, O_RDWR | O_CLOEXEC);
	return fd < 0 ? error_sys(err, -errno, "%s", dev) : 0;
}

#define FEATURE_REPORTING 5 /* VIRTIO_BALLOON_F_REPORTING of <linux/virtio_balloon.h> */

/* The device's feature bits are text of one digit a bit. */
static int balloon(struct error *err)
{
	char name[64], path[160], bits[128];
	int r = bound("virtio_balloon", name, sizeof(name), err);

	if (r)
		return r;
	snprintf(path, sizeof(path), "/sys/bus/virtio/drivers/virtio_balloon/%s/features", name);
	if (check_read(path, bits, sizeof(bits)) <= FEATURE_REPORTING ||
	    bits[FEATURE_REPORTING] != '1')
		return error_set(err, -EBADMSG, "free pages are not reported (%s)", bits);
	return 0;
}

static int virtio_mmio(struct error *err)
{
	if (access("/sys/module/virtio_mmio/parameters/device", F_OK) < 0)
		return error_sys(err, -errno, "parameter virtio_mmio.device");
	return check_entry("/sys/bus/platform/drivers/virtio-mmio", "LNRO", NULL, 0) ||
			       check_entry("/sys/bus/platform/drivers/virtio-mmio", "virtio-mmio",
					   NULL, 0) ||
			       check_entry("/sys/bus/platform/drivers/virtio-mmio", "a00", NULL, 0)
		       ? 0
		       : check_absent(err, "no transport of this kind");
}

static int virtio_iommu(struct error *err)
{
	char name[64];
	int r = bound("virtio_iommu", name, sizeof(name), err);

	if (r)
		return r;
	return check_entry("/sys/kernel/iommu_groups", "", NULL, 0)
		       ? 0
		       : error_set(err, -ENOENT, "no device has an IOMMU group");
}

/* A device with an IOMMU group goes to vfio-pci; the test's is the one named on the command line. */
static int vfio(struct error *err)
{
	_cleanup_fd_ int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	char cmdline[2048], device[32], path[128], group[32];
	const char *at;

	if (fd < 0 || ioctl(fd, VFIO_GET_API_VERSION) != VFIO_API_VERSION)
		return error_sys(err, -errno, "/dev/vfio/vfio");
	check_read("/proc/cmdline", cmdline, sizeof(cmdline));
	at = strstr(cmdline, "selfcheck.vfio=");
	if (!at || sscanf(at, "selfcheck.vfio=%31s", device) != 1)
		return check_absent(
			err, "no device with an IOMMU group to pass on (the driver is there)");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind", device);
	check_write(path, device, NULL);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", device);
	if (check_write(path, "vfio-pci", err) < 0 ||
	    check_write("/sys/bus/pci/drivers_probe", device, err) < 0)
		return err->code;
	for (const char *digit = "0123456789"; *digit; digit++) {
		snprintf(group, sizeof(group), "%c", *digit);
		if (check_entry("/dev/vfio", group, NULL, 0))
			return 0;
	}
	return error_set(err, -ENOENT, "/dev/vfio has no group of %s", device);
}

const struct selfcheck device_checks[] = {
	{ .feature = "virtio-blk", .run = virtio_blk },
	{ .feature = "virtio-scsi", .run = virtio_scsi },
	{ .feature = "virtio-net", .run = virtio_net, .host_net = true },
	{ .feature = "virtio-rng", .run = virtio_rng },
	{ .feature = "virtio-console", .run = virtio_console },
	{ .feature = "balloon", .run = balloon },
	{ .feature = "virtio-mmio", .run = virtio_mmio },
	{ .feature = "virtio-iommu", .run = virtio_iommu },
	{ .feature = "vfio", .run = vfio },
	{ .feature = NULL },
};
