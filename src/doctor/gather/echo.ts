/**
 * ICMP echo requests through one interface, with the bit "don't fragment" (icmp(7), RFC 792, RFC 4443 section 4).
 *
 * A datagram socket is used if the sysctl net.ipv4.ping_group_range permits it to this user, otherwise a raw socket, which
 * needs CAP_NET_RAW. The kernel sets the identifier of requests from a datagram socket, and delivers only their replies;
 * a raw socket receives the replies of all programs. The calls block this thread, at most for the time limit.
 */

import { errno, libc } from "../../../ffi/libc.ts";
import { Errno } from "../../base/errno.ts";
import { lastError } from "../../system/errno.ts";
import { Fd } from "../../system/fd.ts";
import { setOption, SOL_SOCKET } from "../../system/socket_options.ts";
import { Timespec } from "../../system/timespec.ts";
import { internetChecksum } from "../../wire/checksum.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import type { EchoFacts } from "../facts.ts";
import { AF_INET, AF_INET6, socketAddress } from "./sockaddr.ts";

const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;
const SO_BINDTODEVICE = 25;
const MSG_DONTWAIT = 0x40;
const MSG_ERRQUEUE = 0x2000;
const POLLIN = 1;

const ICMP_HEADER = 8;
/** More than the largest packet of connected mode. */
const BUFFER = 66_000;

/** Constants of a family (in.h, in6.h). */
const FAMILIES = {
  ipv4: {
    family: AF_INET,
    protocol: 1,
    level: 0,
    header: 20,
    request: 8,
    reply: 0,
    mtuDiscover: 10,
    mtu: 14,
    receiveErrors: 11,
  },
  ipv6: {
    family: AF_INET6,
    protocol: 58,
    level: 41,
    header: 40,
    request: 128,
    reply: 129,
    mtuDiscover: 23,
    mtu: 24,
    receiveErrors: 25,
  },
} as const;
/** Sets "don't fragment", and refuses packets that are longer than the known MTU of the path. */
const PMTUDISC_DO = 2;

export class EchoSocket implements Disposable {
  readonly #fd: Fd;
  readonly #raw: boolean;
  readonly #constants: typeof FAMILIES[keyof typeof FAMILIES];
  readonly #identifier = Deno.pid & 0xffff;
  readonly #buffer = new Uint8Array(BUFFER);
  #sequence = 0;

  /**
   * Opens a socket in the namespace of this thread. Throws `E_ECHO`: EPERM or EACCES without the right, or the error of
   * connect(2).
   */
  constructor(target: IpAddress, ifname: string, ifindex: number) {
    this.#constants = target.isIpv4 ? FAMILIES.ipv4 : FAMILIES.ipv6;
    const { family, protocol } = this.#constants;
    let fd = libc().socket(family, SOCK_DGRAM_CLOEXEC, protocol);
    this.#raw = fd < 0;
    if (this.#raw) fd = libc().socket(family, SOCK_RAW_CLOEXEC, protocol);
    if (fd < 0) {
      throw lastError("E_ECHO", "send echo requests", {
        hint: "run as root, or with CAP_NET_RAW",
      });
    }
    this.#fd = new Fd(fd);
    try {
      this.#prepare(target, ifname, ifindex);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Sends requests in IP packets of `length` bytes, until one is answered, at most `attempts`. Each waits `limitMs` for
   * the reply.
   */
  ping(length: number, attempts: number, limitMs: number): EchoFacts {
    let last: EchoFacts = { length, sent: 0, answered: false, errno: 0 };
    for (let sent = 1; sent <= attempts; sent++) {
      last = { ...this.#exchange(length, limitMs), sent };
      // The same packet would be refused again.
      if (last.answered || last.errno === Errno.EMSGSIZE) break;
    }
    return last;
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #prepare(target: IpAddress, ifname: string, ifindex: number): void {
    const { level, mtuDiscover, receiveErrors } = this.#constants;
    const name = new TextEncoder().encode(`${ifname}\0`);
    // Refused without CAP_NET_RAW before Linux 5.7; then the route decides.
    libc().setsockopt(
      ...[this.#fd.number, SOL_SOCKET, SO_BINDTODEVICE] as const,
      ...[name, name.length] as const,
    );
    setOption(this.#fd.number, level, mtuDiscover, PMTUDISC_DO);
    setOption(this.#fd.number, level, receiveErrors, 1);
    const address = socketAddress(target, 0, ifindex);
    if (libc().connect(this.#fd.number, address, address.length) < 0) {
      throw lastError("E_ECHO", `send echo requests to ${target}`);
    }
  }

  /** Sends one request and waits for its reply. */
  #exchange(length: number, limitMs: number): Omit<EchoFacts, "sent"> {
    this.#discardErrors();
    const sequence = ++this.#sequence & 0xffff;
    const request = this.#request(sequence, length);
    const begin = performance.now();
    const end = begin + limitMs;
    if (libc().send(this.#fd.number, request, request.length, 0) < 0) {
      return this.#failed(length, errno());
    }
    for (;;) {
      const left = end - performance.now();
      if (left <= 0) return this.#failed(length, 0);
      this.#wait(left);
      const received = libc().recv(
        ...[this.#fd.number, this.#buffer, BUFFER, MSG_DONTWAIT] as const,
      );
      const rttMs = performance.now() - begin;
      if (received >= 0) {
        if (!this.#isReply(received, sequence)) continue;
        return { length, answered: true, rttMs, errno: 0 };
      }
      const why = errno();
      if (why === Errno.EAGAIN || why === Errno.EINTR) continue;
      return this.#failed(length, why);
    }
  }

  #failed(length: number, errno: number): Omit<EchoFacts, "sent"> {
    const failed = { length, answered: false, errno };
    const pathMtu = errno === Errno.EMSGSIZE ? this.#pathMtu() : undefined;
    return pathMtu === undefined ? failed : { ...failed, pathMtu };
  }

  #pathMtu(): number | undefined {
    const { level, mtu } = this.#constants;
    const value = new Uint8Array(4);
    const size = new Uint8Array(new Uint32Array([4]).buffer);
    return libc().getsockopt(this.#fd.number, level, mtu, value, size) < 0
      ? undefined
      : new DataView(value.buffer).getInt32(0, true);
  }

  #request(sequence: number, length: number): Uint8Array<ArrayBuffer> {
    const { header, request } = this.#constants;
    const bytes = new Uint8Array(Math.max(ICMP_HEADER, length - header));
    const view = new DataView(bytes.buffer);
    view.setUint8(0, request);
    view.setUint16(4, this.#identifier);
    view.setUint16(6, sequence);
    // The kernel computes the checksum itself, except for a raw socket of IPv4.
    view.setUint16(2, internetChecksum(view, 0, bytes.length));
    return bytes;
  }

  #isReply(received: number, sequence: number): boolean {
    const { family, reply } = this.#constants;
    const bytes = this.#buffer;
    const withHeader = this.#raw && family === AF_INET;
    const at = withHeader ? 4 * (bytes[0]! & 15) : 0;
    if (received < at + ICMP_HEADER || bytes[at] !== reply) return false;
    const view = new DataView(bytes.buffer, at);
    return view.getUint16(6) === sequence &&
      (!this.#raw || view.getUint16(4) === this.#identifier);
  }

  #wait(ms: number): void {
    const descriptor = new Uint8Array(8);
    const view = new DataView(descriptor.buffer);
    view.setInt32(0, this.#fd.number, true);
    view.setInt16(4, POLLIN, true);
    const span = new Timespec();
    span.set(new Float64Array([ms]));
    libc().ppoll(descriptor, 1n, span.bytes, null);
  }

  /** Reads the errors of earlier requests. */
  #discardErrors(): void {
    const flags = MSG_DONTWAIT | MSG_ERRQUEUE;
    while (
      libc().recv(this.#fd.number, this.#buffer, BUFFER, flags) >= 0
    ) {
      // Each call returns one error.
    }
  }
}
