/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <string.h>
#include "base/alloc.h"
#include "disk/verity_seal.h"
#include "hypervisor/qemu-internal.h"

static void preset(struct qemu_plan *plan, struct vm_params *p)
{
	vm_params_preset(p);
	p->name = "sb1";
	p->path = "/usr/bin/qemu";
	p->kernel = "/k/vmlinux";
	p->initrd = "/k/initrd";
	p->agent_init = true;
	*plan = (struct qemu_plan){
		.p = p,
		.tsc_khz = 2300000,
		.cid = 3,
		.vsock_fd = 10,
		.qmp_fd = 11,
		.console_fd = 12,
	};
}

/* The arguments, one a line, options and their values together. */
static void golden(const struct qemu_plan *plan, const char *want)
{
	_cleanup_strv_ struct strv sv = STRV_INIT;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(qemu_args(plan, &sv, &err), 0);
	for (size_t i = 0; i < sv.n; i++)
		strbuf_addf(&sb, "%s%s", !i ? "" : sv.v[i][0] == '-' ? "\n" : " ", sv.v[i]);
	assert_string_equal(sb.buf, want);
}

#define FRONT                                                                          \
	"/usr/bin/qemu\n-name sandbox-sb1\n-no-user-config\n-nodefaults\n-nographic\n" \
	"-no-reboot\n-chardev socket,id=qmp0,fd=11\n-mon chardev=qmp0,mode=control\n"
#define TCG_PARAMS                                                                                                            \
	"tsc_early_khz=2300000 tsc=reliable lapic_timer_khz=1000000 no_timer_check mitigations=off rcupdate.rcu_expedited=1 " \
	"reboot=k cryptomgr.notests net.ifnames=0 scsi_mod.scan=none selinux=0 panic=1"
#define KVM_PARAMS                                                                     \
	"tsc=reliable no_timer_check noreplace-smp rcupdate.rcu_expedited=1 reboot=k " \
	"cryptomgr.notests net.ifnames=0 scsi_mod.scan=none selinux=0 panic=1"
#define I8042_PARAMS " i8042.direct=1 i8042.dumbkbd=1 i8042.nopnp=1 i8042.noaux=1 pci=lastbus=0"
#define Q35 \
	"memory-backend=mem0,smm=off,sata=off,smbus=off,usb=off,vmport=off,hpet=off,graphics=off"

static void test_q35_initrd(void **state)
{
	struct vm_params p;
	struct qemu_plan plan;

	preset(&plan, &p);
	golden(&plan, FRONT
	       "-machine q35,accel=tcg," Q35 "\n-cpu max\n"
	       "-smp 1,sockets=1,cores=1,threads=1,maxcpus=1\n-m 256M\n"
	       "-object memory-backend-memfd,id=mem0,size=256M,share=on\n"
	       "-kernel /k/vmlinux\n"
	       "-append " TCG_PARAMS I8042_PARAMS " nr_cpus=1 console=hvc0 swiotlb=noforce quiet\n"
	       "-initrd /k/initrd\n"
	       "-chardev socket,id=con0,fd=12\n"
	       "-device virtio-serial-pci,id=serial0,max_ports=1,disable-legacy=on,"
	       "addr=0x02\n"
	       "-device virtconsole,chardev=con0,id=console0\n"
	       "-chardev socket,id=vsock0,fd=10\n"
	       "-device vhost-user-vsock-pci,chardev=vsock0,disable-legacy=on,addr=0x03\n"
	       "-object rng-random,id=rng0,filename=/dev/urandom\n"
	       "-device virtio-rng-pci,rng=rng0,disable-legacy=on,addr=0x05");
}

static void test_q35_kvm_nvdimm(void **state)
{
	const struct vm_disk disks[] = { { "/d/0", "disk-0", true }, { "/d/1", "d1", false } };
	const struct vm_fs fs = { "/r/fs.sock", "kataShared", 0 };
	struct vm_params p;
	struct qemu_plan plan;

	preset(&plan, &p);
	plan.kvm = plan.nvdimm = plan.vhost = true;
	plan.image_size = 128u << 20;
	plan.cid = 77;
	p.initrd = NULL;
	p.image = "/k/image";
	p.agent_init = false;
	p.cpu_features = "pmu=off";
	p.kernel_params = "agent.log=debug";
	p.max_vcpus = 4;
	p.disks = disks;
	p.n_disks = 2;
	p.fs = &fs;
	golden(&plan,
	       FRONT "-machine q35,accel=kvm," Q35 ",nvdimm=on\n-cpu host,pmu=off\n"
		     "-smp 1,sockets=4,cores=1,threads=1,maxcpus=4\n"
		     "-m 256M,slots=1,maxmem=1408M\n"
		     "-object memory-backend-memfd,id=mem0,size=256M,share=on\n"
		     "-kernel /k/vmlinux\n"
		     "-append " KVM_PARAMS I8042_PARAMS " nr_cpus=4 console=hvc0 swiotlb=noforce "
		     "root=/dev/pmem0p1 rootflags=dax,errors=remount-ro ro "
		     "rootfstype=ext4 quiet systemd.show_status=false "
		     "systemd.unit=kata-containers.target "
		     "systemd.mask=systemd-networkd.service "
		     "systemd.mask=systemd-networkd.socket agent.log=debug\n"
		     "-object memory-backend-file,id=image,mem-path=/k/image,size=134217728,"
		     "share=on,readonly=on\n"
		     "-device nvdimm,id=nv0,memdev=image,unarmed=on\n"
		     "-chardev socket,id=con0,fd=12\n"
		     "-device virtio-serial-pci,id=serial0,max_ports=1,disable-legacy=on,"
		     "addr=0x02\n"
		     "-device virtconsole,chardev=con0,id=console0\n"
		     "-device vhost-vsock-pci,id=vsock0,vhostfd=10,guest-cid=77,"
		     "disable-legacy=on,addr=0x03\n"
		     "-drive if=none,id=drive-disk-0,file=/d/0,format=raw,readonly=on,"
		     "cache.direct=off,aio=threads\n"
		     "-device virtio-blk-pci,drive=drive-disk-0,id=disk-0,serial=disk-0,"
		     "disable-legacy=on,addr=0x08\n"
		     "-drive if=none,id=drive-d1,file=/d/1,format=raw,readonly=off,"
		     "cache.direct=off,aio=threads\n"
		     "-device virtio-blk-pci,drive=drive-d1,id=d1,serial=d1,disable-legacy=on,"
		     "addr=0x09\n"
		     "-object rng-random,id=rng0,filename=/dev/urandom\n"
		     "-device virtio-rng-pci,rng=rng0,disable-legacy=on,addr=0x05\n"
		     "-chardev socket,id=fs0,path=/r/fs.sock\n"
		     "-device vhost-user-fs-pci,chardev=fs0,tag=kataShared,queue-size=1024,"
		     "addr=0x04");
}

static void test_microvm_erofs(void **state)
{
	struct vm_params p;
	struct qemu_plan plan;

	preset(&plan, &p);
	plan.machine = QEMU_MICROVM;
	p.initrd = NULL;
	p.image = "/k/image";
	p.rootfs_type = "erofs";
	p.debug = true;
	golden(&plan, FRONT "-machine microvm,accel=tcg,memory-backend=mem0,isa-serial=off,"
			    "auto-kernel-cmdline=off\n"
			    "-global virtio-mmio.force-legacy=false\n-cpu max\n"
			    "-smp 1,sockets=1,cores=1,threads=1,maxcpus=1\n-m 256M\n"
			    "-object memory-backend-memfd,id=mem0,size=256M,share=on\n"
			    "-kernel /k/vmlinux\n"
			    "-append " TCG_PARAMS
			    " nr_cpus=1 console=hvc0 swiotlb=noforce root=/dev/vda1 ro "
			    "rootfstype=erofs debug\n"
			    "-drive if=none,id=image,file=/k/image,format=raw,readonly=on,"
			    "cache.direct=off,aio=threads\n"
			    "-device virtio-blk-device,drive=image,serial=image\n"
			    "-chardev socket,id=con0,fd=12\n"
			    "-device virtio-serial-device,id=serial0,max_ports=1\n"
			    "-device virtconsole,chardev=con0,id=console0\n"
			    "-chardev socket,id=vsock0,fd=10\n"
			    "-device vhost-user-vsock-device,chardev=vsock0\n"
			    "-object rng-random,id=rng0,filename=/dev/urandom\n"
			    "-device virtio-rng-device,rng=rng0");
}

#define ROOT_HASH "63f5e1c0a2b9d87443f5e1c0a2b9d87463f5e1c0a2b9d87463f5e1c0a2b9d874"
#define VERITY(dev)                                                                             \
	"dm-mod.create=\"dm-verity,,,ro,0 772096 verity 1 " dev "1 " dev "2 4096 4096 96512 0 " \
	"sha256 " ROOT_HASH " 00ff\" root=/dev/dm-0 "

/* The parameters that upstream's runtimes give. Never DAX. */
static void test_measured(void **state)
{
	static const struct {
		bool nvdimm;
		const char *type, *want;
	} cases[] = {
		{ false, "ext4",
		  VERITY("/dev/vda") "rootflags=errors=remount-ro ro rootfstype=ext4" },
		{ true, "ext4",
		  VERITY("/dev/pmem0p") "rootflags=errors=remount-ro ro rootfstype=ext4" },
		{ false, "erofs", VERITY("/dev/vda") "ro rootfstype=erofs" },
		{ true, "erofs", VERITY("/dev/pmem0p") "ro rootfstype=erofs" },
	};
	struct error err = ERROR_INIT;
	struct verity_seal seal;

	assert_int_equal(verity_seal_parse("root_hash=" ROOT_HASH ",salt=00ff,data_blocks=96512,"
					   "data_block_size=4096,hash_block_size=4096",
					   &seal, &err),
			 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
		_cleanup_free_ char *want =
			str_printf(TCG_PARAMS I8042_PARAMS
				   " nr_cpus=1 console=hvc0 swiotlb=noforce %s quiet",
				   cases[i].want);
		struct qemu_plan plan;
		struct vm_params p;

		preset(&plan, &p);
		p.initrd = NULL;
		p.image = "/k/image";
		p.rootfs_type = cases[i].type;
		p.verity = &seal;
		plan.nvdimm = cases[i].nvdimm;
		assert_int_equal(qemu_kernel_params(&plan, &sb), 0);
		assert_string_equal(sb.buf, want);
	}
}

static void rejected(const struct qemu_plan *plan, const char *why)
{
	_cleanup_strv_ struct strv sv = STRV_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(qemu_args(plan, &sv, &err), -EINVAL);
	assert_string_equal(error_text(&err), why);
	assert_int_equal(sv.n, 0);
}

static void test_rejects(void **state)
{
	struct vm_disk disks[30] = { { "/d", "disk", true }, { "/d", "disk", true } };
	static char long_params[2100];
	struct vm_params p;
	struct qemu_plan plan;

	preset(&plan, &p);
	p.image = "/k/image";
	rejected(&plan, "exactly one of image and initrd must be given");
	p.image = p.initrd = NULL;
	rejected(&plan, "exactly one of image and initrd must be given");
	p.image = "/k/a,b";
	rejected(&plan, "image /k/a,b: QEMU accepts no comma in a path");
	p.image = "/k/image";
	p.memory_mib = 10;
	rejected(&plan, "10 MiB of memory: at least 64 are needed");
	p.memory_mib = 256;
	p.vcpus = 0;
	rejected(&plan, "0 vCPUs (at most 0): 1 to 240 are possible");
	p.vcpus = 1;
	p.cpu_features = "a b";
	rejected(&plan, "bad cpu_features \"a b\"");
	p.cpu_features = NULL;
	plan.nvdimm = true;
	plan.image_size = 3 << 20;
	rejected(&plan, "image /k/image: 3145728 bytes; as NVDIMM its size must be a multiple of "
			"2 MiB");
	plan.nvdimm = false;
	p.disks = disks;
	p.n_disks = 2;
	rejected(&plan, "disk id \"disk\" is used twice");
	disks[1].id = "Disk";
	rejected(&plan, "disk id \"Disk\": 1 to 20 of a-z, 0-9 and - are allowed");
	p.n_disks = 30;
	rejected(&plan, "30 disks: this machine type takes 23");
	p.n_disks = 0;
	memset(long_params, 'x', sizeof(long_params) - 1);
	p.kernel_params = long_params;
	rejected(&plan, "the kernel's command line has 2472 bytes, the limit is 2047");
	p.kernel_params = NULL;
	p.name = "a,b";
	rejected(&plan, "bad VM name \"a,b\"");
}

static void test_machines(void **state)
{
	enum qemu_machine m = QEMU_PC;
	struct error err = ERROR_INIT;

	assert_int_equal(qemu_machine_parse(NULL, &m, &err), 0);
	assert_int_equal(m, QEMU_Q35);
	assert_int_equal(qemu_machine_parse("microvm", &m, &err), 0);
	assert_int_equal(m, QEMU_MICROVM);
	assert_int_equal(qemu_machine_parse("virt", &m, &err), -EINVAL);
	assert_string_equal(error_text(&err), "machine type \"virt\" is not supported (there are "
					      "q35, pc and microvm)");
}

static void test_tsc(void **state)
{
	uint64_t khz = qemu_host_tsc_khz();

	/* A counter of less than 100 MHz or over 20 GHz would be a wrong measurement. */
	assert_true(khz == 0 || (khz > 100000 && khz < 20000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_q35_initrd),    cmocka_unit_test(test_q35_kvm_nvdimm),
		cmocka_unit_test(test_microvm_erofs), cmocka_unit_test(test_measured),
		cmocka_unit_test(test_rejects),	      cmocka_unit_test(test_machines),
		cmocka_unit_test(test_tsc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
