/** The real netdev: a TUN, the mirror of its configuration, and a place in the reactor. */

import type { Millis } from "../base/units.ts";
import { Errno } from "../system/errno.ts";
import type {
  BufferGroup,
  Reactor,
  Reading,
  RingIo,
  Watch,
} from "../system/reactor.ts";
import type { MembershipSource } from "./memberships/memberships.ts";
import type { Netdev } from "./netdev.ts";
import { ConfigMirror } from "./rtnetlink/mirror.ts";
import { getLink } from "./rtnetlink/link.ts";
import { setLinkMtu, setLinkUp, setTxQueueLength } from "./rtnetlink/set.ts";
import { openTun, type TunOptions } from "./tun/open.ts";
import type { Tun } from "./tun/tun.ts";

export interface NetdevOptions extends TunOptions {
  /** How IPv4 memberships are followed: `auto` unless told otherwise. */
  readonly memberships?: MembershipSource | "auto";
  /** Packets that the kernel queues for us; a TUN's own default is 500. */
  readonly txQueueLength?: number;
  /** Where a reactor on io_uring reads frames to by itself; its writes then go through the ring too. */
  readonly buffers?: BufferGroup | undefined;
}

/** A TUN netdev. */
export class TunNetdev implements Netdev {
  readonly tun: Tun;
  readonly config: ConfigMirror;
  readonly #reactor: Reactor;
  readonly #watch: Watch | undefined;
  readonly #reading: Reading | undefined;
  readonly #ring: RingIo | undefined;
  #writeReport = 0;
  #paused = false;
  #dead = false;
  onReadable: () => void = () => {};
  onFrame: (slot: number, length: number) => void = () => {};
  onWriteFailed: (errno: number, length: number) => void = () => {};

  constructor(
    reactor: Reactor,
    tun: Tun,
    config: ConfigMirror,
    buffers?: BufferGroup,
  ) {
    this.tun = tun;
    this.config = config;
    this.#reactor = reactor;
    const { ring } = reactor;
    if (ring && buffers) {
      this.#ring = ring;
      this.#reading = ring.read(
        tun.fd,
        buffers,
        (slot, length) => this.onFrame(slot, length),
        () => this.#die(),
      );
      this.#writeReport = ring.onWriteFailure((errno, length) =>
        this.onWriteFailed(errno, length)
      );
    } else {
      this.#watch = reactor.watch(tun.fd, () => this.onReadable(), {
        fast: true,
      });
    }
  }

  get name(): string {
    return this.tun.name;
  }

  get ifindex(): number {
    return this.config.ifindex;
  }

  read(address: bigint, capacity: number): number {
    const length = this.tun.read(address, capacity);
    if (length === -Errno.EBADFD) this.#die();
    return length;
  }

  write(address: bigint, length: number): number {
    if (!this.#ring) return this.tun.write(address, length);
    this.#ring.write(this.tun.fd, address, length, this.#writeReport);
    return length;
  }

  writeBytes(frame: Uint8Array): number {
    return this.tun.writeBytes(frame);
  }

  pause(paused: boolean): void {
    if (paused === this.#paused || this.#dead) return;
    this.#paused = paused;
    this.#watch?.enable(!paused);
  }

  setCarrier(on: boolean): void {
    this.tun.setCarrier(on);
  }

  queueDrops(): number {
    return getLink(this.config.requests, this.ifindex)?.txDropped ?? 0;
  }

  /** Throws `E_LINK_SET` if the kernel refuses. */
  setMtu(mtu: number): void {
    setLinkMtu(this.config.requests, this.ifindex, mtu);
    this.config.mtuWasSet(mtu);
  }

  /** Throws `E_LINK_SET` if the kernel refuses. */
  setUp(up: boolean): void {
    setLinkUp(this.config.requests, this.ifindex, up);
  }

  noteReport(now: Millis): void {
    this.config.noteReport(now);
  }

  close(): void {
    this.#watch?.close();
    this.#reading?.stop();
    this.config.close();
    this.#reactor.submit();
    this.tun.close();
  }

  /** The device was deleted: its descriptor would be "ready" for ever. */
  #die(): void {
    this.#dead = true;
    this.#watch?.enable(false);
  }
}

/** Makes a network interface; errors as of `openTun()`, and `E_MEMBERSHIPS`. */
export function openNetdev(
  reactor: Reactor,
  options: NetdevOptions,
): TunNetdev {
  const { netns, memberships = "auto", txQueueLength, buffers } = options;
  using parts = new DisposableStack();
  const tun = parts.use(openTun(options));
  const config = parts.adopt(
    new ConfigMirror({
      reactor,
      netns,
      ifindex: tun.ifindex,
      memberships,
      locate: () => tun.locate(),
    }),
    (mirror) => mirror.close(),
  );
  if (txQueueLength !== undefined) {
    setTxQueueLength(config.requests, tun.ifindex, txQueueLength);
  }
  const netdev = new TunNetdev(reactor, tun, config, buffers);
  parts.move();
  return netdev;
}
