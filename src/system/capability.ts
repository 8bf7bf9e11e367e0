/**
 * Capabilities of the calling thread (capabilities(7)). Each thread has its own sets and inherits the initial ones from
 * the thread that created it. execve(2) computes new sets for the single thread of the new program.
 */

import { libc } from "../../ffi/libc.ts";
import { unwrap } from "./errno.ts";

/** The capabilities that the program uses or checks. */
export const Capability = {
  DacOverride: 1,
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

/** Word indices in the data of capget(2): capabilities 0-31. The word of 32-63 is {@linkcode WORDS} words later. */
const EFFECTIVE = 0;
const PERMITTED = 1;
const INHERITABLE = 2;
const WORDS = 3;

/** Returns true if the capability is in the effective set, false if not or if capget(2) fails. */
export function hasCapability(capability: number): boolean {
  const data = read();
  return data !== undefined && has(data, EFFECTIVE, capability);
}

/** Returns true if this thread has no permitted capability other than `kept`, and no_new_privs is set. */
export function hasAtMost(kept: readonly number[]): boolean {
  const data = read();
  if (!data || prctl(PR_GET_NO_NEW_PRIVS) !== 1) return false;
  return all().every((capability) =>
    kept.includes(capability) || !has(data, PERMITTED, capability)
  );
}

/**
 * Drops all capabilities of this thread except `kept` from the permitted and effective sets, and all from the
 * inheritable and ambient sets. Throws `E_PRIVILEGE`.
 */
export function keepCapabilities(kept: readonly number[]): void {
  const data = read();
  if (!data) return;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
  const permitted = kept.filter((each) => has(data, PERMITTED, each));
  write(permitted, permitted, []);
}

/**
 * Prepares this thread for execve(2): the new program has the capabilities `kept`, as far as they are permitted now,
 * and no others, regardless of its user. The other capabilities are also dropped from the bounding set if this thread
 * has CAP_SETPCAP. Sets no_new_privs. Throws `E_PRIVILEGE` and the errors of `becomeUser`.
 *
 * @param becomeUser changes the user; the permitted capabilities survive the change
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
    // Fails without CAP_SETPCAP. no_new_privs alone prevents a new program from gaining capabilities.
    if (!kept.includes(capability)) {
      prctl(PR_CAPBSET_DROP, BigInt(capability));
    }
  }
  prctl(PR_SET_KEEPCAPS, 1n);
  becomeUser();
  write(permitted, permitted, permitted);
  for (const capability of permitted) {
    // Fails under SECBIT_NO_CAP_AMBIENT_RAISE. Root needs no ambient set.
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, BigInt(capability));
  }
  unwrap(
    prctl(PR_SET_NO_NEW_PRIVS, 1n),
    "E_PRIVILEGE",
    "set no_new_privs",
  );
}

/** Returns all capabilities that this kernel supports. */
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
