#!/bin/sh
# Prepares apt for another processor than this machine's: its sources, but lists and a cache of its own in DIRECTORY, so
# that the machine's architectures stay what they are. Prints the file that APT_CONFIG has to name.
# Usage: tools/image/foreign-apt.sh DIRECTORY amd64|arm64
set -eu
[ $# = 2 ] || { sed -n 's/^# //p' "$0" >&2; exit 2; }
mkdir -p "$1"
apt=$(cd "$1" && pwd)
arch=$2
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status"
cat >"$apt/apt.conf" <<END
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "root";
Dir::State::Lists "$apt/lists";
Dir::State::Status "$apt/status";
Dir::Cache "$apt/cache";
END
APT_CONFIG=$apt/apt.conf apt-get update -qq >&2
echo "$apt/apt.conf"
