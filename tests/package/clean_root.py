"""A clean Debian of this machine's release, to install packages in: as small as Debian makes one, unpacked anew for each use.

What takes long is made once: the root as an archive, and the packages that were fetched for it, in `debian-root-RELEASE` in the same
cache as OpenClaw (tests/e2e/openclaw/installation.py). Mounts are in a mount namespace of each command and end with it.
"""
import fcntl
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile


def release():
    for line in pathlib.Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise AssertionError("/etc/os-release names no release")


def cache():
    named = os.environ.get("B2B_OPENCLAW_CACHE")
    tests = pathlib.Path(named) if named else pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "b2backupd-tests"
    return tests / f"debian-root-{release()}-{platform.machine()}"


def sources():
    """This machine's own: the root gets its packages from where this machine does."""
    apt = pathlib.Path("/etc/apt")
    found = [path for path in (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))) if path.is_file() and path.stat().st_size]
    return [path for path in found if path.suffix in (".list", ".sources")]


def run(*command, **how):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600,
                          text=True, errors="replace", check=False, **how)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout[-3000:]}"
    return done.stdout


def archive():
    """The root as an archive, made when it is not there yet. One process at a time makes it."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "root.tar"
        if not made.exists():
            half = folder / "half.tar"
            run("mmdebstrap", "--variant=minbase", "--skip=cleanup/apt/lists", release(), half, *sources())
            half.rename(made)
        return made


# $1: the root; the rest is run inside.
INSIDE = """
mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && { [ ! -e /etc/resolv.conf ] || cp /etc/resolv.conf "$1/etc/resolv.conf"; } || exit 125
exec chroot "$@"
"""


class CleanRoot:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="b2b-root-"))
        self.packages = self.folder / "var/cache/apt/archives"
        run("tar", "-xf", archive(), "-C", self.folder, "--exclude=./dev/*")
        self.kept = cache() / "packages"
        self.kept.mkdir(exist_ok=True)
        for package in self.kept.glob("*.deb"):
            os.link(package, self.packages / package.name) if self.same_disk(package) else shutil.copy(package, self.packages)

    def same_disk(self, package):
        return package.stat().st_dev == self.folder.stat().st_dev

    def command(self, *words, user=None):
        home = f"/home/{user}" if user else "/root"
        environment = ["env", "-i", f"HOME={home}", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
                       *[f"{name}={value}" for name, value in os.environ.items() if name.lower().endswith("_proxy")]]
        become = ["setpriv", "--reuid", user, "--regid", user, "--init-groups"] if user else []
        return ["unshare", "--mount", "sh", "-c", INSIDE, "sh", str(self.folder), *become, *environment, *map(str, words)]

    def run(self, *words, user=None):
        """What it says, on both of its outputs."""
        return run(*self.command(*words, user=user), cwd="/")

    def apt(self, *words):
        """Fetched packages are kept; a list that has grown old is fetched again."""
        try:
            said = self.run("apt-get", "-y", "--no-install-recommends", *words)
        except AssertionError:
            self.run("apt-get", "update")
            said = self.run("apt-get", "-y", "--no-install-recommends", *words)
        for package in self.packages.glob("*.deb"):
            if not (self.kept / package.name).exists():
                shutil.copy(package, self.kept / (package.name + ".half"))
                (self.kept / (package.name + ".half")).rename(self.kept / package.name)
        return said

    def there(self, path):
        return self.folder / path.lstrip("/")

    def files(self):
        """Every path, but for what the kernel and apt have there."""
        found = set()
        for folder, folders, files in os.walk(self.folder):
            inside = "/" + os.path.relpath(folder, self.folder).lstrip(".").lstrip("/")
            if inside in ("/proc", "/dev", "/sys", "/var/cache", "/var/lib/apt", "/var/log"):
                folders.clear()
                continue
            found.update(os.path.join(inside, name) for name in folders + files)
        return found

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
