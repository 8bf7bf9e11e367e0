/** Embedded subnet manager on the fake fabric: exchanges real MADs and records without sockets. */

import { formatGuid } from "../../src/base/hex.ts";
import { ibMtuBytes, type IbMtuCode } from "../../src/base/units.ts";
import type { FakeFabric, FakePort } from "../../src/hca/fake.ts";
import {
  SubnetManager,
  type SubnetManagerOptions,
} from "../../src/subnet/manager.ts";
import {
  type FabricUpdate,
  PROTOCOL_VERSION,
  type SubnetEvent,
} from "../../src/subnet/messages.ts";
import {
  decodeManagerFrame,
  encodeControl,
  encodeMad,
} from "../../src/subnet/protocol.ts";
import type { FakeReactor } from "../../src/system/fake_reactor.ts";
import { SaMad } from "../../src/wire/sa/sa_mad.ts";
import { viewOf } from "../wire/support.ts";

/** Offset of the TransactionID in a MAD. */
const TRANSACTION_ID = 8;

export class FakeSubnet {
  readonly manager: SubnetManager;
  /** Returns true for MADs to drop. */
  lose: (mad: SaMad, towards: "manager" | "port") => boolean = () => false;
  readonly #reactor: FakeReactor;
  readonly #fabric: FakeFabric;
  /** Ports that stand for another program's use of a registered port, with that port. */
  readonly #shared = new Map<FakePort, FakePort>();

  constructor(
    reactor: FakeReactor,
    fabric: FakeFabric,
    options: Partial<SubnetManagerOptions> = {},
  ) {
    this.#reactor = reactor;
    this.#fabric = fabric;
    this.manager = new SubnetManager({
      manager: { guid: 1n, pid: 1, host: "test", name: "test" },
      ...options,
      send: (id, frame) => fabric.defer(() => this.#toPort(id, frame)),
    });
    const tick = reactor.timer((now) => tick.at(this.manager.tick(now)));
    fabric.onMad = (from, mad, to) => {
      if (this.lose(SaMad.parse(mad)!, "manager")) return;
      setProgram(mad, fabric.ports.indexOf(from));
      this.#receive(this.#shared.get(from) ?? from, encodeMad(mad, to));
    };
  }

  /** Registers a port. After the fabric has settled, the port is active and has a LID and P_Keys. */
  register(port: FakePort): void {
    const id = this.#fabric.ports.indexOf(port);
    this.manager.connect(id, 0);
    this.#receive(
      port,
      encodeControl({
        type: "hello",
        version: PROTOCOL_VERSION,
        secret: "5".repeat(64),
        guid: formatGuid(port.attributes.portGuid),
        name: `port ${id}`,
        pid: id + 1,
      }),
    );
  }

  /**
   * Makes `port` another program's use of the registered port `of`, with the same LID and GUID: both get the events, and
   * each the answers to its own MADs.
   */
  share(port: FakePort, of: FakePort): void {
    this.#shared.set(port, of);
    const { state, lid, smLid, pkeys, activeMtu, maxMtu } = of.attributes;
    port.emit(
      { type: "port_active" },
      { state, lid, smLid, pkeys, activeMtu, maxMtu },
    );
  }

  #receive(port: FakePort, frame: Uint8Array): void {
    const id = this.#fabric.ports.indexOf(port);
    this.manager.receive(id, frame, this.#reactor.clock.now());
  }

  #toPort(id: number, bytes: Uint8Array): void {
    const port = this.#fabric.ports[id]!;
    const frame = decodeManagerFrame(bytes);
    if (frame?.kind === "mad") {
      if (this.lose(SaMad.parse(frame.mad)!, "port")) return;
      const receiver = this.#fabric.ports[programOf(frame.mad)] ?? port;
      receiver.receiveMad(frame.mad, frame.address);
      return;
    }
    if (frame?.message.type === "welcome") {
      const { message } = frame;
      const mtuCode = message.mtuCode as IbMtuCode;
      this.#update({ type: "fabric", groupsChanged: message.fabric.groups });
      port.emit({ type: "port_active" }, {
        state: "active",
        lid: message.lid,
        smLid: message.smLid,
        pkeys: message.pkeys,
        activeMtu: ibMtuBytes(mtuCode)!,
        maxMtu: ibMtuBytes(mtuCode)!,
      });
    } else if (frame?.message.type === "fabric") this.#update(frame.message);
    else if (frame?.message.type === "event") this.#event(port, frame.message);
    else if (frame?.message.type !== "port_settings") {
      throw new Error(`Unexpected message for port ${id}`);
    }
  }

  /** Applies an event message to a port, like `hca/soft/registration.ts`. */
  #event(port: FakePort, message: SubnetEvent): void {
    const { event, lid, smLid, pkeys } = message;
    for (const [other, of] of this.#shared) {
      if (of === port) this.#event(other, message);
    }
    port.emit({ type: event }, {
      ...(lid === undefined ? {} : { lid }),
      ...(smLid === undefined ? {} : { smLid }),
      ...(pkeys === undefined ? {} : { pkeys }),
      ...(event === "port_error" ? { state: "down" } : {}),
      ...(event === "port_active" ? { state: "active" } : {}),
    });
  }

  #update(update: FabricUpdate): void {
    for (const mlid of update.groupsRemoved ?? []) {
      this.#fabric.groups.delete(mlid);
    }
    for (const { mlid, lids } of update.groupsChanged ?? []) {
      this.#fabric.groups.set(mlid, lids);
    }
  }
}

/**
 * Writes the index of the sending port into the high half of the TransactionID, as the kernel's MAD layer writes the
 * number of the sending program, to which it passes the answer.
 */
function setProgram(mad: Uint8Array, index: number): void {
  viewOf(mad).setUint32(TRANSACTION_ID, index);
}

function programOf(mad: Uint8Array): number {
  return viewOf(mad).getUint32(TRANSACTION_ID);
}
