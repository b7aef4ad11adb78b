/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/rtc.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "selfcheck/selfcheck.h"

/* The machine: buses, consoles, clocks, and what the host plugs in while the guest runs. */

static int exists(const char *path, struct error *err)
{
	return access(path, F_OK) < 0 ? error_sys(err, -errno, "%s", path) : 0;
}

/* Has the bus a device? Without one the machine has no such bus. */
static int has_device(const char *bus, struct error *err)
{
	char dir[64];

	snprintf(dir, sizeof(dir), "/sys/bus/%s", bus);
	if (access(dir, F_OK) < 0)
		return error_sys(err, -errno, "%s", dir);
	snprintf(dir, sizeof(dir), "/sys/bus/%s/devices", bus);
	return check_entry(dir, "", NULL, 0) ? 0 : check_absent(err, "no device on bus %s", bus);
}

static int pci(struct error *err)
{
	return has_device("pci", err);
}

static int virtio(struct error *err)
{
	return has_device("virtio", err);
}

static int virtio_ccw(struct error *err)
{
	return has_device("ccw", err);
}

static int acpi(struct error *err)
{
	if (access("/sys/firmware/acpi/tables", F_OK) < 0)
		return check_absent(err, "the machine has no ACPI tables");
	return exists("/sys/firmware/acpi/tables/DSDT", err);
}

static int dmi(struct error *err)
{
	if (!check_entry("/sys/class/dmi/id", "sys_vendor", NULL, 0))
		return check_absent(err, "the machine has no DMI tables");
	return check_text("/sys/class/dmi/id/sys_vendor", "QEMU", err);
}

static int console_is(const char *name, struct error *err)
{
	return check_has("/proc/consoles", name) ? 0
						 : check_absent(err, "the console is not %s", name);
}

static int serial_console(struct error *err)
{
#ifdef __aarch64__
	return console_is("ttyAMA0", err);
#else
	return console_is("ttyS0", err);
#endif
}

static int hvc_console(struct error *err)
{
	return console_is("hvc0", err);
}

static int sclp_console(struct error *err)
{
	return check_has("/proc/consoles", "ttysclp0") ? 0 : console_is("ttyS0", err);
}

static int early_printk(struct error *err)
{
	char line[1024];
	_cleanup_fd_ int fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	if (!check_has("/proc/cmdline", "earlyprintk="))
		return check_absent(err, "the kernel was started without earlyprintk=");
	while (fd >= 0 && (n = read(fd, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		if (strstr(line, "bootconsole [early"))
			return 0;
	}
	return error_set(err, -ENOENT, "the log has no boot console");
}

static int random_numbers(struct error *err)
{
	uint8_t bytes[32];

	if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) != sizeof(bytes))
		return error_sys(err, -errno, "getrandom");
	return exists("/sys/class/misc/hw_random", err);
}

static int rtc(struct error *err)
{
	_cleanup_fd_ int fd = open("/dev/rtc0", O_RDONLY | O_CLOEXEC);
	struct rtc_time t;

	if (fd < 0 || ioctl(fd, RTC_RD_TIME, &t) < 0)
		return error_sys(err, -errno, "/dev/rtc0");
	return t.tm_year >= 120 ? 0
				: error_set(err, -EBADMSG, "it is the year %d", 1900 + t.tm_year);
}

/* /dev/ptp0 itself needs KVM. */
static int ptp(struct error *err)
{
	int r = exists("/sys/class/ptp", err);

	if (r < 0)
		return r;
	return access("/dev/ptp0", F_OK) == 0
		       ? 0
		       : check_absent(err,
				      "a clock of the hypervisor needs KVM (the class is there)");
}

static int pvpanic(struct error *err)
{
	if (check_entry("/sys/bus/pci/drivers/pvpanic-pci", "0000:", NULL, 0) ||
	    check_entry("/sys/bus/platform/drivers/pvpanic-mmio", "QEMU0001", NULL, 0))
		return 0;
	return exists("/sys/bus/platform/drivers/pvpanic-mmio", err) < 0
		       ? err->code
		       : check_absent(err, "no pvpanic device");
}

static int rtas(struct error *err)
{
	return exists("/proc/device-tree/rtas", err);
}

static int psci(struct error *err)
{
	return exists("/proc/device-tree/psci", err);
}

/* A second CPU: the host adds it, it comes up, and goes down again. */
static int cpu_hotplug(struct error *err)
{
	char path[128], file[160];
	int r = exists("/sys/devices/system/cpu/hotplug", err);

	if (r == 0)
		r = check_plug("cpu", "cpu", path, sizeof(path), err);
	if (r)
		return r;
	snprintf(file, sizeof(file), "/sys%s/online", path);
	if (check_write(file, "1", err) < 0 || check_text(file, "1", err) < 0)
		return err->code;
	return check_write(file, "0", err);
}

static unsigned long long memory_kib(void)
{
	unsigned long long kib = 0;
	char text[4096];

	if (check_read("/proc/meminfo", text, sizeof(text)) > 0 &&
	    sscanf(text, "MemTotal: %llu", &kib) != 1)
		kib = 0;
	return kib;
}

/* Memory is on line without anybody's doing. */
static int more_memory(const char *what, struct error *err)
{
	const unsigned long long before = memory_kib();
	char path[128];
	int r = check_plug(what, "memory", path, sizeof(path), err);

	for (int i = 0; r == 0 && i < 100 && memory_kib() <= before; i++)
		usleep(50000);
	if (r == 0 && memory_kib() <= before)
		r = error_set(err, -EBADMSG, "%s is new, but MemTotal did not grow", path);
	return r;
}

static int memory_hotplug(struct error *err)
{
	int r = check_text("/sys/devices/system/memory/auto_online_blocks", "online", err);

	return r < 0 ? r : more_memory("memory", err);
}

static int virtio_mem(struct error *err)
{
	int r = exists("/sys/bus/virtio/drivers/virtio_mem", err);

	return r < 0 ? r : more_memory("virtio-mem", err);
}

/* A random number device on the bus that the host plugs. */
static int pci_hotplug(struct error *err)
{
	char path[128], file[160];
	int r = check_plug("pci", "pci", path, sizeof(path), err);

	if (r)
		return r;
	snprintf(file, sizeof(file), "/sys%s/virtio", path);
	if (check_wait_path(file))
		return 0;
	snprintf(file, sizeof(file), "/sys%s", path);
	return check_entry(file, "virtio", NULL, 0)
		       ? 0
		       : error_set(err, -ENODEV, "%s has no driver", path);
}

const struct selfcheck machine_checks[] = {
	{ .feature = "pci", .run = pci },
	{ .feature = "virtio", .run = virtio },
	{ .feature = "virtio-ccw", .run = virtio_ccw },
	{ .feature = "acpi", .run = acpi },
	{ .feature = "dmi", .run = dmi },
	{ .feature = "serial-console", .run = serial_console },
	{ .feature = "hvc-console", .run = hvc_console },
	{ .feature = "sclp-console", .run = sclp_console },
	{ .feature = "early-printk", .run = early_printk },
	{ .feature = "random", .run = random_numbers },
	{ .feature = "rtc", .run = rtc },
	{ .feature = "ptp", .run = ptp },
	{ .feature = "pvpanic", .run = pvpanic },
	{ .feature = "rtas", .run = rtas },
	{ .feature = "psci", .run = psci },
	{ .feature = "cpu-hotplug", .run = cpu_hotplug, .host_net = true },
	{ .feature = "memory-hotplug", .run = memory_hotplug, .host_net = true },
	{ .feature = "virtio-mem", .run = virtio_mem, .host_net = true },
	{ .feature = "pci-hotplug", .run = pci_hotplug, .host_net = true },
	{ .feature = NULL },
};
