/** RC queue pairs of the fake fabric (fake.ts). */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { CONNECTED_MTU } from "../base/units.ts";
import { LAYOUT, STRIDE } from "./fake_memory.ts";
import type {
  Completion,
  FakeTransport,
  PostedPacket,
} from "./fake_transport.ts";
import type { FakeUdQp } from "./fake_ud_qp.ts";
import { PostResult } from "./post_result.ts";
import type { RcConnection, RcFailure, RcQp, RcQpOptions } from "./rc_qp.ts";

/** An RC queue pair of a fake port. Messages that arrive are polled from `receiver`. */
export class FakeRcQp implements RcQp {
  readonly qpn: number;
  received = 0;
  onFailure: (failure: RcFailure) => void = () => {};
  state: "init" | "connected" | "failed" | "closed" = "init";
  /** The remote end; undefined until `connect`. */
  remote: RcConnection | undefined;
  readonly receiver: FakeUdQp;
  readonly #port: FakeTransport;

  constructor(port: FakeTransport, qpn: number, options: RcQpOptions) {
    this.#port = port;
    this.qpn = qpn;
    this.receiver = options.receiver as FakeUdQp;
    port.rcQps.set(qpn, this);
  }

  connect(to: RcConnection): void {
    this.#port.onCall("connect");
    if (this.state !== "init") {
      throw new IpoibError(
        "E_QP_STATE",
        `Queue pair ${this.qpn} is ${this.state}`,
        { errno: Errno.EINVAL },
      );
    }
    this.#port.checkGrh(to.path);
    this.remote = to;
    this.state = "connected";
  }

  post(slot: number, length: number): PostResult {
    const port = this.#port;
    const { send, misuse } = port;
    if (!send.holds(slot)) {
      misuse.push(`slot ${slot} was posted without being reserved`);
    }
    const { remote } = this;
    const ready = this.state === "connected" && remote !== undefined &&
      port.attributes.state === "active";
    const result = !ready
      ? PostResult.NotReady
      : length > CONNECTED_MTU
      ? PostResult.TooLong
      : port.postResult;
    if (result !== PostResult.Sent) {
      send.unref(slot);
      return result;
    }
    const base = slot * STRIDE;
    const vnet = base + LAYOUT.vnet;
    const ethernet = base + LAYOUT.ethernet;
    const payload = base + LAYOUT.payload;
    const packet: PostedPacket = {
      from: port,
      sourceQpn: this.qpn,
      handle: remote!.path,
      multicast: false,
      destQpn: remote!.destQpn,
      qkey: 0,
      pkey: this.receiver.pkey,
      encap: send.view.getInt32(base + LAYOUT.encap),
      vnet: send.bytes.slice(vnet, ethernet),
      ethernet: send.bytes.slice(ethernet, payload),
      payload: send.bytes.slice(payload, payload + length),
      connection: this,
    };
    port.transmit(packet, slot, length);
    return result;
  }

  /** Queues a message of the remote queue pair to be polled. Returns the failure of the sender, or undefined. */
  receive(completion: Completion): RcFailure | undefined {
    const { from, sourceQpn } = completion.packet;
    const { remote } = this;
    if (
      this.state !== "connected" || remote?.destQpn !== sourceQpn ||
      !from.hasLid(remote.path.dlid)
    ) return "retry_exceeded";
    if (!this.receiver.receiveConnected(completion)) {
      return "rnr_retry_exceeded";
    }
    this.received++;
    return undefined;
  }

  /** Ends the connection with a failure. */
  fail(failure: RcFailure): void {
    if (this.state === "closed" || this.state === "failed") return;
    this.state = "failed";
    this.onFailure(failure);
  }

  close(): void {
    if (this.state === "closed") {
      this.#port.misuse.push("an RC queue pair was closed twice");
    }
    this.state = "closed";
    this.#port.rcQps.delete(this.qpn);
  }
}
