/**
 * A fake of the kernel's ARP for unit tests: queues packets until their next hop is resolved, answers requests for
 * local addresses, and processes replies. It has no timers: the test calls {@linkcode FakeNeighbours.retry} and
 * {@linkcode FakeNeighbours.fail} in their place.
 */

import { ArpOperation } from "../wire/arp.ts";
import {
  DEVICE_ARP_LENGTH,
  type DeviceArp,
  emitDeviceArp,
  parseDeviceArp,
} from "../wire/device_arp.ts";
import { EtherType } from "../wire/encap.ts";
import { EthernetKind, FRAME_HEADER_LENGTH } from "../wire/ethernet.ts";
import { writeEthernetHeader } from "../wire/frame_header.ts";
import { IpAddress } from "../wire/ip_address.ts";
import { samePrefix } from "../wire/ipv4_address.ts";
import { VNET_HEADER_LENGTH } from "../wire/vnet.ts";
import type {
  InterfaceAddress,
  KernelNeighbour,
  KernelNeighbours,
  KernelNeighbourState,
} from "./net_config.ts";

const USABLE: readonly KernelNeighbourState[] = [
  "REACHABLE",
  "STALE",
  "DELAY",
  "PROBE",
  "PERMANENT",
];

interface Entry {
  state: KernelNeighbourState;
  readonly waiting: Uint8Array[];
}

export class FakeNeighbours implements KernelNeighbours {
  /** Records the changes requested by the engine, such as "resolve 10.0.0.2". */
  readonly changes: string[] = [];
  /** The result of {@linkcode FakeNeighbours.limit}. The fake does not enforce it. */
  maximum: number | undefined;
  /** Number of calls of {@linkcode FakeNeighbours.limit}. */
  limitReads = 0;
  /** Returns the addresses of the interface. */
  addresses: () => readonly InterfaceAddress[] = () => [];
  /** Passes a frame to the device. */
  output: (frame: Uint8Array) => void = () => {};
  readonly #entries = new Map<number, Entry>();
  readonly #listeners: ((record: KernelNeighbour, deleted: boolean) => void)[] =
    [];

  readonly #lostListeners: (() => void)[] = [];

  state(address: number): KernelNeighbourState | undefined {
    return this.#entries.get(address)?.state;
  }

  /** Sends a frame to a next hop, as the kernel does. */
  send(frame: Uint8Array, nextHop: number): void {
    const entry = this.#get(nextHop);
    if (USABLE.includes(entry.state)) {
      if (entry.state === "STALE") entry.state = "DELAY";
      this.output(frame);
      return;
    }
    entry.waiting.push(frame);
    if (entry.state !== "INCOMPLETE") {
      entry.state = "INCOMPLETE";
      this.#ask(nextHop, EthernetKind.Broadcast);
    }
  }

  /** Sends the requests of all INCOMPLETE entries again, as the kernel does every second. */
  retry(): void {
    for (const [address, { state }] of this.#entries) {
      if (state === "INCOMPLETE") this.#ask(address, EthernetKind.Broadcast);
    }
  }

  /** Sets an entry to PROBE and sends a unicast request, as the kernel does for an entry that is not confirmed. */
  probe(address: number): void {
    this.#get(address).state = "PROBE";
    this.#ask(address, EthernetKind.Host);
  }

  /** Sets an entry to FAILED and drops its packets, as the kernel does if no reply arrives. */
  fail(address: number): void {
    const entry = this.#get(address);
    entry.waiting.length = 0;
    this.#set(address, "FAILED");
  }

  /** Equivalent to `ip neigh replace ADDRESS nud STATE`. Calls the listeners. */
  set(address: number, state: KernelNeighbourState): void {
    this.#get(address);
    this.#set(address, state);
  }

  /** Equivalent to `ip neigh del ADDRESS`. Calls the listeners if the entry exists. */
  delete(address: number): void {
    if (this.#entries.delete(address)) this.#tell(address, "FAILED", true);
  }

  /** Processes a frame written by the engine. Returns false if it is not ARP. */
  take(frame: Uint8Array): boolean {
    if (frame.length < FRAME_HEADER_LENGTH) return false;
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const type = view.getUint16(FRAME_HEADER_LENGTH - 2);
    if (type !== EtherType.Arp) return false;
    const length = frame.length - FRAME_HEADER_LENGTH;
    const arp = parseDeviceArp(view, FRAME_HEADER_LENGTH, length);
    if (arp) this.#process(arp);
    return true;
  }

  limit(): number | undefined {
    this.limitReads++;
    return this.maximum;
  }

  list(): KernelNeighbour[] {
    return [...this.#entries].map(([address, { state }]) =>
      recordOf(address, state)
    );
  }

  /** Records the call. For an IPv6 address it sends nothing: a test sends the solicitation. */
  resolve(address: IpAddress): boolean {
    this.changes.push(`resolve ${address}`);
    if (!address.isIpv4) return true;
    this.#get(address.w3).state = "INCOMPLETE";
    this.#ask(address.w3, EthernetKind.Broadcast);
    return true;
  }

  setStale(address: IpAddress): void {
    this.changes.push(`stale ${address}`);
    const entry = this.#entries.get(address.w3);
    if (entry) entry.state = "STALE";
  }

  setPermanent(address: IpAddress): void {
    this.changes.push(`permanent ${address}`);
    this.#get(address.w3).state = "PERMANENT";
  }

  remove(address: IpAddress): void {
    this.changes.push(`remove ${address}`);
    this.#entries.delete(address.w3);
  }

  onNeighbour(
    listener: (record: KernelNeighbour, deleted: boolean) => void,
  ): void {
    this.#listeners.push(listener);
  }

  onLost(listener: () => void): void {
    this.#lostListeners.push(listener);
  }

  /** Calls `change` without passing its changes to the listeners, then calls the listeners of lost changes. */
  lose(change: () => void): void {
    const listeners = this.#listeners.splice(0);
    change();
    this.#listeners.push(...listeners);
    for (const listener of this.#lostListeners) listener();
  }

  #isLocal(address: number): boolean {
    return this.addresses().some((own) => own.address.w3 === address);
  }

  #process({ operation, senderIp, targetIp }: DeviceArp): void {
    const local = this.#isLocal(targetIp);
    // The kernel ignores ARP packets with a local sender address.
    if (this.#isLocal(senderIp)) return;
    if (operation === ArpOperation.Request && local) {
      if (senderIp !== 0) {
        const { state } = this.#get(senderIp);
        if (!USABLE.includes(state)) this.#resolved(senderIp, "STALE");
      }
      this.#emit(
        {
          operation: ArpOperation.Reply,
          senderIp: targetIp,
          targetIp: senderIp,
        },
        EthernetKind.Host,
      );
      return;
    }
    const entry = this.#entries.get(senderIp);
    if (!entry) return;
    if (operation === ArpOperation.Reply && local) {
      this.#resolved(senderIp, "REACHABLE");
    } else if (!USABLE.includes(entry.state)) this.#resolved(senderIp, "STALE");
  }

  #resolved(address: number, state: KernelNeighbourState): void {
    this.#set(address, state);
    for (const frame of this.#get(address).waiting.splice(0)) {
      this.output(frame);
    }
  }

  #ask(target: number, kind: EthernetKind): void {
    const addresses = this.addresses();
    const source =
      addresses.find((own) =>
        samePrefix(own.address.w3, target, own.prefixLength)
      ) ?? addresses[0];
    this.#emit({
      operation: ArpOperation.Request,
      senderIp: source?.address.w3 ?? 0,
      targetIp: target,
    }, kind);
  }

  #emit(arp: DeviceArp, kind: EthernetKind): void {
    const frame = new Uint8Array(FRAME_HEADER_LENGTH + DEVICE_ARP_LENGTH);
    const view = new DataView(frame.buffer);
    writeEthernetHeader(view, VNET_HEADER_LENGTH, kind, EtherType.Arp);
    emitDeviceArp(arp, view, FRAME_HEADER_LENGTH);
    this.output(frame);
  }

  #get(address: number): Entry {
    let entry = this.#entries.get(address);
    if (!entry) {
      this.#entries.set(address, entry = { state: "NONE", waiting: [] });
    }
    return entry;
  }

  #set(address: number, state: KernelNeighbourState): void {
    this.#get(address).state = state;
    this.#tell(address, state, false);
  }

  #tell(address: number, state: KernelNeighbourState, deleted: boolean): void {
    const record = recordOf(address, state);
    for (const listener of this.#listeners) listener(record, deleted);
  }
}

function recordOf(
  address: number,
  state: KernelNeighbourState,
): KernelNeighbour {
  return {
    address: IpAddress.ipv4(address),
    state,
    used: 0,
    confirmed: 0,
    updated: 0,
    probes: 0,
  };
}
