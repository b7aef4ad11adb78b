/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PASS_PASS_H
#define PASS_PASS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "agent_file.h"
#include "base/strv.h"
#include "recipe/recipe.h"
#include "tree/tree.h"

/* All passes of a recipe, in their order. *ret_agent_is_init: /sbin/init leads to the agent. */
struct pass_run_params {
	const struct recipe *recipe;
	const char *arch;
	int64_t epoch;
	const struct agent_file *agent; /* hashed; not looked at when the recipe has no agent */
	const char *agent_version;
};
int pass_run(struct tree *t, const struct pass_run_params *p, bool *ret_agent_is_init,
	     struct error *err);

#define PASS_PROJECT_URL "https://github.com/kata-containers/kata-containers"

/*
 * Passes: tree in, the same tree changed. None looks at the clock, the user, the machine or anything that the caller did not
 * hand over.
 */

/* Before any source: /bin, /sbin, /lib (and /lib64 where the architecture has it) as links into /usr. */
int pass_merge_usr(struct tree *t, const char *arch, struct error *err);

/*
 * What every guest needs, whatever the distribution: the directories /dev /etc /proc /run /sys /tmp (1777) /var, the device
 * nodes /dev/console and /dev/null (an initrd has no devtmpfs when init starts), /var/tmp as a link to ../tmp, /var/run to
 * ../run, /etc/resolv.conf and /etc/machine-id as regular files (the agent mounts over them on a read-only root).
 * What exists already stays, but a link at the place of the two files is replaced.
 */
int pass_layout(struct tree *t, struct error *err);

/* The recipe's [[copy]], [[text]], [[link]] and [[directory]], in this order. */
int pass_items(struct tree *t, const struct recipe *r, struct error *err);

/*
 * The agent: an executable for `arch` without an interpreter (static), put at `path` with mode 0755; `link` (may be NULL)
 * becomes a symbolic link to it. The binary must have been hashed; its descriptor is duplicated.
 */
struct pass_agent_params {
	const struct agent_file *agent;
	const char *arch, *path, *link;
};
int pass_agent(struct tree *t, const struct pass_agent_params *p, struct error *err);

/*
 * What the scripts of packages would have done. None of these replaces what is there.
 *
 * Accounts: base-passwd's masters become /etc/passwd and /etc/group, then come the recipe's accounts with ids, those of sysusers.d(5)
 * and the recipe's without; shadow files are made for them. epoch is the day of the passwords. Nothing in a tree without /etc/passwd.
 */
int pass_users(struct tree *t, const struct recipe *rc, int64_t epoch, struct error *err);
/*
 * What the scripts of base-files, libc-bin, netbase, chrony, debianutils and tzdata make, where the package is there: /etc/profile, motd,
 * nsswitch.conf, hosts, networks, shells, localtime, mtab and others, root's dot files, directories such as /mnt.
 */
int pass_defaults(struct tree *t, struct error *err);
/* Links of update-alternatives for those of the programs that it knows: packet filters, awk, which, pager, editor, vi, nc, rmt. */
int pass_alternatives(struct tree *t, struct error *err);
/* /etc/ssl/certs/ca-certificates.crt of the files *.crt below /usr/share/ca-certificates and /usr/local/share/ca-certificates. */
int pass_ca_certificates(struct tree *t, struct error *err);
/* /etc/pam.d/common-* of the profiles in /usr/share/pam-configs that are on by default, as pam-auth-update(8) writes them. */
int pass_pam(struct tree *t, struct error *err);
/* What tmpfiles.d(5) says about directories, files, links, modes and owners that last; see tmpfiles.c for what is left out. */
int pass_tmpfiles(struct tree *t, struct error *err);
/* The recipe's [[owner]]. */
int pass_owners(struct tree *t, const struct recipe *rc, struct error *err);
/* Links for the [Install] sections of systemd's units as `systemctl preset-all` makes them; the recipe's lists count first. */
int pass_presets(struct tree *t, const struct recipe_systemd *p, struct error *err);
/* The condition of a recipe's entry: NULL, or a path that leads to something. */
bool pass_when(struct tree *t, const char *when);

/*
 * For each directory /lib/modules/VERSION with modules: modules.dep, .alias, .symbols, .softdep and .devname made from the modules
 * themselves (plain, or compressed by gzip, xz or zstd), and kmod's indexes of them and of modules.builtin. What was there of these is
 * replaced. Errors name the module.
 */
int pass_depmod(struct tree *t, struct error *err);

/*
 * systemd as the init: kata-agent.service for the agent at agent_path, kata-containers.target, which basic.target wants, tmp.mount unless
 * the image has one, dbus.socket wanted where there is D-Bus. confidential: the target requires systemd-remount-fs.service.
 */
struct pass_systemd_params {
	const char *agent_path;
	bool confidential;
};
int pass_systemd(struct tree *t, const struct pass_systemd_params *p, struct error *err);
/*
 * Removes, wherever they are, the services and sockets systemd-{coredump@,journald,journald-dev-log,journal-flush,random-seed,timesyncd,
 * tmpfiles-setup,udevd,udevd-control,udevd-kernel,udev-trigger,update-utmp}, the generators systemd-{bless-boot,fstab,getty,gpt-auto}-
 * generator and systemd-tmpfiles-cleanup.timer: what upstream's `rootfs.sh -d` removes.
 */
void pass_trim_systemd(struct tree *t);
/*
 * A chronyd that is there: refclock /dev/ptp0 and makestep at any time in its chrony.conf, servers commented out; its unit starts only
 * where /dev/ptp0 is, as the user it has, and without directories below /var.
 */
int pass_chrony(struct tree *t, struct error *err);
/* /etc/fstab lets /run grow to half of the memory. */
int pass_confidential(struct tree *t, struct error *err);

/* Removes what the patterns match (fnmatch(3), FNM_PATHNAME | FNM_PERIOD off). A pattern without a match is no error. */
int pass_prune(struct tree *t, const struct strv *patterns, struct error *err);

/*
 * With a `keep` that is not empty, only this stays: what the patterns of `keep` and `dlopen` match (a directory with everything in it),
 * the links on the way, the libraries and interpreters that any of it needs, and links at the top of the tree. -ENOENT names who needs
 * what is not there, or the pattern that nothing matches.
 */
int pass_keep(struct tree *t, const char *arch, const struct strv *keep, const struct strv *dlopen,
	      struct error *err);

/* -ENOEXEC naming the ELF files of another architecture: programs, libraries, objects, whatever their mode. The first eight by path. */
int pass_check_arch(struct tree *t, const char *arch, struct error *err);

/* That the tree boots: /sbin/init resolves to a regular file with an x bit. */
int pass_check_init(struct tree *t, struct error *err);

/* Times: later ones become `epoch`, nanoseconds 0. The root directory becomes 0755 root:root. */
void pass_normalize(struct tree *t, int64_t epoch);

/* /var/lib/osbuilder/osbuilder.yaml, upstream's format 0.0.2. NULL strings are written as "unknown". */
struct pass_summary_params {
	int64_t epoch; /* rootfs-creation-time */
	const char *arch, *osbuilder_version, *agent_version;
	const struct recipe *
		recipe; /* texts, and its packages: packages.default, the extra ones packages.extra */
	bool agent_is_init;
};
int pass_summary(struct tree *t, const struct pass_summary_params *p, struct error *err);

#endif
