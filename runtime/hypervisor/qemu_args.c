/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/qemu-internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "disk/verity_seal.h"

#define MIB	       (1ULL << 20)
#define MEMORY_MIN_MIB 64
#define MEMORY_MAX_MIB (16ULL << 20)
#define LOW_MEMORY_MIB \
	2048 /* all of it below 4 GiB on every machine type (QEMU hw/i386/pc_q35.c) */
#define MAX_VCPUS	   240	/* CONFIG_NR_CPUS of the guest kernel */
#define KERNEL_CMDLINE_MAX 2047 /* COMMAND_LINE_SIZE of x86, without the NUL */
#define NVDIMM_ALIGN	   (2 * MIB)

static const struct {
	const char *name;
	enum qemu_machine machine;
} machines[] = {
	{ "q35", QEMU_Q35 },
	{ "pc", QEMU_PC },
	{ "microvm", QEMU_MICROVM },
};

int qemu_machine_parse(const char *name, enum qemu_machine *ret, struct error *err)
{
	if (!name || !*name)
		name = "q35";
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		if (str_eq(machines[i].name, name)) {
			*ret = machines[i].machine;
			return 0;
		}
	}
	return error_set(err, -EINVAL,
			 "machine type \"%s\" is not supported (there are q35, pc and microvm)",
			 name);
}

/* In QEMU's options a comma begins the next key. */
static int check_path(const char *what, const char *path, struct error *err)
{
	if (!path || !*path)
		return error_set(err, -EINVAL, "no %s given", what);
	if (strchr(path, ','))
		return error_set(err, -EINVAL, "%s %s: QEMU accepts no comma in a path", what,
				 path);
	return 0;
}

static int check_id(const char *id, struct error *err)
{
	if (!id || !*id || strlen(id) > 20 || /* VIRTIO_BLK_ID_BYTES */
	    strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(id) || id[0] == '-')
		return error_set(err, -EINVAL,
				 "disk id \"%s\": 1 to 20 of a-z, 0-9 and - are allowed",
				 id ? id : "");
	return 0;
}

static int check_disks(const struct qemu_plan *plan, struct error *err)
{
	const struct vm_params *p = plan->p;
	size_t max = qemu_is_pci(plan->machine) ? QEMU_MAX_DISKS : QEMU_MAX_DISKS_MMIO;

	if (p->n_disks > max)
		return error_set(err, -EINVAL, "%zu disks: this machine type takes %zu", p->n_disks,
				 max);
	for (size_t i = 0; i < p->n_disks; i++) {
		if (check_id(p->disks[i].id, err) < 0 ||
		    check_path("disk", p->disks[i].path, err) < 0)
			return -EINVAL;
		for (size_t k = 0; k < i; k++)
			if (str_eq(p->disks[i].id, p->disks[k].id))
				return error_set(err, -EINVAL, "disk id \"%s\" is used twice",
						 p->disks[i].id);
	}
	return 0;
}

int qemu_check(const struct qemu_plan *plan, struct error *err)
{
	const struct vm_params *p = plan->p;

	if (!p->image == !p->initrd)
		return error_set(err, -EINVAL, "exactly one of image and initrd must be given");
	if (check_path("kernel", p->kernel, err) < 0 ||
	    check_path(p->image ? "image" : "initrd", p->image ? p->image : p->initrd, err) < 0)
		return -EINVAL;
	if (!p->name || !*p->name || strchr(p->name, ','))
		return error_set(err, -EINVAL, "bad VM name \"%s\"", p->name ? p->name : "");
	if (p->cpu_features &&
	    strspn(p->cpu_features, "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_.=+,") != strlen(p->cpu_features))
		return error_set(err, -EINVAL, "bad cpu_features \"%s\"", p->cpu_features);
	if (!p->vcpus || p->vcpus > MAX_VCPUS || p->max_vcpus > MAX_VCPUS)
		return error_set(err, -EINVAL, "%u vCPUs (at most %u): 1 to %d are possible",
				 p->vcpus, p->max_vcpus, MAX_VCPUS);
	if (p->memory_mib < MEMORY_MIN_MIB || p->memory_mib > MEMORY_MAX_MIB)
		return error_set(err, -EINVAL, "%" PRIu64 " MiB of memory: at least %d are needed",
				 p->memory_mib, MEMORY_MIN_MIB);
	if (plan->nvdimm && (!plan->image_size || plan->image_size % NVDIMM_ALIGN))
		return error_set(err, -EINVAL,
				 "image %s: %" PRIu64
				 " bytes; as NVDIMM its size must be a multiple of 2 MiB",
				 p->image, plan->image_size);
	if (p->fs && (check_path("virtio-fs socket", p->fs->socket, err) < 0 ||
		      check_path("virtio-fs tag", p->fs->tag, err) < 0))
		return -EINVAL;
	return check_disks(plan, err);
}

/* ---- the kernel's command line ---- */

/* What stands before a partition's number. */
static const char *device_prefix(const struct qemu_plan *plan)
{
	return plan->nvdimm ? "/dev/pmem0p" : "/dev/vda";
}

/*
 * A dm-verity device made by the kernel itself before it mounts the root (Documentation/admin-guide/device-mapper/dm-init.rst and
 * verity.rst): version 1, partition 1 with partition 2 as its tree, which has no superblock and so starts at hash block 0.
 */
static int verity_params(const struct qemu_plan *plan, struct strbuf *out)
{
	const struct verity_seal *v = plan->p->verity;
	const char *dev = device_prefix(plan);

	return strbuf_addf(out,
			   " dm-mod.create=\"dm-verity,,,ro,0 %" PRIu64
			   " verity 1 %s1 %s2 %u %u %" PRIu64 " 0 sha256 %s %s\" root=/dev/dm-0",
			   v->data_blocks * (v->data_block_size / DISK_SECTOR), dev, dev,
			   v->data_block_size, v->hash_block_size, v->data_blocks, v->root_hash,
			   v->salt);
}

static int root_params(const struct qemu_plan *plan, struct strbuf *out)
{
	const struct vm_params *p = plan->p;
	const char *type = p->rootfs_type && *p->rootfs_type ? p->rootfs_type : "ext4";
	const char *dax =
		plan->nvdimm && !p->verity ? "dax" : ""; /* dm-verity reads what it checks */
	const char *options = str_eq(type, "ext4") ? "errors=remount-ro" : "";
	const char *comma = *dax && *options ? "," : "";

	if (!p->image)
		return 0;
	if (p->verity ? verity_params(plan, out) < 0
		      : strbuf_addf(out, " root=%s1", device_prefix(plan)) < 0)
		return -ENOMEM;
	if ((*dax || *options) && strbuf_addf(out, " rootflags=%s%s%s", dax, comma, options) < 0)
		return -ENOMEM;
	return strbuf_addf(out, " ro rootfstype=%s", type);
}

static int clock_params(const struct qemu_plan *plan, struct strbuf *out)
{
	if (plan->kvm)
		return strbuf_addstr(out, "tsc=reliable no_timer_check noreplace-smp ");
	/*
	 * Emulated: the guest reads the host's counter, so its rate is known, and calibrating it against emulated timers costs time or, on
	 * microvm under load, never ends. The local APIC's timer runs at a fixed 1 GHz in QEMU (hw/intc/apic_common.c); lapic_timer_khz is
	 * our kernel's parameter, other kernels pass it on to init as a variable. Mitigations of processor faults protect nothing here but
	 * cost much.
	 */
	if (plan->tsc_khz &&
	    strbuf_addf(out, "tsc_early_khz=%" PRIu64 " tsc=reliable ", plan->tsc_khz) < 0)
		return -ENOMEM;
	return strbuf_addstr(out, "lapic_timer_khz=1000000 no_timer_check mitigations=off ");
}

int qemu_kernel_params(const struct qemu_plan *plan, struct strbuf *out)
{
	const struct vm_params *p = plan->p;
	int r;

	r = clock_params(plan, out);
	if (r >= 0)
		r = strbuf_addstr(out, "rcupdate.rcu_expedited=1 reboot=k cryptomgr.notests "
				       "net.ifnames=0 scsi_mod.scan=none selinux=0 panic=1");
	if (r >= 0 && plan->machine != QEMU_MICROVM)
		r = strbuf_addstr(out, " i8042.direct=1 i8042.dumbkbd=1 i8042.nopnp=1 "
				       "i8042.noaux=1 pci=lastbus=0");
	if (r >= 0)
		r = strbuf_addf(out, " nr_cpus=%u console=hvc0", MAX(p->vcpus, p->max_vcpus));
	/* An NVDIMM makes the kernel reserve 64 MiB for devices that cannot reach it; ours all can, and so can any reach low memory. */
	if (r >= 0 && p->memory_mib <= LOW_MEMORY_MIB)
		r = strbuf_addstr(out, " swiotlb=noforce");
	if (r >= 0)
		r = root_params(plan, out);
	if (r >= 0)
		r = strbuf_addstr(out, p->debug ? " debug" : " quiet");
	if (r >= 0 && !p->agent_init)
		r = strbuf_addf(out,
				" systemd.show_status=%s systemd.unit=kata-containers.target"
				" systemd.mask=systemd-networkd.service"
				" systemd.mask=systemd-networkd.socket",
				p->debug ? "true" : "false");
	if (r >= 0 && p->kernel_params && *p->kernel_params)
		r = strbuf_addf(out, " %s", p->kernel_params);
	return r;
}

/* ---- the command line ---- */

/* "-KEY", then the formatted value. */
static int add(struct strv *sv, const char *key, const char *fmt, ...) _printf_(3, 4);
static int add(struct strv *sv, const char *key, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = strbuf_vaddf(&sb, fmt, ap);
	va_end(ap);
	if (r < 0 || strv_add(sv, key) < 0)
		return -ENOMEM;
	return strv_add(sv, sb.buf);
}

#define SLOT_MAX 48

/* The end of a device option: its place on the PCI bus; nothing on machines without one. */
static const char *slot_only(const struct qemu_plan *plan, unsigned slot, char buf[SLOT_MAX])
{
	buf[0] = '\0';
	if (qemu_is_pci(plan->machine))
		snprintf(buf, SLOT_MAX, ",addr=0x%02x", slot);
	return buf;
}

/* The same for virtio devices that can be legacy ones too, which costs a second set of registers. */
static const char *at_slot(const struct qemu_plan *plan, unsigned slot, char buf[SLOT_MAX])
{
	buf[0] = '\0';
	if (qemu_is_pci(plan->machine))
		snprintf(buf, SLOT_MAX, ",disable-legacy=on,addr=0x%02x", slot);
	return buf;
}

static int machine_args(const struct qemu_plan *plan, struct strv *sv)
{
	const struct vm_params *p = plan->p;
	unsigned max = MAX(p->vcpus, p->max_vcpus);
	const char *accel = plan->kvm ? "kvm" : "tcg";
	int r;

	switch (plan->machine) {
	case QEMU_Q35:
		r = add(sv, "-machine",
			"q35,accel=%s,memory-backend=mem0,smm=off,sata=off,smbus=off,usb=off,"
			"vmport=off,hpet=off,graphics=off%s",
			accel, plan->nvdimm ? ",nvdimm=on" : "");
		break;
	case QEMU_PC:
		r = add(sv, "-machine",
			"pc,accel=%s,memory-backend=mem0,smm=off,usb=off,vmport=off,hpet=off,"
			"graphics=off%s",
			accel, plan->nvdimm ? ",nvdimm=on" : "");
		break;
	default:
		r = add(sv, "-machine",
			"microvm,accel=%s,memory-backend=mem0,isa-serial=off,auto-kernel-cmdline=off",
			accel);
		if (r >= 0)
			r = add(sv, "-global", "virtio-mmio.force-legacy=false");
		break;
	}
	if (r >= 0)
		r = add(sv, "-cpu", "%s%s%s", plan->kvm ? "host" : "max",
			p->cpu_features && *p->cpu_features ? "," : "",
			p->cpu_features ? p->cpu_features : "");
	if (r >= 0)
		r = add(sv, "-smp", "%u,sockets=%u,cores=1,threads=1,maxcpus=%u", p->vcpus, max,
			max);
	return r;
}

static int memory_args(const struct qemu_plan *plan, struct strv *sv)
{
	const struct vm_params *p = plan->p;
	uint64_t image_mib = (plan->image_size + MIB - 1) / MIB;
	int r;

	/* The image's slot lies above memory; room of 1 GiB for its alignment. */
	if (plan->nvdimm)
		r = add(sv, "-m", "%" PRIu64 "M,slots=1,maxmem=%" PRIu64 "M", p->memory_mib,
			p->memory_mib + image_mib + 1024);
	else
		r = add(sv, "-m", "%" PRIu64 "M", p->memory_mib);
	/* Shared, for the vsock and file system devices are served by other processes. */
	if (r >= 0)
		r = add(sv, "-object", "memory-backend-memfd,id=mem0,size=%" PRIu64 "M,share=on",
			p->memory_mib);
	return r;
}

static int boot_args(const struct qemu_plan *plan, struct strv *sv)
{
	_cleanup_strbuf_ struct strbuf cmdline = STRBUF_INIT;
	const struct vm_params *p = plan->p;
	char at[SLOT_MAX];
	int r;

	r = qemu_kernel_params(plan, &cmdline);
	if (r >= 0)
		r = strv_adds(sv, "-kernel", p->kernel, "-append", cmdline.buf, NULL);
	if (r >= 0 && p->initrd)
		r = strv_adds(sv, "-initrd", p->initrd, NULL);
	if (r < 0 || !p->image)
		return r;
	if (plan->nvdimm) {
		r = add(sv, "-object",
			"memory-backend-file,id=image,mem-path=%s,size=%" PRIu64
			",share=on,readonly=on",
			p->image, plan->image_size);
		if (r >= 0)
			r = add(sv, "-device", "nvdimm,id=nv0,memdev=image,unarmed=on");
		return r;
	}
	r = add(sv, "-drive",
		"if=none,id=image,file=%s,format=raw,readonly=on,cache.direct=off,aio=threads",
		p->image);
	if (r >= 0)
		r = add(sv, "-device", "virtio-blk-%s,drive=image,serial=image%s",
			qemu_is_pci(plan->machine) ? "pci" : "device",
			at_slot(plan, QEMU_SLOT_IMAGE, at));
	return r;
}

static int console_args(const struct qemu_plan *plan, struct strv *sv)
{
	const char *bus = qemu_is_pci(plan->machine) ? "pci" : "device";
	char at[SLOT_MAX];
	int r;

	r = add(sv, "-chardev", "socket,id=con0,fd=%d", plan->console_fd);
	if (r >= 0)
		r = add(sv, "-device", "virtio-serial-%s,id=serial0,max_ports=1%s", bus,
			at_slot(plan, QEMU_SLOT_CONSOLE, at));
	if (r >= 0)
		r = add(sv, "-device", "virtconsole,chardev=con0,id=console0");
	return r;
}

static int vsock_args(const struct qemu_plan *plan, struct strv *sv)
{
	const char *bus = qemu_is_pci(plan->machine) ? "pci" : "device";
	char at[SLOT_MAX];
	int r;

	at_slot(plan, QEMU_SLOT_VSOCK, at);
	if (plan->vhost)
		return add(sv, "-device", "vhost-vsock-%s,id=vsock0,vhostfd=%d,guest-cid=%u%s", bus,
			   plan->vsock_fd, plan->cid, at);
	r = add(sv, "-chardev", "socket,id=vsock0,fd=%d", plan->vsock_fd);
	if (r >= 0)
		r = add(sv, "-device", "vhost-user-vsock-%s,chardev=vsock0%s", bus, at);
	return r;
}

static int disk_args(const struct qemu_plan *plan, struct strv *sv)
{
	const struct vm_params *p = plan->p;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < p->n_disks; i++) {
		const struct vm_disk *d = &p->disks[i];
		char at[SLOT_MAX];

		r = add(sv, "-drive",
			"if=none,id=drive-%s,file=%s,format=raw,readonly=%s,cache.direct=off,"
			"aio=threads",
			d->id, d->path, d->readonly ? "on" : "off");
		if (r >= 0)
			r = add(sv, "-device", "virtio-blk-%s,drive=drive-%s,id=%s,serial=%s%s",
				qemu_is_pci(plan->machine) ? "pci" : "device", d->id, d->id, d->id,
				at_slot(plan, QEMU_SLOT_DISK + (unsigned)i, at));
	}
	return r;
}

static int other_args(const struct qemu_plan *plan, struct strv *sv)
{
	const struct vm_params *p = plan->p;
	const char *bus = qemu_is_pci(plan->machine) ? "pci" : "device";
	char at[SLOT_MAX];
	int r;

	r = add(sv, "-object", "rng-random,id=rng0,filename=/dev/urandom");
	if (r >= 0)
		r = add(sv, "-device", "virtio-rng-%s,rng=rng0%s", bus,
			at_slot(plan, QEMU_SLOT_RNG, at));
	if (r < 0 || !p->fs)
		return r;
	r = add(sv, "-chardev", "socket,id=fs0,path=%s", p->fs->socket);
	if (r >= 0)
		r = add(sv, "-device", "vhost-user-fs-%s,chardev=fs0,tag=%s,queue-size=%u%s", bus,
			p->fs->tag, p->fs->queue_size ? p->fs->queue_size : 1024,
			slot_only(plan, QEMU_SLOT_FS, at));
	return r;
}

int qemu_args(const struct qemu_plan *plan, struct strv *sv, struct error *err)
{
	static int (*const parts[])(const struct qemu_plan *, struct strv *) = {
		machine_args, memory_args, boot_args,  console_args,
		vsock_args,   disk_args,   other_args,
	};
	_cleanup_strbuf_ struct strbuf cmdline = STRBUF_INIT;
	int r;

	r = qemu_check(plan, err);
	if (r < 0)
		return r;
	r = qemu_kernel_params(plan, &cmdline);
	if (r >= 0 && cmdline.len > KERNEL_CMDLINE_MAX)
		return error_set(err, -EINVAL,
				 "the kernel's command line has %zu bytes, the limit is %d",
				 cmdline.len, KERNEL_CMDLINE_MAX);
	if (r >= 0)
		r = strv_add(sv, plan->p->path);
	if (r >= 0)
		r = add(sv, "-name", "sandbox-%s", plan->p->name);
	if (r >= 0)
		r = strv_adds(sv, "-no-user-config", "-nodefaults", "-nographic", "-no-reboot",
			      NULL);
	if (r >= 0)
		r = add(sv, "-chardev", "socket,id=qmp0,fd=%d", plan->qmp_fd);
	if (r >= 0)
		r = add(sv, "-mon", "chardev=qmp0,mode=control");
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(parts); i++)
		r = parts[i](plan, sv);
	return r < 0 ? error_oom(err) : 0;
}
