# What `make deps` installs, by Debian 12 package name. One list a purpose, so that packagers see why each is there.
#
# Building the programs.
DEPS_BUILD := gcc libc6-dev make pkg-config protobuf-c-compiler libprotobuf-dev libprotobuf-c-dev libarchive-dev \
	libext2fs-dev comerr-dev zlib1g-dev libdeflate-dev libzstd-dev liblz4-dev libxxhash-dev libelf-dev libssl-dev libjansson-dev libseccomp-dev
# Cross-building the agent. C library and other libraries come from guest-agent/sysroot.
DEPS_CROSS := gcc-aarch64-linux-gnu gcc-powerpc64le-linux-gnu gcc-s390x-linux-gnu
# Building the guest kernel (libssl-dev and libelf-dev are above).
DEPS_KERNEL := linux-source-6.1 bc bison flex patch xz-utils bzip2 cpio kmod perl
# Building images: the archive keys that apt verifies packages with.
DEPS_IMAGE := debian-archive-keyring ca-certificates
# Running a sandbox here: QEMU 7.2 with its virtiofsd, and the demo's container.
DEPS_RUN := qemu-system-x86 qemu-system-common qemu-system-data seabios busybox-static
# Tests: cmocka, and the foreign tools that must agree with us about our images.
DEPS_TEST := libcmocka-dev python3 e2fsprogs iptables xfsprogs fdisk erofs-utils libarchive-tools cpio gzip zstd cryptsetup-bin binutils procps util-linux iproute2 strace
# Tests of RPM, Alpine and container image sources, against repositories that the tests make.
DEPS_TEST += createrepo-c rpm dnf dnf-plugins-core gnupg openssl skopeo
# Tests of reproducibility: another clock and another locale.
DEPS_TEST += faketime locales
# Tests of runk: the runtimes that must agree with it, and the clients that drive it.
DEPS_TEST += crun runc podman containerd docker.io uidmap
# What `make bench-image` measures osbuilder against.
DEPS_BENCH := genext2fs mmdebstrap pigz
# Tests of foreign agents and images: QEMU for user programs, and whole machines (s390x is in qemu-system-misc).
DEPS_TEST += qemu-user-static qemu-system-arm qemu-system-ppc qemu-system-misc
# Lint and fuzzing.
DEPS_LINT := clang clang-format clang-tidy cppcheck libclang-rt-14-dev universal-ctags shellcheck mandoc

DEPS := $(sort $(DEPS_BUILD) $(DEPS_CROSS) $(DEPS_KERNEL) $(DEPS_IMAGE) $(DEPS_RUN) $(DEPS_TEST) $(DEPS_BENCH) $(DEPS_LINT))
