#!/bin/sh
# Packs a root file system into one byte sequence for one content: sorted, owned by root, of one time.
# Usage: tools/image/archive.sh ROOT ARCHIVE   (SOURCE_DATE_EPOCH dates the files)
set -eu
[ $# = 2 ] || { sed -n 's/^# //p' "$0" >&2; exit 2; }
tar -c -C "$1" --sort=name --mtime="@${SOURCE_DATE_EPOCH:-0}" --owner=0 --group=0 --numeric-owner \
  --format=posix --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime -f "$2" .
