/**
 * Translates DHCPv4 between the clients of this host and the link (RFC 4390).
 *
 * A client that does not know IPoIB sees a device without hardware address. It sends a hardware address of zeros, often
 * as an Ethernet address and as client identifier, so a server would give all hosts the same lease. Requests to a server
 * are sent with hardware type 32 and hardware length 0, with the broadcast flag if the client has no address, and with
 * a client identifier formed from the port's GUID if the client has none of its own. In replies the client gets back
 * the fields that it sent, because clients drop replies to other hardware addresses and identifiers.
 *
 * Messages of servers and of relay agents on this host are not changed, and neither are malformed messages.
 */

import {
  type DhcpMessage,
  DhcpOp,
  MAX_DHCP_GROWTH,
  parseDhcp,
  rewriteDhcp,
} from "../wire/dhcp.ts";
import { EtherType } from "../wire/encap.ts";
import { type EthernetKind, FRAME_HEADER_LENGTH } from "../wire/ethernet.ts";
import { writeEthernetHeader } from "../wire/frame_header.ts";
import { gidGuid } from "../wire/gid.ts";
import { VNET_HEADER_LENGTH, VnetHeader } from "../wire/vnet.ts";
import type { LinkIdentity } from "./link_identity.ts";
import type { PacketSender } from "./packet_sender.ts";

/** ARP hardware type of InfiniBand. */
const HTYPE_INFINIBAND = 32;
const NO_CHADDR = new Uint8Array(16);
/** Longest message that is changed, in bytes of the packet; longer ones exceed every IPoIB MTU in datagram mode. */
const MAX_PACKET = 4096;
/** Maximum number of clients whose fields are remembered. */
const MAX_CLIENTS = 64;

/** Client identifier types: a name without hardware type, and IAID with DUID (RFC 2132 section 9.14, RFC 4361). */
const ID_NAME = 0;
const ID_DUID = 255;
const DUID_LL = 3;

export class DhcpTranslator {
  readonly #identity: LinkIdentity;
  readonly #sender: PacketSender;
  /** The last request of each transaction, oldest first. */
  readonly #clients = new Map<number, DhcpMessage>();
  readonly #vnet = new VnetHeader();
  readonly #frame = new Uint8Array(
    FRAME_HEADER_LENGTH + MAX_PACKET + MAX_DHCP_GROWTH,
  );
  readonly #frameView = new DataView(this.#frame.buffer);

  constructor(identity: LinkIdentity, sender: PacketSender) {
    this.#identity = identity;
    this.#sender = sender;
  }

  /** Changes the kernel's DHCP packet of `length` bytes in `slot`; returns its new length. */
  toLink(slot: number, length: number): number {
    const { view, bytes, stride, layout } = this.#sender.memory;
    const ip = slot * stride + layout.payload;
    const message = parseDhcp(view, ip, length);
    const changes = message?.op === DhcpOp.Request && !message.relayed &&
      length <= MAX_PACKET &&
      layout.payload + length + MAX_DHCP_GROWTH <= stride;
    if (!changes) return length;
    this.#remember(message);
    const { clientId, noAddress } = message;
    const changed = rewriteDhcp(
      view,
      ip,
      message,
      {
        htype: HTYPE_INFINIBAND,
        hlen: 0,
        chaddr: NO_CHADDR,
        clientId: hasIdentity(clientId) ? clientId : this.#clientId(),
        broadcast: noAddress,
      },
      this.#frameView,
      0,
    );
    bytes.set(this.#frame.subarray(0, changed), ip);
    // The checksum is complete.
    this.#vnet.at(view, slot * stride + layout.vnet).clear();
    this.#sender.statistics.dhcpSent++;
    return changed;
  }

  /**
   * Returns a frame of this kind for the kernel with the client's own fields.
   * Returns undefined for a message that needs no change. The frame is valid until the next call.
   */
  toKernel(
    view: DataView,
    ip: number,
    length: number,
    kind: EthernetKind,
  ): Uint8Array | undefined {
    const message = parseDhcp(view, ip, length);
    if (message?.op !== DhcpOp.Reply || length > MAX_PACKET) return undefined;
    const client = this.#clients.get(message.xid);
    if (!client || message.relayed) return undefined;
    const { htype, hlen, chaddr, clientId } = client;
    const changed = rewriteDhcp(
      view,
      ip,
      message,
      {
        ...{ htype, hlen, chaddr },
        // A reply may repeat the identifier of the request (RFC 6842).
        clientId: message.clientId && clientId,
        broadcast: false,
      },
      this.#frameView,
      FRAME_HEADER_LENGTH,
    );
    this.#vnet.at(this.#frameView, 0).clear();
    writeEthernetHeader(
      this.#frameView,
      VNET_HEADER_LENGTH,
      kind,
      EtherType.Ipv4,
    );
    this.#sender.statistics.dhcpReceived++;
    return this.#frame.subarray(0, FRAME_HEADER_LENGTH + changed);
  }

  #remember(message: DhcpMessage): void {
    const { xid } = message;
    this.#clients.delete(xid);
    if (this.#clients.size >= MAX_CLIENTS) {
      this.#clients.delete(this.#clients.keys().next().value!);
    }
    this.#clients.set(xid, message);
  }

  /** Returns a client identifier (RFC 4361 section 6.1): the P_Key as IAID, and a DUID-LL of the port's GUID. */
  #clientId(): Uint8Array {
    const { pkey, gid } = this.#identity;
    const id = new Uint8Array(17);
    const view = new DataView(id.buffer);
    view.setUint8(0, ID_DUID);
    view.setUint32(1, pkey);
    view.setUint16(5, DUID_LL);
    view.setUint16(7, HTYPE_INFINIBAND);
    view.setBigUint64(9, gidGuid(gid));
    return id;
  }
}

/** Returns false for an identifier that is a hardware address of zeros, or for none. */
function hasIdentity(clientId: Uint8Array | undefined): boolean {
  if (!clientId || clientId.length < 2) return false;
  const [type] = clientId;
  return type === ID_NAME || type === ID_DUID ||
    clientId.subarray(1).some((byte) => byte !== 0);
}
