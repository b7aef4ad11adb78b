#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: install.sh BUILD-DIR OUT-DIR CONFIG-VERSION: copies the built x86_64 kernel, with the names that upstream gives it.
set -eu

build=$1 out=$2
name=$(make -s -C "$build" kernelversion)-$3

mkdir -p "$out"
rm -f "$out"/vmlinu[xz]-* "$out"/config-*
strip -o "$out/vmlinux" "$build/vmlinux"
cp "$build/arch/x86/boot/bzImage" "$out/vmlinuz"
cp "$build/.config" "$out/config"
cp "$build/System.map" "$out/System.map"
for file in vmlinux vmlinuz config; do
	ln -sfn "$file" "$out/$file-$name"
done
for file in vmlinux vmlinuz; do
	ln -sfn "$file-$name" "$out/$file.container"
done
chmod 0644 "$out/vmlinux" "$out/vmlinuz" "$out/config" "$out/System.map"
