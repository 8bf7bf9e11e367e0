/**
 * What a thread may do (capabilities(7)). The kernel keeps the sets of each thread apart; a thread begins with those of the
 * thread that made it, and execve(2) gives the one thread of the new program a part of them.
 */

import { libc } from "../../ffi/libc.ts";
import { unwrap } from "./errno.ts";

/** The capabilities that the program asks about, or keeps. */
export const Capability = {
  NetAdmin: 12,
  NetRaw: 13,
  IpcLock: 14,
  SysAdmin: 21,
  PerfMon: 38,
  Bpf: 39,
} as const;

const VERSION_3 = 0x20080522;
const PR_SET_KEEPCAPS = 8;
const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_GET_NO_NEW_PRIVS = 39;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2n;
const PR_CAP_AMBIENT_CLEAR_ALL = 4n;

/** Where the sets stand in the data of capget(2), as words: effective, permitted and inheritable of the lower 32 first. */
const EFFECTIVE = 0;
const PERMITTED = 1;
const INHERITABLE = 2;
const WORDS = 3;

/** True if the capability is effective; false also where that cannot be found out. */
export function hasCapability(capability: number): boolean {
  const data = read();
  return data !== undefined && has(data, EFFECTIVE, capability);
}

/** True if this thread has no other capability than these, and no program that it starts gets more. */
export function hasAtMost(kept: readonly number[]): boolean {
  const data = read();
  if (!data || prctl(PR_GET_NO_NEW_PRIVS) !== 1) return false;
  return all().every((capability) =>
    kept.includes(capability) || !has(data, PERMITTED, capability)
  );
}

/** Takes all capabilities but these from this thread: out of the permitted, effective, inheritable and ambient sets. */
export function keepCapabilities(kept: readonly number[]): void {
  const data = read();
  if (!data) return;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
  const permitted = kept.filter((each) => has(data, PERMITTED, each));
  write(permitted, permitted, []);
}

/**
 * As {@linkcode keepCapabilities}, and out of the bounding set where this thread may; no_new_privs is set. What is kept is also
 * inheritable and ambient, so that a program started by this thread has it, whoever its user is, and nothing else. Throws
 * `E_PRIVILEGE` and what `becomeUser` throws.
 *
 * @param becomeUser changes the user; the capabilities live through that
 */
export function keepCapabilitiesForExec(
  kept: readonly number[],
  becomeUser: () => void,
): void {
  const data = read();
  const permitted = data
    ? kept.filter((each) => has(data, PERMITTED, each))
    : [];
  for (const capability of all()) {
    // Without CAP_SETPCAP the bounding set stays; no_new_privs alone keeps a program from getting more.
    if (!kept.includes(capability)) {
      prctl(PR_CAPBSET_DROP, BigInt(capability));
    }
  }
  prctl(PR_SET_KEEPCAPS, 1n);
  becomeUser();
  write(permitted, permitted, permitted);
  for (const capability of permitted) {
    // Refused under SECBIT_NO_CAP_AMBIENT_RAISE; the user root needs no ambient set.
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, BigInt(capability));
  }
  unwrap(
    prctl(PR_SET_NO_NEW_PRIVS, 1n),
    "E_PRIVILEGE",
    "set no_new_privs",
  );
}

/** The capabilities that this kernel knows. */
function all(): number[] {
  const known: number[] = [];
  for (let capability = 0; capability < 64; capability++) {
    if (prctl(PR_CAPBSET_READ, BigInt(capability)) < 0) break;
    known.push(capability);
  }
  return known;
}

function prctl(option: number, a = 0n, b = 0n): number {
  return libc().prctl(option, a, b, 0n, 0n);
}

function header(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Uint32Array([VERSION_3, 0]).buffer);
}

function read(): Uint32Array | undefined {
  const data = new Uint32Array(2 * WORDS);
  return libc().capget(header(), new Uint8Array(data.buffer)) === 0
    ? data
    : undefined;
}

function write(
  permitted: readonly number[],
  effective: readonly number[],
  inheritable: readonly number[],
): void {
  const data = new Uint32Array(2 * WORDS);
  add(data, EFFECTIVE, effective);
  add(data, PERMITTED, permitted);
  add(data, INHERITABLE, inheritable);
  unwrap(
    libc().capset(header(), new Uint8Array(data.buffer)),
    "E_PRIVILEGE",
    "drop capabilities",
  );
}

function add(data: Uint32Array, set: number, capabilities: readonly number[]) {
  for (const capability of capabilities) {
    data[wordOf(set, capability)]! |= 1 << (capability & 31);
  }
}

function has(data: Uint32Array, set: number, capability: number): boolean {
  return (data[wordOf(set, capability)]! >>> (capability & 31) & 1) === 1;
}

function wordOf(set: number, capability: number): number {
  return WORDS * (capability >> 5) + set;
}
