#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The main job, shown: a container in a virtual machine made of our own kernel, image and agent.
# usage: demo.sh BIN-DIR DEMO-DIR KERNEL IMAGE AGENT
set -eu
bin=$1 demo=$2 kernel=$3 image=$4 agent=$5
bundle=$demo/bundle
id=demo-$$

rm -rf "$bundle" && mkdir -p "$bundle"
"$bin/osbuilder" build --recipe busybox --rootfs "$bundle/rootfs"
# What the container runs.
cat > "$bundle/rootfs/demo.sh" <<'EOF'
echo "kernel      $(uname -sr)"
echo "hostname    $(hostname)"
echo "machine     $(grep -c ^processor /proc/cpuinfo) vCPU, up for $(cut -d' ' -f1 /proc/uptime) s"
echo "memory      $(free -m | awk '/^Mem/ { print $3 " of " $2 " MiB used" }')"
echo "root        $(awk '$2 == "/" { print $3 }' /proc/mounts | tail -n 1)"
echo "processes"
ps
exit 42
EOF
"$bin/kata-runtime" spec --bundle "$bundle" -- /bin/sh /demo.sh

echo
echo "== A container in a virtual machine, by $(id -un) =="
echo "host kernel   $(uname -sr)"
echo "guest kernel  $kernel ($(wc -c < "$kernel") bytes)"
echo "guest image   $image ($(du -k "$image" | cut -f1) KiB on disk)"
echo "guest agent   $agent ($(wc -c < "$agent") bytes)"
echo
echo "\$ kata-runtime run --bundle $bundle $id"
code=0
"$bin/kata-runtime" --config "$demo/configuration.toml" run --timings - --bundle "$bundle" "$id" > "$demo/stdout" 2> "$demo/stderr" || code=$?
sed 's/^/  | /' "$demo/stdout"
echo
cat "$demo/stderr"
echo
if [ "$code" != 42 ]; then
	echo "demo: the container should have ended with 42, the runtime ended with $code" >&2
	exit 1
fi
echo "The container's exit code, 42, came back through agent, engine and command line."
