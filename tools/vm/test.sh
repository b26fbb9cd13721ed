#!/bin/sh
# Runs the tests that need what this machine's kernel may lack (IP-in-IP, WireGuard, flow tables, IPVS) under Debian's
# kernel, in a virtual machine that shows this machine's files, read-only, and keeps what it writes in memory. QEMU
# emulates the processor: no /dev/kvm is needed, and everything takes several times as long.
# Usage: [VM_MINUTES=30] [VM_PARAMETERS=ipv6.disable=1] tools/vm/test.sh [TEST-FILE-FILTER...]   exits as the tests do
set -eu
cd "$(dirname "$0")/../.."
minutes=${VM_MINUTES:-30}

skip() {
  echo "test-vm: skipped: $1"
  exit 0
}

PATH=$PATH:/usr/sbin:/sbin
[ "$(uname -m)" = x86_64 ] || skip "the kernel that it boots is for x86_64, this machine is $(uname -m)"
for program in qemu-system-x86_64 busybox depmod apt-get dpkg-deb; do
  command -v $program >/dev/null 2>&1 || skip "$program is missing"
done

kernel=$(tools/vm/kernel.sh)
tools/vm/initramfs.sh "$kernel" "$kernel/initramfs.gz"
result=dist/vm/result
rm -rf $result
mkdir -p $result
# What the guest is to do: one argument a line.
printf '%s\n' "$PWD" "$PWD/$kernel/lib/modules" "${@:-test/vm-}" >$result/task

# The processor's own clock is read without QEMU's help, and nothing attacks this machine: twice as fast.
parameters='console=ttyS0 quiet loglevel=3 panic=-1 clocksource=tsc tsc=reliable mitigations=off nowatchdog'
parameters="$parameters ${VM_PARAMETERS:-}"

echo "test-vm: booting $(basename "$kernel")"
timeout --foreground $((minutes * 60)) qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 4096 \
  -display none -monitor none -serial stdio -no-reboot -nic none -device virtio-rng-pci \
  -kernel "$kernel/vmlinuz" -initrd "$kernel/initramfs.gz" -append "$parameters" \
  -virtfs local,path=/,mount_tag=host,readonly=on,security_model=none,multidevs=remap \
  -virtfs local,path=$result,mount_tag=result,security_model=none </dev/null | sed -u 's#\r##g'

if [ ! -f $result/exit ]; then
  echo "test-vm: the virtual machine ended, or was ended after $minutes minutes, before its tests did" >&2
  exit 1
fi
exit "$(cat $result/exit)"
