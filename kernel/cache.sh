#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: cache.sh get CACHE KEY OUT: takes a kernel that was built of the same inputs, or fails without a word.
#        cache.sh put CACHE KEY OUT: keeps it. The oldest go when there are more than 16.
set -eu

op=$1 cache=$2 key=$3 out=$4
case $op in
get)
	[ -f "$cache/$key/kernel.manifest.json" ] || exit 1
	# Not one that was damaged since.
	sum=$(sha512sum <"$cache/$key/vmlinux") && grep -q "${sum%% *}" "$cache/$key/kernel.manifest.json" || exit 1
	rm -rf "$out"
	mkdir -p "$out"
	# With new times: the files are as new as what they depend on.
	cp -dR "$cache/$key/." "$out"
	touch "$cache/$key"
	;;
put)
	mkdir -p "$cache"
	rm -rf "$cache/$key.$$"
	cp -dR "$out" "$cache/$key.$$"
	rm -rf "${cache:?}/$key"
	mv "$cache/$key.$$" "$cache/$key"
	(cd "$cache" && find . -mindepth 1 -maxdepth 1 -printf '%T@ %p\n' | sort -rn | sed -e '1,16d' -e 's/^[^ ]* //' | xargs -r rm -rf)
	;;
esac
