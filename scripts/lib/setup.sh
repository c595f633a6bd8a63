# Sourced by the other scripts: where we are, and what must be installed. Debian 12 and its relatives.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

build_packages=(g++ cmake ninja-build mold ccache libboost1.81-dev libboost-json1.81-dev libssl-dev libsqlite3-dev libzstd-dev libcli11-dev
  catch2 python3 openssl tzdata)
package_packages=(dpkg-dev file fakeroot)
test_packages=(faketime sqlite3 procps strace systemd man-db mandoc zsh fish)
all_packages=(clang libclang-rt-14-dev ceph-mon ceph-osd ceph-common radosgw uuid-runtime rclone lintian mmdebstrap)

say() { printf '\n== %s\n' "$*"; }

# Installs what is missing, with apt, asking for sudo only when it is needed.
need_packages() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || {
    echo "These packages are needed and there is no apt-get here: ${missing[*]}" >&2
    exit 1
  }
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "Please install as root: apt-get install ${missing[*]}" >&2; exit 1; }
    sudo=(sudo)
  fi
  say "installing ${missing[*]}"
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# need_node [npm]: Node.js from wherever it is, else Debian's; for the tests of gateway-plugin/.
need_node() {
  local tool
  for tool in node "$@"; do
    command -v "$tool" >/dev/null || need_packages "${tool/#node/nodejs}"
  done
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  # One cache serves every checkout: paths below the project are made relative before they are compared.
  export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >"build-$preset.log" 2>&1 || {
    cat "build-$preset.log" >&2
    rm -f "build-$preset.log"
    echo "configuring failed" >&2
    exit 1
  }
  rm -f "build-$preset.log"
  cmake --build --preset "$preset" ${1:+--target "$@"}
}
