/** A network namespace in which a test runs commands and sends packets. */

import { libc } from "../../../ffi/libc.ts";
import { lastError, unwrap } from "../../../src/system/errno.ts";
import { Fd } from "../../../src/system/fd.ts";
import {
  createNamespace,
  withNamespace,
} from "../../../src/system/namespace.ts";
import { socketAddress } from "../../system/socket_address.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK_CLOEXEC = 0x800 | 0x80000;
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IPPROTO_IPV6 = 41;
const IPV6_TCLASS = 67;
const SOL_SOCKET = 1;
const SO_BROADCAST = 6;
const SO_MARK = 36;
const EINPROGRESS = 115;
/** Destination port of all packets. */
const PORT = 9;

/** Properties of a datagram. */
export interface Sending {
  /** Source port, with the source address 10.1.0.1 or fd00:1::1. */
  readonly from?: number;
  /** Destination port. */
  readonly port?: number;
  readonly mark?: number;
  readonly tos?: number;
  readonly payload?: Uint8Array<ArrayBuffer>;
}

export class TestHost implements Disposable {
  readonly #netns = createNamespace();

  get fd(): number {
    return this.#netns.number;
  }

  /** A path of the namespace for other processes. */
  get path(): string {
    return `/proc/${Deno.pid}/fd/${this.fd}`;
  }

  /** Runs a shell command in the namespace and returns its output. */
  shell(command: string): string {
    const { success, stdout, stderr } = new Deno.Command("nsenter", {
      args: [`--net=${this.path}`, "sh", "-ec", command],
      stdin: "null",
    }).outputSync();
    const decoder = new TextDecoder();
    if (success) return decoder.decode(stdout);
    throw new Error(`${command}: ${decoder.decode(stderr)}`);
  }

  /** Runs ip(8) once with all lines as a batch, and returns its output. */
  ip(...lines: readonly string[]): string {
    return this.shell(`ip -batch - <<'END'\n${lines.join("\n")}\nEND\n`);
  }

  /** Sends a UDP datagram, by default to port {@linkcode PORT}. */
  send(to: string, sending: Sending = {}): void {
    const address = socketAddress(
      to,
      sending.port ?? PORT,
    );
    using socket = this.#socket(SOCK_DGRAM, to.includes(":"), sending);
    const payload = sending.payload ?? new Uint8Array([1, 2, 3, 4]);
    unwrap(
      libc().sendto(
        socket.number,
        payload,
        payload.length,
        0,
        address,
        address.length,
      ),
      "E_TEST",
      `send to ${to}`,
    );
  }

  /** Starts a TCP connection to port {@linkcode PORT}. */
  connect(to: string): Fd {
    const socket = this.#socket(SOCK_STREAM, to.includes(":"), {});
    const address = socketAddress(to, PORT);
    libc().connect(socket.number, address, address.length);
    const failure = lastError("E_TEST", `connect to ${to}`);
    if (failure.errno !== EINPROGRESS) throw failure;
    return socket;
  }

  #socket(type: number, isIpv6: boolean, { from, mark, tos }: Sending): Fd {
    const family = isIpv6 ? AF_INET6 : AF_INET;
    const socket = withNamespace(
      this.fd,
      () => new Fd(libc().socket(family, type | SOCK_NONBLOCK_CLOEXEC, 0)),
    );
    setOption(socket, SOL_SOCKET, SO_BROADCAST, 1);
    if (mark !== undefined) setOption(socket, SOL_SOCKET, SO_MARK, mark);
    if (tos !== undefined) {
      if (isIpv6) setOption(socket, IPPROTO_IPV6, IPV6_TCLASS, tos);
      else setOption(socket, IPPROTO_IP, IP_TOS, tos);
    }
    if (from !== undefined) {
      const local = isIpv6 ? "fd00:1::1" : "10.1.0.1";
      const address = socketAddress(local, from);
      unwrap(
        libc().bind(socket.number, address, address.length),
        "E_TEST",
        `bind to port ${from}`,
      );
    }
    return socket;
  }

  [Symbol.dispose](): void {
    this.#netns.close();
  }
}

function setOption(socket: Fd, level: number, name: number, value: number) {
  const bytes = new Uint8Array(new Int32Array([value]).buffer);
  unwrap(
    libc().setsockopt(socket.number, level, name, bytes, bytes.length),
    "E_TEST",
    `set option ${name}`,
  );
}
