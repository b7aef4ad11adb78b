#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: source.sh VERSION TARBALL SHA256 KEYRING VERSIONS-FILE: checks kernel.org's linux-VERSION.tar.xz before it is unpacked. SHA256 may
# be empty: then VERSIONS-FILE has it. KEYRING may be empty: else TARBALL's signature (the name with .sign instead of .xz, over the
# uncompressed archive, as kernel.org signs) must be by one of its keys.
set -eu

version=$1 tarball=$2 sha256=$3 keyring=$4 versions=$5
fail() {
	echo "make kernel: $*" >&2
	exit 1
}

[ -f "$tarball" ] ||
	fail "$tarball is missing; fetch it from https://cdn.kernel.org/pub/linux/kernel/v${version%%.*}.x/, or say where it is: KERNEL_TARBALL="
if [ -z "$sha256" ]; then
	sha256=$(sed -n '/^\[sha256\]/,$s/^"\(.*\)" *= *"\([0-9a-f]*\)"$/\1 \2/p' "$versions" | sed -n "s/^$(echo "$version" | sed 's/\./\\./g') //p")
	[ -n "$sha256" ] || fail "no SHA-256 for Linux $version: add it to $versions, or give KERNEL_SHA256="
fi
found=$(sha256sum <"$tarball")
found=${found%% *}
[ "$found" = "$sha256" ] || fail "$tarball is not Linux $version: its SHA-256 is $found, not $sha256"

[ -n "$keyring" ] || exit 0
command -v gpgv >/dev/null || fail "gpgv is missing (package gpgv): the signature of $tarball cannot be checked"
[ -f "$keyring" ] || fail "$keyring is missing: the signature of $tarball cannot be checked"
[ -f "${tarball%.xz}.sign" ] || fail "${tarball%.xz}.sign is missing: the signature of $tarball cannot be checked"
# A name without a slash would be looked for in the home directory.
case $keyring in */*) ;; *) keyring=./$keyring ;; esac
# When xz fails, what gpgv sees is not what was signed.
out=$(xz -dc "$tarball" | gpgv --keyring "$keyring" "${tarball%.xz}.sign" - 2>&1) ||
	fail "the signature of $tarball is not good: $(echo "$out" | tail -n 1)"
