/**
 * libibumad's end of the way of MADs: hosted by a thread of its own, so that a library that blocks, or one that a simulator has
 * put in its place, never holds up packets.
 *
 * The descriptor of a real port can be waited for. That of ibsim's preload is a fake one, which poll(2) calls invalid:
 * then the library is asked every few milliseconds.
 *
 * The kernel keeps each request until its time is over and then hands it back with status 110; the SA client has its own timers
 * and counts on none of the kernel's.
 */

import { cString, errno, libc } from "../../../ffi/libc.ts";
import { type Libibumad, libibumad } from "../../../ffi/libibumad.ts";
import { UserMad } from "../../../ffi/umad_layout.ts";
import { IpoibError } from "../../base/errors.ts";
import { Errno } from "../../base/errno.ts";
import { lastError } from "../../system/errno.ts";
import { Fd } from "../../system/fd.ts";
import type { Reactor, Timer, Watch } from "../../system/reactor.ts";
import { receive, send } from "../../system/unix_socket.ts";
import { MAD_LENGTH, MadView } from "../../wire/mad.ts";
import { deviceFileError } from "./access.ts";
import { UMAD_CLASS } from "./mad_channel.ts";
import { TransactionAliases } from "./transaction_aliases.ts";
import { USER_MAD_LENGTH } from "./user_mad.ts";

/** How long the kernel matches an answer to a request, in ms: longer than the client waits. */
const REQUEST_TIMEOUT = 4000;
const POLLNVAL = 0x20;
/** Between two looks at a descriptor that cannot be waited for, in ms. */
const POLL_INTERVAL_MS = 5;
/** MADs of one look. */
const MAX_MADS_PER_POLL = 64;

export interface UmadPortOptions {
  reactor: Reactor;
  device: string;
  port: number;
  /** This end of the socket pair; from then on the port's. */
  socket: number;
  /** What tests put in libibumad's place. */
  library?: Libibumad;
}

export class UmadPort {
  readonly #library: Libibumad;
  readonly #reactor: Reactor;
  readonly #socket: Fd;
  readonly #id: number;
  /** The library's number of the registration. */
  readonly #agent: number;
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
  readonly #looks: Timer | undefined;

  /** Throws `E_LIBRARY`, `E_DEVICE_FILE`, `E_PRIVILEGE`, `E_UMAD`. */
  constructor({ reactor, device, port, socket, library }: UmadPortOptions) {
    using parts = new DisposableStack();
    this.#reactor = reactor;
    this.#socket = parts.use(new Fd(socket));
    this.#library = library ?? umadLibrary(`${device}/${port}`);
    this.#library.umad_init();
    this.#id = this.#library.umad_open_port(cString(device), port);
    if (this.#id < 0) {
      const failure = lastError(
        "E_UMAD",
        `open the management port of ${device}/${port}`,
      );
      throw deviceFileError("umad", device, port) ?? failure;
    }
    parts.defer(() => this.#library.umad_close_port(this.#id));
    // Without methods: what arrives are the answers to its own requests.
    this.#agent = this.#library.umad_register(
      this.#id,
      UMAD_CLASS.mgmtClass,
      UMAD_CLASS.version,
      0,
      null,
    );
    if (this.#agent < 0) {
      throw lastError(
        "E_UMAD",
        `register for management class ${UMAD_CLASS.mgmtClass} on ${device}/${port}`,
        { errno: errno() || -this.#agent },
      );
    }
    const fd = this.#library.umad_get_fd(this.#id);
    if (canWait(fd)) this.#watch = reactor.watch(fd, () => this.#receive());
    else {
      this.#looks = reactor.timer(() => this.#look());
      this.#look();
    }
    this.#socketWatch = reactor.watch(socket, () => this.#send());
    parts.move();
  }

  close(): void {
    // The port's last words: it leaves its groups.
    this.#send();
    this.#watch?.close();
    this.#looks?.close();
    this.#socketWatch.close();
    this.#library.umad_unregister(this.#id, this.#agent);
    this.#library.umad_close_port(this.#id);
    this.#socket.close();
  }

  #look(): void {
    this.#receive();
    this.#looks?.at(this.#reactor.clock.now() + POLL_INTERVAL_MS);
  }

  /** From the fabric to the port. */
  #receive(): void {
    for (let i = 0; i < MAX_MADS_PER_POLL; i++) {
      this.#length[0] = MAD_LENGTH;
      const result = this.#library.umad_recv(
        this.#id,
        this.#in,
        this.#lengthBytes,
        0,
      );
      if (result === -Errno.EIO || result === -Errno.ENODEV) {
        this.#watch?.enable(false);
      }
      if (result < 0 && result !== -Errno.EINVAL) return;
      if (result < 0) continue;
      const unanswered = this.#inView.getUint32(UserMad.Status, true) !== 0;
      if (!unanswered && !this.#inMad.isResponse) continue;
      const known = this.#aliases.restore(this.#inMad);
      if (known && !unanswered) send(this.#socket.number, this.#in);
    }
  }

  /** From the port to the fabric. */
  #send(): void {
    for (;;) {
      const message = receive(this.#socket.number);
      if (message.type === "closed") this.#socketWatch.enable(false);
      if (message.type !== "message") return;
      if (message.bytes.length !== USER_MAD_LENGTH) continue;
      this.#out.set(message.bytes);
      this.#aliases.rename(this.#outMad);
      this.#library.umad_send(
        this.#id,
        this.#agent,
        this.#out,
        MAD_LENGTH,
        REQUEST_TIMEOUT,
        0,
      );
    }
  }
}

/** The library, for a port; throws `E_LIBRARY`. */
export function umadLibrary(
  port: string,
  open: () => Libibumad = libibumad,
): Libibumad {
  try {
    return open();
  } catch (cause) {
    throw new IpoibError(
      "E_LIBRARY",
      `The subnet manager of ${port} cannot be reached: libibumad is missing`,
      { errno: Errno.ENOENT, hint: "install libibumad3", cause },
    );
  }
}

/** False for a descriptor that the kernel does not know. */
function canWait(fd: number): boolean {
  const entry = new Int16Array(4);
  new Int32Array(entry.buffer)[0] = fd;
  const bytes = new Uint8Array(entry.buffer);
  const now = new Uint8Array(16);
  libc().ppoll(bytes, 1n, now, null);
  return (entry[3]! & POLLNVAL) === 0;
}
