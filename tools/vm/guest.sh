#!/bin/sh
# Inside the virtual machine: runs the tests, leaves their exit code in the shared directory, and turns the machine off.
{
  read -r repository
  read -r modules
  filters=$(cat)
} </mnt/task
# Modules are loaded when the kernel asks for them, by the host's modprobe.
mkdir -p /usr/lib/modules
ln -sfn "$modules/$(uname -r)" "/usr/lib/modules/$(uname -r)"
export HOME=/root NO_COLOR=1 CI=1
export PATH="$repository/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ip link set lo up
cd "$repository" || exit
echo "test-vm: Linux $(uname -r)"
# Everything takes its time here: what waits, waits for long.
# shellcheck disable=SC2086
{
  vitest run --project integration --reporter=default --no-file-parallelism \
    --testTimeout=180000 --hookTimeout=300000 --expect.poll.timeout=60000 $filters 2>&1
  echo $? >/mnt/exit
} | cat
# No program can be read any more while the machine goes off.
echo o >/proc/sysrq-trigger
while :; do :; done
