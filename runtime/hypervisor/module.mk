# Drivers of virtual machine monitors.
HYPERVISOR_SRCS := $(addprefix runtime/hypervisor/,fake.c host_clock.c kernel_check.c kvm_probe.c params.c qemu.c qemu_args.c \
	qemu_connect.c qemu_console.c qmp.c)
$(eval $(call lib,hypervisor,$(HYPERVISOR_SRCS)))

# A guest with a test's init, booted through the driver.
$(eval $(call prog,$(G),test-echo-init,tests/integration/vm/echo_init.c,,))
$(eval $(call prog,$(H),test-vm-vsock,tests/integration/vm/vm_vsock.c,hypervisor vmm codec base,-ljansson))
BOOT_TEST_PROGS += $(G)/bin/test-echo-init $(H)/bin/test-vm-vsock

HYPERVISOR_TEST_LIBS := hypervisor vmm osbdisk codec base
$(eval $(call fuzz,qmp,$(HYPERVISOR_TEST_LIBS),-ljansson))
$(foreach t,test_kernel_check test_qemu test_qemu_args test_qemu_console test_qmp,\
	$(eval $(call unit,runtime/hypervisor/$(t),$(HYPERVISOR_TEST_LIBS),-ljansson -lcrypto)))
