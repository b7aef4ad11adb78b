/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_HINT_H
#define OSBUILDER_HINT_H

/*
 * What a person can do about a failed build: the texts for error_hint(), each of one line and without a full stop. Errors by code that
 * need none of their own (no space, a read-only place, a lock file that does not fit: -ESTALE) are in cli_hint().
 */
#define HINT_MAKE_LOCK "osbuilder lock makes it, with the same --recipe and --arch"
#define HINT_OFFLINE   "run it once without --offline, or name the cache that has it by --cache"
#define HINT_NETWORK                                                                        \
	"is the mirror reachable? with a lock file (osbuilder lock) and a filled cache no " \
	"network is needed"
#define HINT_KEYRING                                                                           \
	"install the archive's keyring (debian-archive-keyring, ubuntu-keyring), or name its " \
	"file by the source's key 'keyring'"
#define HINT_APT     "install the package apt"
#define HINT_DNF     "install the packages dnf, dnf-plugins-core and rpm"
#define HINT_RECIPES "--recipes says where recipes are, a path with a slash names one itself"
#define HINT_AGENT \
	"make builds it as build/guest/bin/kata-agent, with ARCH=ARCH as build/guest-ARCH/bin/kata-agent"
#define HINT_EXISTS    "remove it, or choose another name"
#define HINT_DIRECTORY "make the directory first, or choose another place"

#endif
