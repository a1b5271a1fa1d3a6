#!/usr/bin/env bash
# Installs the Debian packages of debian.txt that are not there yet. The tests start servers of their own on free
# ports, so nothing installed here may start by itself. Without root it says which line to run; under CI that fails.
set -euo pipefail
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

list=$(dirname "${BASH_SOURCE[0]}")/debian.txt
missing=()
while read -r package; do
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done < <(grep -v '^#' "$list")
((${#missing[@]})) || exit 0

if ! command -v apt-get >/dev/null || ((EUID)); then
    echo "Tests of real servers need these Debian packages. Please run, as root:" >&2
    echo "    apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
    [[ ${CI:-} != true ]]
    exit
fi

policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    # Exit status 101 tells Debian's maintainer scripts not to start the service.
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
echo "installing ${missing[*]}" >&2
wait=(-o DPkg::Lock::Timeout=300)
apt-get "${wait[@]}" update --quiet=2
apt-get "${wait[@]}" install --quiet=2 --yes --no-install-recommends "${missing[@]}" >/dev/null
