/**
 * Multicast memberships read from /proc/net/igmp and igmp6, for kernels without membership events.
 *
 * ```text
 * Idx	Device    : Count Querier	Group    Users Timer	Reporter
 * 3	ib0       :     2      V3
 * 				010000E0     1 0:00000000		0
 * ```
 *
 * A line that starts with a digit is a device. An indented line is a group of that device: its address in network byte
 * order, printed as a hexadecimal 32-bit integer in host byte order. igmp6 has one line for each group: index, name,
 * address as 32 hexadecimal digits.
 */

import { cString, libc } from "../../../ffi/libc.ts";
import type { Millis } from "../../base/units.ts";
import { unwrap } from "../../system/errno.ts";
import { Fd } from "../../system/fd.ts";
import { withNamespace } from "../../system/namespace.ts";
import { IpAddress } from "../../wire/ip_address.ts";
import type { Timer } from "../../system/reactor.ts";
import { RefusableRead } from "../refusable_read.ts";
import {
  changePause,
  type Groups,
  groupsOf,
  type KernelMemberships,
  type MembershipOptions,
  sameGroups,
} from "./kernel_memberships.ts";

/** The file of this thread's namespace. /proc/net/igmp is that of the main thread's. */
const PATH = "/proc/thread-self/net/igmp";
const PATH6 = "/proc/thread-self/net/igmp6";
const O_RDONLY_CLOEXEC = 0x80000;
const POLL_INTERVAL_MS: Millis = 1000;
/** Minimum interval between reads after IGMP or MLD reports, to limit the load of a storm of reports. */
const REPORT_INTERVAL_MS: Millis = 20;

const decoder = new TextDecoder();

/** Returns the groups of interface `ifindex` in the text of /proc/net/igmp, as signed 32-bit IPv4 addresses. */
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

/** Returns the groups of interface `ifindex` in the text of /proc/net/igmp6. */
export function parseIgmp6(text: string, ifindex: number): IpAddress[] {
  return [...text.matchAll(/^(\d+)\s+\S+\s+([0-9a-f]{32})\s/gm)].flatMap(
    ([, index, digits]) =>
      Number(index) === ifindex
        ? [IpAddress.parse(digits!.match(/.{4}/g)!.join(":"))!]
        : [],
  );
}

/** {@linkcode KernelMemberships} from /proc/net. The constructor throws `E_MEMBERSHIPS` and `E_NETNS`. */
export class ProcMemberships implements KernelMemberships {
  readonly source = "proc";
  readonly #ifindex: number;
  readonly #changed: () => void;
  readonly #file: Fd;
  /** Undefined if the kernel has no IPv6. */
  readonly #file6: Fd | undefined;
  readonly #timer: Timer;
  readonly #reads = new RefusableRead();
  #buffer = new Uint8Array(4096);
  #groups: Groups;
  #lastRead: Millis;
  #next: Millis;

  constructor({ reactor, netns, ifindex, changed }: MembershipOptions) {
    this.#ifindex = ifindex;
    this.#changed = changed;
    // An open file stays bound to the namespace in which it was opened.
    const open = () =>
      [PATH, PATH6].map((path) =>
        libc().open(cString(path), O_RDONLY_CLOEXEC, 0)
      );
    const [file, file6] = netns === undefined
      ? open()
      : withNamespace(netns, open);
    using parts = new DisposableStack();
    this.#file6 = file6! < 0 ? undefined : parts.use(new Fd(file6!));
    this.#file = parts.use(
      new Fd(unwrap(file!, "E_MEMBERSHIPS", `open ${PATH}`)),
    );
    this.#groups = this.#read();
    this.#timer = reactor.timer((now) => this.#due(now));
    this.#lastRead = reactor.clock.now();
    this.#next = this.#after(POLL_INTERVAL_MS);
    this.#timer.at(this.#next);
    parts.move();
  }

  get groups(): Groups {
    return this.#groups;
  }

  refresh(): void {
    const groups = this.#reads.attempt(this.#ifindex, () => this.#read());
    if (!groups || sameGroups(groups, this.#groups)) return;
    this.#groups = groups;
    this.#changed();
  }

  noteReport(now: Millis): void {
    const when = Math.max(now, this.#after(REPORT_INTERVAL_MS));
    if (when >= this.#next) return;
    this.#next = when;
    this.#timer.at(when);
  }

  close(): void {
    this.#timer.close();
    this.#file.close();
    this.#file6?.close();
  }

  #due(now: Millis): void {
    this.#lastRead = now;
    this.#next = this.#after(POLL_INTERVAL_MS);
    this.#timer.at(this.#next);
    this.refresh();
  }

  #after(interval: Millis): Millis {
    return this.#lastRead + Math.max(interval, changePause(this.#groups.size));
  }

  #read(): Groups {
    const ipv4 = parseIgmp(this.#text(this.#file, PATH), this.#ifindex);
    const ipv6 = this.#file6
      ? parseIgmp6(this.#text(this.#file6, PATH6), this.#ifindex)
      : [];
    return groupsOf([...[...ipv4].map(IpAddress.ipv4), ...ipv6]);
  }

  #text(file: Fd, path: string): string {
    let length = 0;
    for (;;) {
      if (length === this.#buffer.length) {
        const larger = new Uint8Array(length * 2);
        larger.set(this.#buffer);
        this.#buffer = larger;
      }
      const read = unwrap(
        libc().pread(
          file.number,
          this.#buffer.subarray(length),
          this.#buffer.length - length,
          BigInt(length),
        ),
        "E_MEMBERSHIPS",
        `read ${path}`,
      );
      if (read === 0) break;
      length += read;
    }
    return decoder.decode(this.#buffer.subarray(0, length));
  }
}
