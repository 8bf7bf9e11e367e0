/**
 * Network namespaces: opens them by NAME, PID or PATH, and runs synchronous functions in them.
 *
 * Synchronous FFI calls of a worker always run on the worker's own thread, so that setns(2) affects no other thread. An
 * asynchronous operation may run in either namespace: {@linkcode withNamespace} throws if its function returns a
 * promise.
 */

import { cString, libc, libcFiles } from "../../ffi/libc.ts";
import { IpoibError } from "../base/errors.ts";
import { Errno, errnoText } from "../base/errno.ts";
import { lastError, unwrap } from "./errno.ts";
import { Fd } from "./fd.ts";
import { inodeOf, inodeOfFd } from "./files.ts";
import { statFd } from "./memory.ts";
import { OWN, procPath } from "./namespace_inodes.ts";
import { listDirectory } from "./read_files.ts";

/** Non-blocking, because a PATH may name a FIFO. */
const O_RDONLY_NONBLOCK_CLOEXEC = 0x800 | 0x80000;
const O_RDONLY_CLOEXEC = 0x80000;
const CLONE_NEWNET = 0x40000000;
/** Directory of the mounts that `ip netns add` makes. */
const NAMED = "/run/netns";

/** Returns the candidate paths of a network namespace given by NAME, PID or PATH, in the order of preference. */
export function namespacePaths(spec: string): string[] {
  if (spec.includes("/")) return [spec];
  if (/^[0-9]+$/.test(spec)) {
    return [`${NAMED}/${spec}`, `/proc/${spec}/ns/net`];
  }
  return [`${NAMED}/${spec}`, `/var/run/netns/${spec}`];
}

/** Opens a network namespace given by NAME, PID or PATH. Throws `E_NETNS`. */
export function openNamespace(spec: string): Fd {
  let why: number = Errno.ENOENT;
  for (const path of namespacePaths(spec)) {
    const fd = libcFiles().open(cString(path), O_RDONLY_NONBLOCK_CLOEXEC, 0);
    if (fd >= 0) return new Fd(fd);
    why = lastError("E_NETNS", "open").errno!;
  }
  throw new IpoibError(
    "E_NETNS",
    `Cannot open network namespace "${spec}": ${errnoText(why)}`,
    {
      errno: why,
      hint: "use a name listed by `ip netns list`, a PID, or a path",
    },
  );
}

/** Opens the network namespace of this thread. Throws `E_NETNS`. */
export function ownNamespace(): Fd {
  return new Fd(
    unwrap(
      libcFiles().open(cString(OWN), O_RDONLY_CLOEXEC, 0),
      "E_NETNS",
      "open the network namespace of this thread",
    ),
  );
}

/** Creates an unnamed network namespace, which exists as long as the descriptor is open. Throws `E_NETNS`. */
export function createNamespace(): Fd {
  using own = ownNamespace();
  unwrap(
    libc().unshare(CLONE_NEWNET),
    "E_NETNS",
    "create a network namespace",
  );
  try {
    return ownNamespace();
  } finally {
    enter(own.number);
  }
}

/** Identity of a network namespace. The inodes are unique as long as the namespace exists. */
export interface NetworkNamespace {
  /** The inode of `/proc/PID/ns/net` and of its mounts below /run/netns, as in `net:[4026531840]`. */
  readonly inode: bigint;
  /**
   * The inode of `/proc/PID/net/dev` of each process in the namespace. Unlike `/proc/PID/ns/net`, it can be read
   * without the right to trace PID (ptrace(2), PTRACE_MODE_READ_FSCREDS).
   */
  readonly procInode: bigint;
  /** True if it is the namespace of process 1. */
  readonly initial: boolean;
}

/** Returns the identity of an open namespace or, by default, of the calling thread's. Throws `E_NETNS`. */
export function describeNamespace(fd?: number): NetworkNamespace {
  if (fd === undefined) {
    using own = ownNamespace();
    return describeNamespace(own.number);
  }
  const path = procPath("thread-self");
  const procInode = withNamespace(fd, () => inodeOf(path));
  if (procInode === undefined) throw lastError("E_NETNS", `stat ${path}`);
  return {
    inode: namespaceInode(fd),
    procInode,
    initial: procInode === inodeOf(procPath(1)),
  };
}

/** Returns the inode number of an open namespace, as in `net:[4026531840]`. Throws `E_STAT`. */
export function namespaceInode(fd: number): bigint {
  return statFd(fd).inode;
}

/** Returns the names that `ip netns add` gave to network namespaces, by inode. The first of several names is used. */
export function namedNamespaces(): Map<bigint, string> {
  const names = new Map<bigint, string>();
  for (const name of listDirectory(NAMED)) {
    const inode = inodeOf(`${NAMED}/${name}`);
    if (inode !== undefined && !names.has(inode)) names.set(inode, name);
  }
  return names;
}

/**
 * Calls the synchronous function `fn` in the namespace `fd`. Needs CAP_SYS_ADMIN unless the thread is in that namespace
 * already. Throws `E_NETNS` if the thread cannot enter the namespace, and a TypeError if `fn` returns a promise.
 */
export function withNamespace<T>(fd: number, fn: () => T): T {
  using own = ownNamespace();
  // setns(2) needs CAP_SYS_ADMIN even for the thread's current namespace.
  if (inodeOfFd(fd) === inodeOfFd(own.number)) return synchronous(fn);
  enter(fd);
  try {
    return synchronous(fn);
  } finally {
    enter(own.number);
  }
}

function synchronous<T>(fn: () => T): T {
  const result = fn();
  if (result instanceof Promise) {
    throw new TypeError("Cannot run an asynchronous function in a namespace");
  }
  return result;
}

function enter(fd: number): void {
  unwrap(
    libc().setns(fd, CLONE_NEWNET),
    "E_NETNS",
    "enter a network namespace",
  );
}
