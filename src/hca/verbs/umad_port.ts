/**
 * The libibumad worker of a port: passes MADs between libibumad and the port's socket (mad_channel.ts).
 *
 * It has a thread of its own, so that a blocking library, or a simulator's substitute for it, never delays packets.
 *
 * The descriptor of a real port is pollable. The one that ibsim's preloaded library returns is not a descriptor of the
 * kernel (POLLNVAL); the library is then polled every few milliseconds.
 *
 * The kernel keeps each request until its time-out, and then returns it with status 110 (ETIMEDOUT). Returned requests
 * are not passed on: the SA client has its own timers. The result of each send is reported to the port
 * (send_report.ts). A port that is busy may not read its socket in time (port_socket.ts).
 *
 * If the device is lost, the worker closes the port of the library and the socket: the port waits for the device, and
 * then has another worker (port.ts). The worker does the same when the port closes its end.
 *
 * CM messages are sent unchanged, and no response is awaited. The kernel replaces the high half of the TransactionID of
 * everything that is not a response, so the messages that the CM sends carry the low half only.
 */

import { cString, errno, libc } from "../../../ffi/libc.ts";
import { type Libibumad, libibumad } from "../../../ffi/libibumad.ts";
import { UserMad } from "../../../ffi/umad_layout.ts";
import { IpoibError } from "../../base/errors.ts";
import { Errno, errnoText } from "../../base/errno.ts";
import { getLogger, type Logger } from "../../base/log.ts";
import { lastError } from "../../system/errno.ts";
import { Fd } from "../../system/fd.ts";
import type { Reactor, Timer, Watch } from "../../system/reactor.ts";
import { receive } from "../../system/unix_socket.ts";
import { MAD_LENGTH, MadView } from "../../wire/mad.ts";
import { deviceFileError } from "./access.ts";
import { cmRefusal } from "./cm_owner.ts";
import { PortSocket } from "./port_socket.ts";
import { RepeatedSends } from "./repeated_sends.ts";
import { TransactionAliases } from "./transaction_aliases.ts";
import { CM_CLASS, SA_CLASS, type UmadClass } from "./umad_classes.ts";
import { USER_MAD_LENGTH } from "./user_mad.ts";

const POLLNVAL = 0x20;
/** Interval of polling the library if its descriptor is not pollable. */
const POLL_INTERVAL_MS = 5;
/** Maximum number of MADs received in one poll. */
const MAX_MADS_PER_POLL = 64;

/** Options of a {@linkcode UmadPort}. */
export interface UmadPortOptions {
  reactor: Reactor;
  device: string;
  /** From 1. */
  port: number;
  /** This end of the socket pair. The port owns it from the constructor on, and closes it even if that throws. */
  socket: number;
  /** Replaces libibumad in tests. */
  library?: Libibumad;
}

/** One port opened with libibumad. */
export class UmadPort {
  /** True if the port is registered for connection management; otherwise the reason why it is not. */
  readonly connections: true | string;
  readonly #library: Libibumad;
  readonly #reactor: Reactor;
  readonly #socket: Fd;
  readonly #id: number;
  /** The agent IDs that the library assigned to the registrations; `#cmAgent` is undefined if it was refused. */
  readonly #agent: number;
  readonly #cmAgent: number | undefined;
  readonly #in = new Uint8Array(USER_MAD_LENGTH);
  readonly #inView = new DataView(this.#in.buffer);
  readonly #inMad = new MadView(this.#inView, UserMad.Data);
  readonly #out = new Uint8Array(USER_MAD_LENGTH);
  readonly #outMad = new MadView(new DataView(this.#out.buffer), UserMad.Data);
  readonly #aliases = new TransactionAliases(Math.random() * 2 ** 32);
  readonly #length = new Int32Array(1);
  readonly #lengthBytes = new Uint8Array(this.#length.buffer);
  readonly #socketWatch: Watch;
  readonly #watch: Watch | undefined;
  readonly #pollTimer: Timer | undefined;
  readonly #repeated: RepeatedSends;
  readonly #toPort: PortSocket;
  readonly #log: Logger;
  #closed = false;

  /**
   * Opens the port and registers the management classes. Throws `E_LIBRARY`, `E_DEVICE_FILE`, `E_PRIVILEGE` or `E_UMAD`.
   */
  constructor({ reactor, device, port, socket, library }: UmadPortOptions) {
    using parts = new DisposableStack();
    this.#reactor = reactor;
    this.#log = getLogger(`${device}/${port}`);
    this.#socket = parts.use(new Fd(socket));
    this.#library = library ?? umadLibrary(`${device}/${port}`);
    this.#library.umad_init();
    this.#id = this.#library.umad_open_port(cString(device), port);
    if (this.#id < 0) {
      const failure = openError(this.#id, `${device}/${port}`);
      throw deviceFileError("umad", device, port) ?? failure;
    }
    parts.defer(() => this.#library.umad_close_port(this.#id));
    this.#agent = this.#register(SA_CLASS);
    if (this.#agent < 0) {
      throw lastError(
        "E_UMAD",
        `register for management class ${SA_CLASS.mgmtClass} on ${device}/${port}`,
        { errno: errno() || -this.#agent },
      );
    }
    const cmAgent = this.#register(CM_CLASS);
    this.connections = cmAgent >= 0 ||
      cmRefusal(`${device}/${port}`, errno() || -cmAgent);
    this.#cmAgent = cmAgent >= 0 ? cmAgent : undefined;
    this.#toPort = new PortSocket(reactor, socket);
    this.#repeated = new RepeatedSends(
      reactor,
      (message, last) => this.#sendOne(message, last),
    );
    const fd = this.#library.umad_get_fd(this.#id);
    if (isPollable(fd)) this.#watch = reactor.watch(fd, () => this.#receive());
    else {
      this.#pollTimer = reactor.timer(() => this.#poll());
      this.#poll();
    }
    this.#socketWatch = reactor.watch(socket, () => this.#send());
    parts.move();
  }

  close(): void {
    // Sends the last requests of the port, which leave its groups.
    this.#send();
    this.#end();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch?.close();
    this.#pollTimer?.close();
    this.#socketWatch.close();
    this.#repeated.close();
    this.#toPort.close();
    if (this.#cmAgent !== undefined) {
      this.#library.umad_unregister(this.#id, this.#cmAgent);
    }
    this.#library.umad_unregister(this.#id, this.#agent);
    this.#library.umad_close_port(this.#id);
    this.#socket.close();
  }

  /** Returns the agent ID, or a negative number. */
  #register({ mgmtClass, version, methods }: UmadClass): number {
    return this.#library.umad_register(
      this.#id,
      mgmtClass,
      version,
      0,
      methods,
    );
  }

  #poll(): void {
    this.#receive();
    if (this.#closed) return;
    this.#pollTimer?.at(this.#reactor.clock.now() + POLL_INTERVAL_MS);
  }

  /** Passes received responses and CM messages to the port. */
  #receive(): void {
    for (let i = 0; i < MAX_MADS_PER_POLL; i++) {
      this.#length[0] = MAD_LENGTH;
      const result = this.#library.umad_recv(
        this.#id,
        this.#in,
        this.#lengthBytes,
        0,
      );
      if (this.#watch && (result === -Errno.EIO || result === -Errno.ENODEV)) {
        this.#log.warn(`Cannot receive MADs: ${errnoText(-result)}`);
        this.#end();
        return;
      }
      if (result < 0 && result !== -Errno.EINVAL) return;
      if (result < 0) continue;
      const returned = this.#inView.getUint32(UserMad.Status, true) !== 0;
      if (this.#inMad.mgmtClass !== CM_CLASS.mgmtClass) {
        if (!returned && !this.#inMad.isResponse) continue;
        if (!this.#aliases.restore(this.#inMad)) {
          if (!returned) this.#toPort.drop();
          continue;
        }
      }
      if (!returned) this.#toPort.deliver(this.#in);
    }
  }

  /** Sends the MADs of the port. */
  #send(): void {
    while (!this.#closed) {
      const message = receive(this.#socket.number);
      if (message.type === "closed") this.#end();
      if (message.type !== "message") return;
      if (message.bytes.length !== USER_MAD_LENGTH) continue;
      this.#repeated.send(message.bytes);
    }
  }

  /**
   * Sends a MAD and reports the result, which it logs if that is an error. Returns false instead if it is a CM message
   * that may be accepted later, and this is not the last attempt.
   */
  #sendOne(message: Uint8Array, last: boolean): boolean {
    this.#out.set(message);
    const { mgmtClass, transactionIdLow: transactionId } = this.#outMad;
    const cm = mgmtClass === CM_CLASS.mgmtClass;
    const failure = cm ? this.#sendCm() : this.#sendRequest();
    if (cm && failure === Errno.EINVAL && !last) return false;
    if (failure !== 0) {
      this.#log.warn(`Cannot send a MAD: ${errnoText(failure)}`);
    }
    this.#toPort.report({ transactionId, errno: failure, mgmtClass });
    return true;
  }

  /** Sends the CM message in `#out`. Returns 0, or a positive errno. */
  #sendCm(): number {
    return this.#cmAgent === undefined
      ? Errno.EOPNOTSUPP
      : this.#umadSend(this.#cmAgent, CM_CLASS.timeoutMs);
  }

  /** Sends the request in `#out`. Returns 0, or a positive errno. */
  #sendRequest(): number {
    this.#aliases.rename(this.#outMad, this.#reactor.clock.now());
    const failure = this.#umadSend(this.#agent, SA_CLASS.timeoutMs);
    if (failure !== 0) this.#aliases.restore(this.#outMad);
    return failure;
  }

  #umadSend(agent: number, timeoutMs: number): number {
    const result = this.#library.umad_send(
      this.#id,
      agent,
      this.#out,
      MAD_LENGTH,
      timeoutMs,
      0,
    );
    return result >= 0 ? 0 : errno() || -result;
  }
}

/**
 * Returns the error for a negative result of `umad_open_port`, on a port such as "mlx5_0/1". libibumad sets errno only
 * with the result -EIO, when open(2) has failed; any other result is itself a negative errno.
 */
export function openError(result: number, port: string): IpoibError {
  const left = errno();
  return lastError("E_UMAD", `open ${port} for MADs`, {
    errno: result === -Errno.EIO && left !== 0 ? left : -result,
  });
}

/** Opens libibumad for a port, for example "mlx5_0/1". Throws `E_LIBRARY` (ENOENT). */
export function umadLibrary(
  port: string,
  open: () => Libibumad = libibumad,
): Libibumad {
  try {
    return open();
  } catch (cause) {
    throw new IpoibError(
      "E_LIBRARY",
      `Cannot reach the subnet manager of ${port}: libibumad cannot be loaded`,
      { errno: Errno.ENOENT, hint: "install libibumad3", cause },
    );
  }
}

/** Returns false if poll(2) reports the descriptor as invalid. */
function isPollable(fd: number): boolean {
  const entry = new Int16Array(4);
  new Int32Array(entry.buffer)[0] = fd;
  const bytes = new Uint8Array(entry.buffer);
  const now = new Uint8Array(16);
  libc().ppoll(bytes, 1n, now, null);
  return (entry[3]! & POLLNVAL) === 0;
}
