/* SPDX-License-Identifier: Apache-2.0 */
#include "selfcheck/security.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/if_alg.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "selfcheck/selfcheck.h"

/* What confines programs, and hashes. */

static int under_filter(void *arg)
{
	/* uname(2) fails with ESRCH, everything else is allowed. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_uname, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ESRCH),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { ARRAY_SIZE(code), code };
	struct utsname u;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return 1;
	return uname(&u) < 0 && errno == ESRCH && getppid() >= 0 ? 0 : 2;
}

static int seccomp(struct error *err)
{
	const int code = check_in_child(under_filter, NULL);

	return code ? error_set(err, -EBADMSG, "the filter does not decide (%d)", code) : 0;
}

static int under_landlock(void *arg)
{
	const struct landlock_ruleset_attr attr = { .handled_access_fs =
							    LANDLOCK_ACCESS_FS_READ_FILE };
	const int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (rules < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		return 1;
	return open("/features", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES ? 0 : 2;
}

static int landlock(struct error *err)
{
	const int code = check_in_child(under_landlock, NULL);

	return code ? error_set(err, -EBADMSG, "the rules do not hold (%d)", code) : 0;
}

static int selinux(struct error *err)
{
	_cleanup_fd_ int audit = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);

	if (audit < 0)
		return error_sys(err, -errno, "audit socket");
	if (!check_has("/proc/cmdline", "selinux=1"))
		return check_absent(err, "the kernel was started without selinux=1");
	if (check_mount("selinuxfs", "/tmp/se", "selinuxfs", NULL, err) < 0)
		return err->code;
	/*
	 * Without a policy nothing is enforced, whatever the file says (1 without SECURITY_SELINUX_DEVELOP), and every label
	 * is the kernel's own.
	 */
	if (!check_has("/tmp/se/enforce", "0") && check_text("/tmp/se/enforce", "1", err) < 0)
		return err->code;
	return check_has("/proc/self/attr/current", "kernel")
		       ? 0
		       : error_set(err, -EBADMSG, "processes have no label");
}

static int hardening(struct error *err)
{
	return check_text("/proc/sys/kernel/dmesg_restrict", "1", err);
}

static int mitigations(struct error *err)
{
	char text[256];

	if (check_read("/sys/devices/system/cpu/vulnerabilities/spectre_v2", text, sizeof(text)) <=
	    0)
		return error_set(err, -ENOENT, "the kernel does not say how it is with spectre_v2");
	return strncmp(text, "Not affected", 12) == 0 || strncmp(text, "Mitigation", 10) == 0
		       ? 0
		       : error_set(err, -EBADMSG, "spectre_v2: %.100s", text);
}

int hash_open(const char *name, const void *key, size_t key_len, struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_alg addr = { .salg_family = AF_ALG, .salg_type = "hash" };
	int op;

	snprintf((char *)addr.salg_name, sizeof(addr.salg_name), "%s", name);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    (key && setsockopt(fd, SOL_ALG, ALG_SET_KEY, key, (socklen_t)key_len) < 0))
		return error_sys(err, -errno, "hash %s", name);
	op = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	return op < 0 ? error_sys(err, -errno, "hash %s", name) : op;
}

int hash_once(int fd, const void *data, size_t len, void *digest, size_t digest_len,
	      struct error *err)
{
	if (send(fd, data, len, 0) != (ssize_t)len ||
	    read(fd, digest, digest_len) != (ssize_t)digest_len)
		return error_sys(err, -errno, "hashing %zu bytes", len);
	return 0;
}

/* The first bytes of hashes of "abc" with no key, or with the key "key". */
static int crypto(struct error *err)
{
	static const struct {
		const char *name;
		const char *key;
		uint8_t digest[4];
		size_t len;
	} all[] = {
		{ "sha256", NULL, { 0xba, 0x78, 0x16, 0xbf }, 32 },
		{ "sha1", NULL, { 0xa9, 0x99, 0x3e, 0x36 }, 20 },
		{ "crc32c", NULL, { 0xb7, 0x3f, 0x4b, 0x36 }, 4 },
		{ "hmac(sha256)", "key", { 0x9c, 0x19, 0x6e, 0x32 }, 32 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		_cleanup_fd_ int fd = hash_open(all[i].name, all[i].key,
						all[i].key ? strlen(all[i].key) : 0, err);
		uint8_t digest[32];

		if (fd < 0 || hash_once(fd, "abc", 3, digest, all[i].len, err) < 0)
			return error_prefix(err, "%s", all[i].name);
		if (memcmp(digest, all[i].digest, 4) != 0)
			return error_set(err, -EBADMSG,
					 "%s of \"abc\" begins with %02x%02x%02x%02x", all[i].name,
					 digest[0], digest[1], digest[2], digest[3]);
	}
	return 0;
}

const struct selfcheck security_checks[] = {
	{ .feature = "seccomp", .run = seccomp },
	{ .feature = "landlock", .run = landlock },
	{ .feature = "selinux", .run = selinux },
	{ .feature = "hardening", .run = hardening },
	{ .feature = "mitigations", .run = mitigations },
	{ .feature = "crypto", .run = crypto },
	{ .feature = "crypto-sockets", .run = crypto },
	{ .feature = NULL },
};
