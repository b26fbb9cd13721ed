#!/bin/sh
# Imports a root file system as an image with the settings of a stage of deploy/Dockerfile (default: calico-node).
# Usage: tools/image/import.sh ARCHIVE TAG [STAGE [amd64|arm64]]
set -eu
[ $# -ge 2 ] || { sed -n 's/^# //p' "$0" >&2; exit 2; }
dockerfile=$(dirname "$0")/../../deploy/Dockerfile
archive=$1
tag=$2
stage=${3:-calico-node}
arch=${4:-$(dpkg --print-architecture)}

settings() {
  sed -n "/^FROM .* AS $1\$/,/^FROM /p" "$dockerfile" | sed -n '/^\(ENV\|USER\|LABEL\|HEALTHCHECK\|ENTRYPOINT\|CMD\|WORKDIR\) /p'
}

set --
while IFS= read -r line; do set -- "$@" --change "$line"; done <<END
$(settings runtime)
$(settings "$stage")
END
docker import --platform "linux/$arch" "$@" "$archive" "$tag" >/dev/null
echo "imported $tag"
