#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: unpack.sh TARBALL PATCH-DIR DIR SKIP...: unpacks the kernel source without what SKIP matches, applies PATCH-DIR/series.
set -eu

tarball=$1 patches=$2 dir=$3
shift 3

if [ ! -f "$tarball" ]; then
	echo "make kernel: $tarball is missing; run 'make deps' (it installs Debian's linux-source package)" >&2
	exit 1
fi
top=$(basename "$tarball" .tar.xz)
for skip; do
	set -- "$@" "--exclude=$top/$skip"
	shift
done

rm -rf "$dir"
mkdir -p "$dir"
tar -xf "$tarball" -C "$dir" --strip-components=1 --no-same-owner "$@"

sed -e '/^#/d' -e '/^$/d' "$patches/series" | while read -r name; do
	for try in --dry-run ''; do
		# Output only when it fails. No fuzz: a patch whose context changed must be looked at.
		if ! out=$(patch -d "$dir" -p1 -F0 -N -s -f --no-backup-if-mismatch $try <"$patches/$name" 2>&1); then
			printf '%s\nmake kernel: patch %s does not apply to %s\n' "$out" "$patches/$name" "$top" >&2
			exit 1
		fi
	done
done
