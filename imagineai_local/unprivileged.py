"""How root runs PostgreSQL, which refuses root.

In a user namespace of its own the process is `nobody` inside and root's files stay root's. Where the machine
forbids such namespaces (Docker's default), it becomes `nobody` in earnest and keeps one capability, the one
that lets it through to its files.
"""

import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from imagineai_local.errors import PlatformError

NOBODY = 65_534
_CLONE_NEWUSER = 0x10000000
_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 47, 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilitySet(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def disguise(program: str, folder: Path) -> Callable[[], None] | None:
    """Choose what a child of ours has to do before it runs this program on this folder.

    The folder and all in it is handed to the user that the program will be.

    Returns:
        None for an ordinary user; else a function to be called between fork and exec.

    Raises:
        PlatformError: This root can neither make a user namespace nor change its user.
    """
    if os.geteuid() != 0:
        return None
    for become, owner in ((enter_namespace, 0), (become_nobody, NOBODY)):
        _hand_over(folder, owner)
        if _works(program, folder, become):
            return become
    raise PlatformError(
        "PostgreSQL refuses to run as root, and this root may neither create a user namespace nor change "
        "its user; run the command as an ordinary user, or set DATABASE_URL to a server elsewhere."
    )


def enter_namespace() -> None:
    """Go on as `nobody` in a new user namespace, where files of the present user are its own."""
    uid, gid = os.getuid(), os.getgid()
    _check(_libc.unshare(_CLONE_NEWUSER))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")


def become_nobody() -> None:
    """Go on as `nobody`, with the one capability of root that reaches files below root's folders."""
    _check(_libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    bit = 1 << _CAP_DAC_OVERRIDE
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    capabilities = (_CapabilitySet * 2)(_CapabilitySet(bit, bit, bit), _CapabilitySet(0, 0, 0))
    _check(_libc.capset(ctypes.byref(header), capabilities))
    _check(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0))


def _works(program: str, folder: Path, become: Callable[[], None]) -> bool:
    def try_it() -> None:
        become()
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()

    try:
        done = subprocess.run([program, "--version"], preexec_fn=try_it, capture_output=True, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _hand_over(folder: Path, owner: int) -> None:
    if folder.stat().st_uid == owner:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner, owner, follow_symlinks=False)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
