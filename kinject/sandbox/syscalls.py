"""Which calls of the kernel a program in a sandbox may not make: a seccomp filter, written out for bubblewrap.

Namespaces hide files, network and processes; three things they do not hide, and a filter closes them:
- memory that is no process's: System V segments and memory files are not address space, and fill the machine;
- sockets of families that have no namespace: in a virtual machine AF_VSOCK reaches its host from any namespace;
- parts of the kernel that no program needs and that its escapes were found in (user namespaces, io_uring, bpf, keys).

The filter refuses what is listed, and every call that is newer than the list; a program gets EPERM (ENOSYS). With one
process allowed, no second one or thread can be made, even where the limit of processes does not bind.

Traps: call numbers differ from processor to processor, and one processor can take calls in another's numbers (32-bit,
x32): those end the program. `clone3` keeps its flags where a filter cannot look, so it does not exist; libc then uses
`clone`.
"""

import platform
import struct
from errno import EAFNOSUPPORT, EAGAIN, ENOSYS, EPERM

from kinject.errors import MissingError

Call = tuple[int | None, int | None]

PROCESSORS = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""By machine: the column of its numbers below, and what the kernel calls it (AUDIT_ARCH)."""

REFUSED: dict[str, Call] = {
    # mounts
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    # namespaces and other processes
    "unshare": (272, 97),
    "setns": (308, 268),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    # memory that no limit counts
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    # the kernel's own
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "syslog": (103, 116),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "personality": (135, 92),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    "ustat": (136, None),
    "sysfs": (139, None),
}
FORK: tuple[Call, ...] = ((57, None), (58, None))
CLONE: Call = (56, 220)
CLONE3: Call = (435, 435)
SOCKETS: tuple[Call, ...] = ((41, 198), (53, 199))
NEWEST = 462
"""The last call that this list was written with (mseal, Linux 6.10); from 424 on all processors have the same."""

FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6: each network namespace has its own
NAMESPACES = 0x7E020080  # every CLONE_NEW… flag
X32 = 0x40000000

# The words of the filter's language (linux/filter.h): load, compare and jump, end.
LOAD, EQUAL, AT_LEAST, ANY_BIT, END = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # where they lie in what a filter sees
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000


def seccomp(processes: int) -> bytes:
    """Return the filter for this machine as `bwrap --seccomp` reads it. `MissingError` for a processor not listed."""
    machine = platform.machine()
    if machine not in PROCESSORS:
        raise MissingError(f"its filter of kernel calls is not written for {machine}", mend="use docker or podman")
    column, architecture = PROCESSORS[machine]
    calls = [_load(ARCHITECTURE), _if(EQUAL, architecture, then=1), _end(KILL), _load(NUMBER)]
    calls += [_if(AT_LEAST, X32, otherwise=1), _end(KILL), _if(AT_LEAST, NEWEST + 1, otherwise=1), _error(ENOSYS)]
    for call in REFUSED.values():
        calls += _refuse(call[column], EPERM)
    calls += _refuse(CLONE3[column], ENOSYS)
    for call in FORK:
        calls += _refuse(call[column], EAGAIN) if processes <= 1 else []
    calls += _refuse(CLONE[column], EAGAIN) if processes <= 1 else _namespaces(CLONE[column])
    for call in SOCKETS:
        calls += _families(call[column])
    return b"".join([*calls, _end(ALLOW)])


def _refuse(number: int | None, error: int) -> list[bytes]:
    return [] if number is None else [_if(EQUAL, number, otherwise=1), _error(error)]


def _namespaces(number: int | None) -> list[bytes]:
    """A process may be made, in the namespaces that it is in."""
    if number is None:
        return []
    flags = [_load(FIRST_ARGUMENT), _if(ANY_BIT, NAMESPACES, otherwise=1), _error(EPERM), _end(ALLOW)]
    return [_if(EQUAL, number, otherwise=len(flags)), *flags]


def _families(number: int | None) -> list[bytes]:
    if number is None:
        return []
    known = [_if(EQUAL, family, then=len(FAMILIES) - place) for place, family in enumerate(FAMILIES)]
    rules = [_load(FIRST_ARGUMENT), *known, _error(EAFNOSUPPORT), _end(ALLOW)]
    return [_if(EQUAL, number, otherwise=len(rules)), *rules]


def _load(at: int) -> bytes:
    return struct.pack("=HBBI", LOAD, 0, 0, at)


def _if(test: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """Skip so many of the next instructions if the test holds, so many if not."""
    return struct.pack("=HBBI", test, then, otherwise, value)


def _end(what: int) -> bytes:
    return struct.pack("=HBBI", END, 0, 0, what)


def _error(number: int) -> bytes:
    return _end(ERROR | number)
