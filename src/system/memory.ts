/**
 * Shared memory: sealed memfds and their mappings.
 *
 * A memfd is sealed against shrinking before it is passed on, and a receiver maps it only if that seal is there:
 * a peer that truncates its memory could otherwise kill the process with SIGBUS. Memory that peers are to read only is sealed
 * against writing as well, which leaves its owner's mapping the only one that can write. After `unmap` every
 * view of the mapping is dead: its owner drops them first.
 */

import { bytesAt, cString, libc } from "../../ffi/libc.ts";
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
/** Linux 5.1. */
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

/** Makes a memfd of `size` bytes whose size is fixed for good. */
export function createMemory(name: string, size: number): Fd {
  const fd = new Fd(
    unwrap(
      libc().memfd_create(cString(name), MFD_CLOEXEC | MFD_ALLOW_SEALING),
      "E_MEMFD",
      "create shared memory",
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
  return fd;
}

/**
 * From now on the memory can be written through the mappings that exist, and in no other way: no mapping, no write(2), no hole, not even
 * after the descriptor was opened anew (fcntl(2), F_SEAL_FUTURE_WRITE). No seal can be added.
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

/** The size of a memfd from a peer; throws `E_PEER_MEMORY` unless it is sealed against shrinking. */
export function sealedSize(fd: number): number {
  const seals = libc().fcntl(fd, F_GET_SEALS, 0n);
  if (seals < 0 || (seals & F_SEAL_SHRINK) === 0) {
    throw new IpoibError(
      "E_PEER_MEMORY",
      "Shared memory of a peer is not sealed",
    );
  }
  return statFd(fd).size;
}

/** What statx(2) says of an open descriptor. */
export interface FileStatus {
  readonly inode: bigint;
  readonly size: number;
  readonly uid: number;
  /** True for a regular file. */
  readonly regular: boolean;
}

/** Asks for the status of an open descriptor; throws `E_STAT`. */
export function statFd(fd: number): FileStatus {
  const buffer = new Uint8Array(256);
  unwrap(
    libc().statx(fd, cString(""), AT_EMPTY_PATH, STATX_BASIC_STATS, buffer),
    "E_STAT",
    "stat a descriptor",
  );
  const view = new DataView(buffer.buffer);
  return {
    inode: view.getBigUint64(32, true),
    size: Number(view.getBigUint64(40, true)),
    uid: view.getUint32(20, true),
    regular: (view.getUint16(28, true) & S_IFMT) === S_IFREG,
  };
}

/** A shared mapping of a memfd. */
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

  /** Puts the memory of another memfd of the same size in the place of this one, for writing; views stay good. */
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
