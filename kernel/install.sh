#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: install.sh ARCH BUILD-DIR OUT-DIR CONFIG-VERSION TYPE: copies the built kernel, with the names that upstream gives it. TYPE may
# be empty. vmlinux is what a VMM boots without a decompressor: an ELF file, on aarch64 the Image.
set -eu

arch=$1 build=$2 out=$3 type=$5
# Not by its make, which would take our ARCH for its own.
name=$(sed "s/-kata\\..*//" "$build/include/config/kernel.release")-$4${type:+-$type}

mkdir -p "$out"
rm -f "$out"/vmlinu[xz]* "$out"/config-* "$out"/System.map-*
case $arch in
x86_64)
	"$STRIP" -o "$out/vmlinux" "$build/vmlinux"
	cp "$build/arch/x86/boot/bzImage" "$out/vmlinuz"
	;;
aarch64)
	cp "$build/arch/arm64/boot/Image" "$out/vmlinux"
	cp "$build/arch/arm64/boot/Image.gz" "$out/vmlinuz"
	;;
ppc64le)
	"$STRIP" -o "$out/vmlinux" "$build/vmlinux"
	cp "$out/vmlinux" "$out/vmlinuz"
	;;
s390x)
	# The ELF file of the boot code, which has the compressed kernel inside.
	"$STRIP" -o "$out/vmlinux" "$build/arch/s390/boot/vmlinux"
	cp "$build/arch/s390/boot/bzImage" "$out/vmlinuz"
	;;
esac
cp "$build/.config" "$out/config"
cp "$build/System.map" "$out/System.map"
for file in vmlinux vmlinuz config System.map; do
	ln -sfn "$file" "$out/$file-$name"
done
for file in vmlinux vmlinuz; do
	ln -sfn "$file-$name" "$out/$file${type:+-$type}.container"
done
chmod 0644 "$out/vmlinux" "$out/vmlinuz" "$out/config" "$out/System.map"
