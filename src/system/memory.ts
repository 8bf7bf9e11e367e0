/**
 * Shared memory: sealed memfds and their mappings.
 *
 * A memfd is sealed against shrinking before it is sent to a peer, and a receiver checks the seal before it maps the
 * memory: a peer that truncated its memfd could otherwise kill the process with SIGBUS. Memory that peers may only read
 * is also sealed against writing, so that only its owner's existing mapping can write. Accessing a view of a mapping
 * after `unmap` crashes the process, so the owner must drop all views first.
 */

import { bytesAt, cString, libc, libcFiles } from "../../ffi/libc.ts";
import { IpoibError } from "../base/errors.ts";
import { lastError, unwrap } from "./errno.ts";
import { Fd } from "./fd.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
const F_SEAL_SEAL = 1;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;
/** Since Linux 5.1. */
const F_SEAL_FUTURE_WRITE = 16;
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_FIXED = 16;
const MAP_FAILED = 0xffffffffffffffffn;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const S_IFMT = 0xf000;
const S_IFREG = 0x8000;

/** Creates a memfd of `size` bytes, sealed against shrinking and growing. Throws `E_MEMFD`. */
export function createMemory(name: string, size: number): Fd {
  using parts = new DisposableStack();
  const fd = parts.use(
    new Fd(
      unwrap(
        libc().memfd_create(cString(name), MFD_CLOEXEC | MFD_ALLOW_SEALING),
        "E_MEMFD",
        "create shared memory",
      ),
    ),
  );
  unwrap(
    libc().ftruncate(fd.number, BigInt(size)),
    "E_MEMFD",
    "size shared memory",
  );
  unwrap(
    libc().fcntl(fd.number, F_ADD_SEALS, BigInt(F_SEAL_SHRINK | F_SEAL_GROW)),
    "E_MEMFD",
    "seal shared memory",
  );
  parts.move();
  return fd;
}

/**
 * Seals a memfd so that only existing mappings can write: new writable mappings, write(2) and hole punching fail, also
 * through a reopened descriptor (fcntl(2), F_SEAL_FUTURE_WRITE). No seal can be added afterwards (F_SEAL_SEAL). Throws
 * `E_MEMFD`.
 */
export function sealAgainstWriting(memory: Fd): void {
  unwrap(
    libc().fcntl(
      memory.number,
      F_ADD_SEALS,
      BigInt(F_SEAL_FUTURE_WRITE | F_SEAL_SEAL),
    ),
    "E_MEMFD",
    "seal shared memory against writing",
  );
}

/** Returns the size in bytes of a peer's memfd. Throws `E_PEER_MEMORY` unless it is sealed against shrinking. */
export function sealedSize(fd: number): number {
  const seals = libc().fcntl(fd, F_GET_SEALS, 0n);
  if (seals < 0 || (seals & F_SEAL_SHRINK) === 0) {
    throw new IpoibError(
      "E_PEER_MEMORY",
      "Shared memory of a peer is not sealed against shrinking",
    );
  }
  return statFd(fd).size;
}

/** Fields of statx(2) of an open descriptor. */
export interface FileStatus {
  /** `st_dev` of stat(2). */
  readonly device: bigint;
  readonly inode: bigint;
  readonly size: number;
  readonly uid: number;
  /** True for a regular file. */
  readonly regular: boolean;
}

/** Returns the status of an open descriptor. Throws `E_STAT`. */
export function statFd(fd: number): FileStatus {
  const buffer = new Uint8Array(256);
  unwrap(
    libcFiles().statx(
      fd,
      cString(""),
      AT_EMPTY_PATH,
      STATX_BASIC_STATS,
      buffer,
    ),
    "E_STAT",
    "stat a descriptor",
  );
  const view = new DataView(buffer.buffer);
  return {
    device: deviceNumber(view.getUint32(136, true), view.getUint32(140, true)),
    inode: view.getBigUint64(32, true),
    size: Number(view.getBigUint64(40, true)),
    uid: view.getUint32(20, true),
    regular: (view.getUint16(28, true) & S_IFMT) === S_IFREG,
  };
}

/** Returns makedev(3) of glibc. */
function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (high & 0xfffff000n) << 32n | (low & 0xffffff00n) << 12n |
    (high & 0xfffn) << 8n | low & 0xffn;
}

/** A shared mapping of a memfd. The constructor throws `E_MMAP`. */
export class Mapping implements Disposable {
  readonly address: bigint;
  readonly buffer: ArrayBuffer;
  readonly bytes: Uint8Array;
  #mapped = true;

  constructor(fd: number, size: number, access: "read" | "write") {
    const protection = access === "write" ? PROT_READ | PROT_WRITE : PROT_READ;
    const address = BigInt(
      libc().mmap(0n, BigInt(size), protection, MAP_SHARED, fd, 0n),
    );
    if (address === MAP_FAILED) throw lastError("E_MMAP", "map shared memory");
    this.address = address;
    this.buffer = bytesAt(address, size);
    this.bytes = new Uint8Array(this.buffer);
  }

  /**
   * Maps another memfd of the same size at the same address, for reading and writing (MAP_FIXED). Existing views show
   * the new memory. Throws `E_MMAP`.
   */
  replace(fd: number): void {
    const address = BigInt(
      libc().mmap(
        this.address,
        BigInt(this.bytes.byteLength),
        PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_FIXED,
        fd,
        0n,
      ),
    );
    if (address === MAP_FAILED) {
      throw lastError("E_MMAP", "map other shared memory");
    }
  }

  unmap(): void {
    if (!this.#mapped) return;
    this.#mapped = false;
    libc().munmap(this.address, BigInt(this.bytes.byteLength));
  }

  [Symbol.dispose](): void {
    this.unmap();
  }
}
