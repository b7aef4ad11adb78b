#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: unpack.sh SOURCE PATCH-DIR DIR SKIP...: copies the kernel source (an archive or a directory) without what SKIP matches, applies
# PATCH-DIR/series.
set -eu

source=$1 patches=$2 dir=$3
shift 3
fail() {
	echo "make kernel: $*" >&2
	exit 1
}

if [ -d "$source" ]; then
	[ -f "$source/Makefile" ] || fail "$source is no kernel source: it has no Makefile"
	# Out of tree nothing is built from a source that was built in.
	if [ -e "$source/.config" ] || [ -e "$source/include/config" ]; then
		fail "$source is not clean; run 'make mrproper' there"
	fi
	top=.
else
	[ -f "$source" ] || fail "$source is missing; run 'make deps' (it installs Debian's linux-source package)"
	# Archives have one directory, of their own name.
	top=$(basename "$source" | sed 's/\.tar\.[a-z0-9]*$//')
fi
for skip; do
	set -- "$@" "--exclude=$top/$skip"
	shift
done

rm -rf "$dir"
mkdir -p "$dir"
if [ -d "$source" ]; then
	tar -cf - -C "$source" --exclude-vcs "$@" . | tar -xf - -C "$dir" --no-same-owner
else
	tar -xf "$source" -C "$dir" --strip-components=1 --no-same-owner "$@"
fi

sed -e '/^#/d' -e '/^$/d' "$patches/series" | while read -r name; do
	for try in --dry-run ''; do
		# Output only when it fails. No fuzz: a patch whose context changed must be looked at.
		if ! out=$(patch -d "$dir" -p1 -F0 -N -s -f --no-backup-if-mismatch $try <"$patches/$name" 2>&1); then
			printf '%s\nmake kernel: patch %s does not apply to %s\n' "$out" "$patches/$name" "$source" >&2
			exit 1
		fi
	done
done
