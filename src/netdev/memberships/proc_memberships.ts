/**
 * Memberships by reading /proc/net/igmp: for kernels that tell of them in no other way.
 *
 * ```text
 * Idx	Device    : Count Querier	Group    Users Timer	Reporter
 * 3	ib0       :     2      V3
 * 				010000E0     1 0:00000000		0
 * ```
 *
 * A line that begins with a digit begins a device, an indented one is a group of it: the address as a 32-bit
 * word of the host's byte order, in hexadecimal.
 */

import { cString, libc } from "../../../ffi/libc.ts";
import type { Millis } from "../../base/units.ts";
import { unwrap } from "../../system/errno.ts";
import { Fd } from "../../system/fd.ts";
import { withNamespace } from "../../system/namespace.ts";
import type { Timer } from "../../system/reactor.ts";
import {
  changePause,
  type KernelMemberships,
  type MembershipOptions,
  sameGroups,
} from "./kernel_memberships.ts";

/** The file of the thread's namespace: /proc/net would be that of the process's first thread. */
const PATH = "/proc/thread-self/net/igmp";
const O_RDONLY_CLOEXEC = 0x80000;
const POLL_INTERVAL: Millis = 1000;
/** A storm of reports makes at most this many reads: one in so many milliseconds. */
const REPORT_INTERVAL: Millis = 20;

const decoder = new TextDecoder();

/** The groups of interface `ifindex` in the text of /proc/net/igmp. */
export function parseIgmp(text: string, ifindex: number): Set<number> {
  const groups = new Set<number>();
  const swap = new DataView(new ArrayBuffer(4));
  let ours = false;
  for (const line of text.split("\n")) {
    const device = /^(\d+)\s/.exec(line);
    if (device) {
      ours = Number(device[1]) === ifindex;
      continue;
    }
    const group = ours ? /^\s+([0-9A-Fa-f]{8})\s/.exec(line) : null;
    if (!group) continue;
    swap.setUint32(0, parseInt(group[1]!, 16), true);
    groups.add(swap.getInt32(0, false));
  }
  return groups;
}

/** See the module's documentation. */
export class ProcMemberships implements KernelMemberships {
  readonly source = "proc";
  readonly #ifindex: number;
  readonly #changed: () => void;
  readonly #file: Fd;
  readonly #timer: Timer;
  #buffer = new Uint8Array(4096);
  #groups: ReadonlySet<number>;
  #lastRead: Millis;
  #next: Millis;

  constructor({ reactor, netns, ifindex, changed }: MembershipOptions) {
    this.#ifindex = ifindex;
    this.#changed = changed;
    // The open file keeps the namespace that it was opened in.
    const open = () =>
      unwrap(
        libc().open(cString(PATH), O_RDONLY_CLOEXEC, 0),
        "E_MEMBERSHIPS",
        `open ${PATH}`,
      );
    this.#file = new Fd(
      netns === undefined ? open() : withNamespace(netns, open),
    );
    this.#groups = this.#read();
    this.#timer = reactor.timer((now) => this.#due(now));
    this.#lastRead = reactor.clock.now();
    this.#next = this.#after(POLL_INTERVAL);
    this.#timer.at(this.#next);
  }

  get groups(): ReadonlySet<number> {
    return this.#groups;
  }

  refresh(): void {
    const groups = this.#read();
    if (sameGroups(groups, this.#groups)) return;
    this.#groups = groups;
    this.#changed();
  }

  noteReport(now: Millis): void {
    const when = Math.max(now, this.#after(REPORT_INTERVAL));
    if (when >= this.#next) return;
    this.#next = when;
    this.#timer.at(when);
  }

  close(): void {
    this.#timer.close();
    this.#file.close();
  }

  #due(now: Millis): void {
    this.#lastRead = now;
    this.#next = this.#after(POLL_INTERVAL);
    this.#timer.at(this.#next);
    this.refresh();
  }

  #after(interval: Millis): Millis {
    return this.#lastRead + Math.max(interval, changePause(this.#groups.size));
  }

  #read(): Set<number> {
    let length = 0;
    for (;;) {
      if (length === this.#buffer.length) {
        const larger = new Uint8Array(length * 2);
        larger.set(this.#buffer);
        this.#buffer = larger;
      }
      const got = unwrap(
        libc().pread(
          this.#file.number,
          this.#buffer.subarray(length),
          this.#buffer.length - length,
          BigInt(length),
        ),
        "E_MEMBERSHIPS",
        `read ${PATH}`,
      );
      if (got === 0) break;
      length += got;
    }
    return parseIgmp(
      decoder.decode(this.#buffer.subarray(0, length)),
      this.#ifindex,
    );
  }
}
