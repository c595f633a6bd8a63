#!/usr/bin/env bash
# A real S3 server for tests: one Ceph node (monitor, object store in memory, radosgw) on loopback, plain and over TLS.
#
#   radosgw.sh up DIR      starts it in DIR (which it makes; it must not exist or be one of ours) and writes DIR/env
#   radosgw.sh down DIR    stops exactly what `up` started and removes DIR
#
# DIR/env can be sourced: B2B_RADOSGW_ENDPOINT, B2B_RADOSGW_TLS_ENDPOINT, B2B_RADOSGW_CA, B2B_RADOSGW_KEY_ID,
# B2B_RADOSGW_APPLICATION_KEY, B2B_RADOSGW_PID. Buckets are made by whoever uses it.
# Debian packages: radosgw ceph-mon ceph-osd ceph-common uuid-runtime openssl.
set -euo pipefail

readonly marker=.b2b-radosgw
readonly key_id=b2btestkey application_key=b2btestsecret

complain() { echo "radosgw.sh: $*" >&2; }

# Ports that nobody listens on right now, each once.
free_ports() {
  python3 - "$1" <<'PY'
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))
PY
}

write_certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
    -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$1/tls.key" -out "$1/tls.pem" 2>/dev/null
}

write_configuration() {
  local dir=$1 fsid=$2 mon_port=$3 osd_port=$4 port=$5 tls_port=$6
  cat >"$dir/ceph.conf" <<CONF
[global]
fsid = $fsid
mon host = v2:127.0.0.1:$mon_port
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
ms bind ipv6 = false
ms bind port min = $osd_port
ms bind port max = $((osd_port + 40))
auth allow insecure global id reclaim = false
keyring = $dir/keyring
run dir = $dir/run
admin socket = $dir/run/\$name.asok
pid file = $dir/run/\$name.pid
log file = $dir/log/\$name.log
crash dir = $dir/run
mon data = $dir/mon
osd data = $dir/osd
rgw data = $dir/rgw
osd objectstore = memstore
memstore device bytes = $((6 << 30))
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd max object name len = 2048
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 1
mon osd min down reporters = 1
paxos propose interval = 0.1
[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:$port ssl_endpoint=127.0.0.1:$tls_port ssl_certificate=$dir/tls.pem ssl_private_key=$dir/tls.key
rgw thread pool size = 40
rgw enable usage log = false
CONF
}

launch() {  # launch DIR NAME COMMAND...: in the background, its process id is kept for `down`
  local dir=$1 name=$2
  shift 2
  setsid "$@" >"$dir/log/$name.out" 2>&1 </dev/null &
  echo "$! $(awk '{print $22}' "/proc/$!/stat") $name" >>"$dir/pids"
}

wait_for() {  # wait_for DIR WHAT COMMAND...: until the command succeeds, a minute at most
  local dir=$1 what=$2 try
  shift 2
  for try in $(seq 240); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.25
  done
  complain "$what does not come up; logs are in $dir/log"
  return 1
}

start() {
  local dir=$1 fsid osd_id mon_port osd_port port tls_port
  mkdir -p "$dir"/{mon,osd,rgw,run,log}
  : >"$dir/$marker"
  : >"$dir/pids"
  fsid=$(uuidgen)
  osd_id=$(uuidgen)
  read -r mon_port osd_port port tls_port < <(free_ports 4)
  ((osd_port < 65000)) || osd_port=$((osd_port - 1000))
  write_certificate "$dir"
  write_configuration "$dir" "$fsid" "$mon_port" "$osd_port" "$port" "$tls_port"
  local conf=(-c "$dir/ceph.conf")
  local keys=(ceph-authtool "$dir/keyring" --gen-key)
  "${keys[@]}" -C -n mon. --cap mon 'allow *' >/dev/null
  "${keys[@]}" -n client.admin --cap mon 'allow *' --cap osd 'allow *' >/dev/null
  "${keys[@]}" -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *' >/dev/null
  "${keys[@]}" -n client.rgw.a --cap mon 'allow rw' --cap osd 'allow rwx' >/dev/null
  monmaptool --create --addv a "[v2:127.0.0.1:$mon_port]" --fsid "$fsid" "$dir/monmap" >/dev/null
  ceph-mon "${conf[@]}" --mkfs -i a --monmap "$dir/monmap" --keyring "$dir/keyring" >"$dir/log/mon-mkfs.out" 2>&1
  launch "$dir" mon ceph-mon "${conf[@]}" -f -i a
  local ceph=(timeout 20 ceph "${conf[@]}" --connect-timeout 10)
  wait_for "$dir" "the monitor" "${ceph[@]}" mon stat
  "${ceph[@]}" osd new "$osd_id" 0 >/dev/null 2>"$dir/log/osd-new.out"
  ceph-osd "${conf[@]}" -i 0 --mkfs --osd-uuid "$osd_id" >"$dir/log/osd-mkfs.out" 2>&1
  launch "$dir" osd ceph-osd "${conf[@]}" -f -i 0
  wait_for "$dir" "the object store" sh -c "timeout 20 ceph -c '$dir/ceph.conf' osd stat | grep -q '1 up'"
  launch "$dir" rgw radosgw "${conf[@]}" -f -n client.rgw.a
  timeout 120 radosgw-admin "${conf[@]}" user create --uid=b2b --display-name=b2b --access-key="$key_id" \
    --secret-key="$application_key" >"$dir/log/user.out" 2>&1
  wait_for "$dir" "radosgw" bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
  cat >"$dir/env" <<ENV
export B2B_RADOSGW_ENDPOINT=http://127.0.0.1:$port
export B2B_RADOSGW_TLS_ENDPOINT=https://127.0.0.1:$tls_port
export B2B_RADOSGW_CA=$dir/tls.pem
export B2B_RADOSGW_KEY_ID=$key_id
export B2B_RADOSGW_APPLICATION_KEY=$application_key
export B2B_RADOSGW_PID=$(awk '$3 == "rgw" {print $1}' "$dir/pids")
ENV
  echo "$dir/env"
}

# A process of ours is known by its id and its start time, so that a reused id is left alone.
stop() {
  local dir=$1 pid started name
  [[ -e $dir/$marker ]] || { complain "$dir is not a folder of this script"; return 64; }
  while read -r pid started name; do
    [[ $(awk '{print $22}' "/proc/$pid/stat" 2>/dev/null) == "$started" ]] || continue
    kill -TERM "$pid" 2>/dev/null || continue
    for _ in $(seq 40); do
      [[ $(awk '{print $3}' "/proc/$pid/stat" 2>/dev/null) =~ ^[^Z]$ ]] || break
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
  done < <(tac "$dir/pids" 2>/dev/null || true)
  rm -rf -- "$dir"
}

main() {
  local verb=${1:-} dir=${2:-}
  [[ $verb =~ ^(up|down|start-now)$ && -n $dir ]] || { complain "usage: radosgw.sh up|down DIR"; return 64; }
  dir=$(realpath -m -- "$dir")
  case $verb in
    down) stop "$dir"; return ;;
    start-now) start "$dir"; return ;;
  esac
  local tool
  for tool in radosgw ceph-mon ceph-osd ceph radosgw-admin uuidgen openssl python3; do
    command -v "$tool" >/dev/null || { complain "$tool is missing (Debian: radosgw ceph-mon ceph-osd ceph-common uuid-runtime)"; return 69; }
  done
  if [[ -e $dir ]]; then stop "$dir"; fi
  # In a shell of its own, since "set -e" does not hold inside a condition.
  if ! bash "$0" start-now "$dir"; then
    for tool in "$dir"/log/*.out; do tail -n 3 "$tool" >&2; done
    stop "$dir"
    return 1
  fi
}

main "$@"
