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
import { GID_LENGTH } from "../../wire/gid.ts";
import { MAD_LENGTH } from "../../wire/mad.ts";
import type { MadAddress } from "../hca.ts";
import { deviceFileError } from "./access.ts";
import { type MadClass, madClasses } from "./mad_classes.ts";
import { emitMadFrame, parseMadFrame } from "./mad_frame.ts";
import { TransactionAliases } from "./transaction_aliases.ts";

const MGMT_CLASS = UserMad.Data + 1;
const METHOD = UserMad.Data + 3;
const RESPONSE = 0x80;
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
  /** The library's numbers of the registrations, by management class. */
  readonly #agents = new Map<number, number>();
  readonly #in = new Uint8Array(UserMad.Data + MAD_LENGTH);
  readonly #out = new Uint8Array(UserMad.Data + MAD_LENGTH);
  readonly #outView = new DataView(this.#out.buffer);
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
    for (const each of madClasses) {
      // Another program may have the methods: then there are answers only.
      let agent = this.#register(each, each.methods);
      if (agent < 0) agent = this.#register(each, null);
      if (agent < 0) {
        throw lastError(
          "E_UMAD",
          `register for management class ${each.mgmtClass} on ${device}/${port}`,
          { errno: errno() || -agent },
        );
      }
      this.#agents.set(each.mgmtClass, agent);
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
    for (const agent of this.#agents.values()) {
      this.#library.umad_unregister(this.#id, agent);
    }
    this.#library.umad_close_port(this.#id);
    this.#socket.close();
  }

  #register(
    { mgmtClass, version }: MadClass,
    methods: Uint8Array<ArrayBuffer> | null,
  ): number {
    return this.#library.umad_register(
      this.#id,
      mgmtClass,
      version,
      0,
      methods,
    );
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
      const view = new DataView(this.#in.buffer);
      const unanswered = view.getUint32(UserMad.Status, true) !== 0;
      const answer = unanswered || (this.#in[METHOD]! & RESPONSE) !== 0;
      const known = answer && this.#aliases.restore(view, UserMad.Data);
      if (unanswered || answer !== known) continue;
      const mad = this.#in.subarray(UserMad.Data);
      send(this.#socket.number, emitMadFrame(mad, sourceOf(view)));
    }
  }

  /** From the port to the fabric. */
  #send(): void {
    for (;;) {
      const message = receive(this.#socket.number);
      if (message.type === "closed") this.#socketWatch.enable(false);
      if (message.type !== "message") return;
      const frame = parseMadFrame(message.bytes);
      if (!frame) continue;
      fillUserMad(this.#out, frame.mad, frame.address);
      const agent = this.#agents.get(this.#out[MGMT_CLASS]!);
      if (agent === undefined) continue;
      const answer = (this.#out[METHOD]! & RESPONSE) !== 0;
      if (!answer) this.#aliases.rename(this.#outView, UserMad.Data);
      this.#library.umad_send(
        this.#id,
        agent,
        this.#out,
        MAD_LENGTH,
        answer ? 0 : REQUEST_TIMEOUT,
        0,
      );
    }
  }
}

/** Writes the header and the MAD as `umad_send` wants them. */
export function fillUserMad(
  bytes: Uint8Array<ArrayBuffer>,
  mad: Uint8Array,
  to: MadAddress,
): void {
  const view = new DataView(bytes.buffer);
  bytes.fill(0, 0, UserMad.Data);
  view.setUint32(UserMad.Qpn, to.qpn);
  view.setUint32(UserMad.Qkey, to.qkey);
  view.setUint16(UserMad.Lid, to.lid);
  view.setUint8(UserMad.Sl, to.sl);
  view.setUint16(UserMad.PkeyIndex, to.pkeyIndex, true);
  if (to.grh) {
    view.setUint8(UserMad.GrhPresent, 1);
    view.setUint8(UserMad.GidIndex, to.grh.sgidIndex);
    view.setUint8(UserMad.HopLimit, to.grh.hopLimit);
    view.setUint8(UserMad.TrafficClass, to.grh.trafficClass);
    bytes.set(to.grh.gid, UserMad.Gid);
    view.setUint32(UserMad.FlowLabel, to.grh.flowLabel);
  }
  bytes.set(mad, UserMad.Data);
}

/** Where a received MAD came from. */
export function sourceOf(view: DataView): MadAddress {
  const grh = view.getUint8(UserMad.GrhPresent) === 0 ? undefined : {
    gid: new Uint8Array(view.buffer).slice(
      UserMad.Gid,
      UserMad.Gid + GID_LENGTH,
    ),
    sgidIndex: view.getUint8(UserMad.GidIndex),
    flowLabel: view.getUint32(UserMad.FlowLabel),
    hopLimit: view.getUint8(UserMad.HopLimit),
    trafficClass: view.getUint8(UserMad.TrafficClass),
  };
  return {
    lid: view.getUint16(UserMad.Lid),
    qpn: view.getUint32(UserMad.Qpn),
    qkey: view.getUint32(UserMad.Qkey),
    sl: view.getUint8(UserMad.Sl),
    pkeyIndex: view.getUint16(UserMad.PkeyIndex, true),
    ...(grh ? { grh } : {}),
  };
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
