/**
 * Network namespaces: named, entered for one synchronous call, left again.
 *
 * Synchronous FFI calls of a worker always run on the worker's own thread, so `setns` there leaves every other
 * thread where it was. Asynchronous operations may be answered from either namespace; hence
 * {@linkcode withNamespace} takes a synchronous function and refuses one that returns a promise.
 */

import { cString, libc } from "../../ffi/libc.ts";
import { IpoibError } from "../base/errors.ts";
import { Errno, errnoText } from "../base/errno.ts";
import { lastError, unwrap } from "./errno.ts";
import { Fd } from "./fd.ts";
import { inodeOf, inodeOfFd } from "./files.ts";
import { statFd } from "./memory.ts";

const O_RDONLY = 0;
const O_CLOEXEC = 0x80000;
const CLONE_NEWNET = 0x40000000;
/** The namespace of the calling thread, whichever thread that is. */
const OWN = "/proc/thread-self/ns/net";

/** The paths that a NAME, PID or PATH may mean, in the manner of `ip -n`. */
export function namespacePaths(spec: string): string[] {
  if (spec.includes("/")) return [spec];
  if (/^[0-9]+$/.test(spec)) {
    return [`/run/netns/${spec}`, `/proc/${spec}/ns/net`];
  }
  return [`/run/netns/${spec}`, `/var/run/netns/${spec}`];
}

/** Opens the namespace that a NAME, PID or PATH names; throws `E_NETNS`. */
export function openNamespace(spec: string): Fd {
  let why: number = Errno.ENOENT;
  for (const path of namespacePaths(spec)) {
    const fd = libc().open(cString(path), O_RDONLY | O_CLOEXEC, 0);
    if (fd >= 0) return new Fd(fd);
    why = lastError("E_NETNS", "open").errno!;
  }
  throw new IpoibError(
    "E_NETNS",
    `Cannot open network namespace "${spec}": ${errnoText(why)}`,
    {
      errno: why,
      hint: "name one of `ip netns list`, a process id, or a path",
    },
  );
}

/** Opens the namespace that this thread is in. */
export function ownNamespace(): Fd {
  return new Fd(
    unwrap(
      libc().open(cString(OWN), O_RDONLY | O_CLOEXEC, 0),
      "E_NETNS",
      "open the own network namespace",
    ),
  );
}

/** Makes a new, nameless network namespace that lives as long as the descriptor is open. */
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

/** A network namespace; its numbers are not used again while it exists. */
export interface NetworkNamespace {
  /** As in `net:[4026531840]`: the inode of `/proc/PID/ns/net`, and of its name below /run/netns. */
  readonly inode: bigint;
  /**
   * The inode of `/proc/PID/net/dev` of each process in it. Every process may read that; `/proc/PID/ns/net` needs the right to
   * trace PID (ptrace(2), PTRACE_MODE_READ_FSCREDS).
   */
  readonly procInode: bigint;
  /** That of process 1. */
  readonly initial: boolean;
}

/** The path whose inode is `procInode` of the namespace of process `pid`. */
export function procPath(pid: number | "self" | "thread-self"): string {
  return `/proc/${pid}/net/dev`;
}

/** Describes an open namespace, or that of the calling thread. Throws `E_NETNS`, also where /proc is not mounted. */
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

/** The inode number that identifies a namespace, as in `net:[4026531840]`. */
export function namespaceInode(fd: number): bigint {
  return statFd(fd).inode;
}

/** The inode number of the initial namespace (that of process 1), or undefined where it cannot be read. */
export function initialNamespaceInode(): bigint | undefined {
  // Without the right to trace process 1 it is still known whether this process is in the same namespace.
  if (inodeOf(procPath("self")) === inodeOf(procPath(1))) {
    return inodeOf("/proc/self/ns/net");
  }
  const into = new Uint8Array(64);
  const length = libc().readlink(cString("/proc/1/ns/net"), into, into.length);
  const match = length > 0 &&
    /\[(\d+)\]/.exec(new TextDecoder().decode(into.subarray(0, length)));
  return match ? BigInt(match[1]!) : undefined;
}

/** Calls `fn` inside the namespace `fd`; `fn` must be synchronous. In the thread's own namespace it needs no privilege. */
export function withNamespace<T>(fd: number, fn: () => T): T {
  using own = ownNamespace();
  // setns(2) needs CAP_SYS_ADMIN even for the namespace that the thread is in.
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
