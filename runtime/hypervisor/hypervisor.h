/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HYPERVISOR_HYPERVISOR_H
#define HYPERVISOR_HYPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/loop.h"

/*
 * What the engine wants of a virtual machine monitor: a const table of operations, one file each (qemu.c, fake.c; later clh.c, firecracker.c,
 * builtin.c), with a probe. One `struct vm` is one virtual machine. Everything runs on the engine's loop; no operation blocks: what takes time
 * answers through its callback, exactly once, never from inside the call.
 */

enum vm_accel { VM_ACCEL_AUTO, VM_ACCEL_KVM, VM_ACCEL_TCG };
enum vm_transport {
	VM_TRANSPORT_AUTO,	 /* vhost-vsock when it works, else vhost-user */
	VM_TRANSPORT_VHOST,	 /* kernel /dev/vhost-vsock */
	VM_TRANSPORT_VHOST_USER, /* vsock device in the engine's process */
};

/* A read-only or writable raw disk given at launch. */
struct vm_disk {
	const char *path;
	const char *id; /* device id and serial, [a-z0-9-] */
	bool readonly;
};
/* A directory tree shared by virtio-fs: the socket of a running virtiofsd. */
struct vm_fs {
	const char *socket;
	const char *tag;
	uint32_t queue_size; /* 0: 1024 */
};

struct verity_seal; /* disk/verity_seal.h */
/* Everything about a VM to be launched. Strings stay the caller's and must outlive vm_launch()'s callback. */
struct vm_params {
	const char *name; /* sandbox id, for -name and messages */
	const char *
		dir; /* private runtime directory for sockets and the pid file, exists, mode 0700 */
	const char *path;	  /* hypervisor binary */
	const char *machine_type; /* "q35", "microvm", ...; NULL: the driver's default */
	const char *cpu_features; /* appended to the CPU model, e.g. "pmu=off"; may be NULL */
	const char *kernel;	  /* vmlinux (PVH) or bzImage */
	const char *image;	  /* exactly one of image and initrd */
	const char *initrd;
	const char *rootfs_type; /* of the image: ext4, erofs, xfs */
	const struct verity_seal *
		verity; /* the image is measured: the guest's root is its dm-verity device; NULL: it is not */
	bool image_nvdimm;	   /* attach the image as pmem with DAX where the machine can */
	const char *kernel_params; /* user's addition to the command line; may be NULL */
	bool agent_init;	   /* the image's init is the agent: no systemd.* parameters */
	bool debug;		   /* guest console verbose */
	unsigned vcpus, max_vcpus;
	uint64_t memory_mib;
	enum vm_accel accel;
	enum vm_transport transport;
	const struct vm_disk *disks;
	size_t n_disks;
	const struct vm_fs *fs; /* NULL: none */
	/* Gets each line of the guest's console, made printable, without its newline; may be NULL. */
	void (*console_line)(const char *line, void *data);
	void *console_data;
};
/* Everything zero or NULL but one vCPU and 256 MiB. */
void vm_params_preset(struct vm_params *p);

/* Monotonic microseconds; 0: not reached. For the timing table. */
struct vm_times {
	uint64_t launch;  /* vm_launch() called */
	uint64_t started; /* the monitor answers and the vCPUs run */
	uint64_t
		driver; /* the guest kernel brought the vsock driver up; 0 when the transport cannot tell */
};

struct vm;

/* Guest ended or monitor died. reason: "guest panicked", "guest powered off", "hypervisor killed by signal 9"... */
typedef void (*vm_exit_fn)(struct vm *vm, const char *reason, void *data);
typedef void (*vm_done_fn)(struct vm *vm, const struct error *err /* NULL: success */, void *data);
/* As vsock_connect_fn. */
typedef void (*vm_connect_fn)(int fd, const struct error *err, void *data);

struct vm_ops {
	const char *name; /* "qemu", "fake" */
	/* Can it run here? 0, or -errno and why not in one line. */
	int (*probe)(const struct vm_params *p, struct error *err);
	/* Starts the monitor; done when the vCPUs run. */
	int (*launch)(struct loop *l, const struct vm_params *p, vm_done_fn done,
		      vm_exit_fn on_exit, void *data, struct vm **ret, struct error *err);
	/* A stream to a port in the guest; -ECONNREFUSED while nobody listens. */
	int (*connect)(struct vm *vm, uint32_t port, uint64_t timeout_ms, vm_connect_fn fn,
		       void *data);
	/* Kills and reaps the monitor; `done` when no process of it is left. */
	int (*stop)(struct vm *vm, vm_done_fn done, void *data);
	/* Frees; kills what still runs; removes the files it made in params.dir. */
	void (*free)(struct vm *vm);
	pid_t (*pid)(const struct vm *vm);
	const struct vm_times *(*times)(const struct vm *vm);
	/* The guest's last console lines (at most 4 KiB), for "never answered" and panic messages. Never NULL. */
	const char *(*console_tail)(struct vm *vm);
	/* How the guest's agent names a disk by Storage.source: a PCI path "05" or "/dev/vda"; driver "blk" or "mmioblk". -ENOENT. */
	int (*disk_source)(const struct vm *vm, const char *disk_id, char *buf, size_t size,
			   const char **ret_driver);
	/* "kvm" or "tcg", after launch; a warning line for the user or NULL. */
	const char *(*accel_name)(const struct vm *vm, const char **ret_warning);
};

extern const struct vm_ops vm_qemu_ops;
/* For tests: no process at all; connect() reaches a Unix socket at params.dir/agent.sock. */
extern const struct vm_ops vm_fake_ops;
/* By name; NULL when unknown. */
const struct vm_ops *vm_ops_find(const char *name);

/*
 * Does KVM really run a 64-bit guest at speed? Runs about a million instructions in a throw-away VM in a child process and gives them
 * 50 ms. 0: usable; -errno with the reason otherwise ("/dev/kvm: ...", "KVM emulates guest code: 1 M instructions took over 50 ms").
 * Blocks up to about 60 ms: call it before the loop serves anybody.
 */
int kvm_probe(struct error *err);

/*
 * Can this file be booted by a machine of this driver? It must be a bzImage, or an ELF vmlinux of the host's architecture that carries
 * the PVH entry note. -EINVAL or the system's error, with one line that names the file and the cause.
 */
int vm_check_kernel(const char *path, struct error *err);

#endif
