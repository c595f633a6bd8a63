# shellcheck shell=bash disable=SC2034  # the scripts that source this use the variables
# Sourced by install and uninstall: where things go. Sets scope, prefix, destdir and the folders made from them.
program_names=(b2backupd daemonctl)

die() { echo "$1" >&2; exit "${2:-1}"; }

# A path made absolute, without a slash at its end.
absolute() {
  local path=$1
  case $path in /*) ;; *) path=$PWD/$path ;; esac
  while [ "${path%/}" != "$path" ]; do path=${path%/}; done
  case $path in *$'\n'*) die "a path with a line break cannot be used: $path" 64 ;; esac
  printf '%s' "$path"
}

# choose_places SCOPE PREFIX: empty for the default of whoever runs this.
choose_places() {
  scope=$1
  if [ -z "$scope" ]; then
    if [ "$(id -u)" = 0 ]; then scope=system; else scope=user; fi
  fi
  prefix=$2
  if [ -z "$prefix" ]; then
    if [ "$scope" = system ]; then prefix=/usr/local; else prefix=$HOME/.local; fi
  fi
  prefix=$(absolute "$prefix")
  bindir=$prefix/bin
  docdir=$prefix/share/doc/b2backupd
  manifest=$prefix/share/b2backupd/installed-files
  plugindir=$prefix/share/b2backupd/gateway-plugin
  if [ "$scope" = system ]; then
    user_units=$prefix/lib/systemd/user
    system_units=$prefix/lib/systemd/system
  else
    user_units=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
    system_units=
  fi
}

# The service manager of this installation: "systemctl --user" or "systemctl".
manager() {
  if [ "$scope" = user ]; then systemctl --user "$@"; else systemctl "$@"; fi
}

manager_name() {
  if [ "$scope" = user ]; then echo "systemctl --user"; else echo "systemctl"; fi
}

# Does it run and answer us? Never with --destdir: that is for packages and tests.
manager_answers() {
  [ -z "$destdir" ] && command -v systemctl >/dev/null && manager show --property=Version >/dev/null 2>&1
}
