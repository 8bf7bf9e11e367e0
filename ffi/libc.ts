/**
 * Symbol table of the C library, without policy.
 *
 * The library is opened at first use; `ipoib --help` does not open it. The data path passes pointers as BigInts from a
 * table (`u64`) and small integers as `i32` or `u32`: a JavaScript number for a `usize` parameter, or a BigInt result,
 * would cost an allocation per call.
 */

import { guardLibrary, setErrnoCell } from "./errno.ts";

export { errno, errnoCell } from "./errno.ts";

/** Functions on files and descriptors: all that a command needs which runs for a moment. */
const fileSymbols = {
  // int open(const char *path, int flags, mode_t mode)
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  // ssize_t read(int fd, void *buf, size_t count)
  read: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // int statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *buf)
  statx: {
    parameters: ["i32", "buffer", "i32", "u32", "buffer"],
    result: "i32",
  },
  // ssize_t readlink(const char *path, char *buf, size_t size)
  readlink: { parameters: ["buffer", "buffer", "u32"], result: "i32" },
  // DIR *opendir(const char *name), struct dirent *readdir(DIR *dir)
  opendir: { parameters: ["buffer"], result: "pointer" },
  readdir: { parameters: ["pointer"], result: "pointer" },
  closedir: { parameters: ["pointer"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions by their names in this program; `name` is that in the library if it differs. */
export const libcSymbols = {
  ...fileSymbols,
  // ssize_t read(int fd, void *buf, size_t count), with an address from a table
  readAt: { name: "read", parameters: ["i32", "u64", "u32"], result: "i32" },
  writeAt: { name: "write", parameters: ["i32", "u64", "u32"], result: "i32" },
  // ssize_t write(int fd, const void *buf, size_t count), with a JavaScript buffer
  write: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // ssize_t writev(int fd, const struct iovec *iov, int iovcnt)
  writev: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // ssize_t pread(int fd, void *buf, size_t count, off_t offset)
  pread: { parameters: ["i32", "buffer", "u32", "i64"], result: "i32" },
  // int ioctl(int fd, unsigned long request, void *argp); ioctlValue passes an integer instead of a pointer
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  ioctlValue: {
    name: "ioctl",
    parameters: ["i32", "u64", "u64"],
    result: "i32",
  },
  fcntl: { parameters: ["i32", "i32", "u64"], result: "i32" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  // int getrlimit(int resource, struct rlimit *rlim)
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },

  // int ppoll(struct pollfd *fds, nfds_t nfds, const struct timespec *timeout, const sigset_t *mask)
  ppoll: { parameters: ["buffer", "u64", "buffer", "pointer"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  // int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  // int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  // int clock_gettime(clockid_t clock, struct timespec *tp), with an address from a table
  clock_gettime: { parameters: ["i32", "u64"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  // int memfd_create(const char *name, unsigned flags)
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  // void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
  mmap: {
    parameters: ["u64", "u64", "i32", "i32", "i32", "i64"],
    result: "u64",
  },
  // void *memcpy(void *dest, const void *src, size_t n), from an address of a table into a JavaScript buffer
  copyFrom: {
    name: "memcpy",
    parameters: ["buffer", "u64", "u32"],
    result: "void",
  },
  munmap: { parameters: ["u64", "u64"], result: "i32" },
  // int madvise(void *addr, size_t length, int advice)
  madvise: { parameters: ["u64", "u64", "i32"], result: "i32" },
  // int malloc_trim(size_t pad)
  malloc_trim: { parameters: ["u64"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int socketpair(int domain, int type, int protocol, int sv[2])
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  // int bind(int fd, const struct sockaddr *addr, socklen_t len)
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  // int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
  accept4: { parameters: ["i32", "pointer", "pointer", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  // ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr, socklen_t alen)
  sendto: {
    parameters: ["i32", "buffer", "u32", "i32", "buffer", "u32"],
    result: "i32",
  },
  // ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // int setsockopt(int fd, int level, int name, const void *val, socklen_t len)
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  // int getsockopt(int fd, int level, int name, void *val, socklen_t *len)
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  // int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  unshare: { parameters: ["i32"], result: "i32" },
  // int capget(cap_user_header_t header, cap_user_data_t data)
  capget: { parameters: ["buffer", "buffer"], result: "i32" },
  capset: { parameters: ["buffer", "buffer"], result: "i32" },
  geteuid: { parameters: [], result: "u32" },
  // struct passwd *getpwnam(const char *name); the struct is name, password, then uid and gid as 32-bit words
  getpwnam: { parameters: ["buffer"], result: "pointer" },
  // int initgroups(const char *user, gid_t group)
  initgroups: { parameters: ["buffer", "u32"], result: "i32" },
  setresgid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  // int setenv(const char *name, const char *value, int overwrite)
  setenv: { parameters: ["buffer", "buffer", "i32"], result: "i32" },
  unsetenv: { parameters: ["buffer"], result: "i32" },
  // unsigned long getauxval(unsigned long type)
  getauxval: { parameters: ["u64"], result: "u64" },
  // int execv(const char *path, char *const argv[])
  execv: { parameters: ["buffer", "buffer"], result: "i32" },
  // int prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5)
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  setsid: { parameters: [], result: "i32" },
  // int pidfd_open(pid_t pid, unsigned flags) and pidfd_send_signal(int fd, int sig, siginfo_t *info, unsigned flags),
  // through syscall(2) because glibc has wrappers only since 2.36
  pidfd_open: {
    name: "syscall",
    parameters: ["i64", "i32", "u32"],
    result: "i32",
  },
  pidfd_send_signal: {
    name: "syscall",
    parameters: ["i64", "i32", "i32", "pointer", "u32"],
    result: "i32",
  },
  // int dup3(int oldfd, int newfd, int flags)
  dup3: { parameters: ["i32", "i32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of the C library that the program uses. */
export type Libc = Deno.DynamicLibrary<typeof libcSymbols>["symbols"];
type LibcFiles = Deno.DynamicLibrary<typeof fileSymbols>["symbols"];

/** Not guarded: functions of the data path, and functions whose callers do not read errno. */
const UNGUARDED: ReadonlySet<string> = new Set([
  ...["readAt", "writeAt", "read", "write", "writev", "ppoll", "epoll_wait"],
  ...["clock_gettime", "copyFrom"],
  ...["opendir", "readdir", "closedir", "__errno_location", "getpwnam"],
]);

let opened: Libc | undefined;
let openedFiles: LibcFiles | undefined;

/** Returns the C library, opened at the first call in this thread. */
export function libc(): Libc {
  return opened ??= open(libcSymbols);
}

/**
 * Returns functions on files and descriptors, each of which is opened when it is first used, unless the whole library is
 * open. To open the whole library takes 10 ms, which a command that needs a few functions saves.
 */
export function libcFiles(): LibcFiles {
  return opened ?? (openedFiles ??= openOneByOne());
}

function openOneByOne(): LibcFiles {
  const files = {};
  for (const [name, symbol] of Object.entries(fileSymbols)) {
    Object.defineProperty(files, name, {
      configurable: true,
      get() {
        const { __errno_location } = fileSymbols;
        const value = open({ [name]: symbol, __errno_location })[name];
        Object.defineProperty(files, name, { value });
        return value;
      },
    });
  }
  return files as LibcFiles;
}

function open<S extends Pick<typeof fileSymbols, "__errno_location">>(
  symbols: S,
): Deno.DynamicLibrary<S>["symbols"] {
  const raw = Deno.dlopen("libc.so.6", symbols).symbols;
  const { __errno_location: errnoLocation } = raw as LibcFiles;
  const location = Deno.UnsafePointer.value(errnoLocation());
  setErrnoCell(bytesAt(BigInt(location), 4));
  return guardLibrary(raw, symbols, UNGUARDED);
}

const encoder = new TextEncoder();

/** Encodes `text` as a NUL-terminated UTF-8 string for a `const char *`. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${text}\0`);
}

/** Returns the address of a buffer. The caller keeps the buffer alive as long as native code may use the address. */
export function addressOf(buffer: Uint8Array<ArrayBuffer>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer)));
}

/** Returns a view of `length` bytes at `address`. The caller keeps the memory mapped as long as the view is used. */
export function bytesAt(address: bigint, length: number): ArrayBuffer {
  return Deno.UnsafePointerView.getArrayBuffer(
    Deno.UnsafePointer.create(address)!,
    length,
  );
}
