/** Filters of captures: a word of this program, or an expression that libpcap compiles and runs. */

import {
  BPF_PROGRAM_INSNS,
  BPF_PROGRAM_SIZE,
  type Libpcap,
  libpcap,
} from "../../ffi/libpcap.ts";
import { addressOf, cString } from "../../ffi/libc.ts";
import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { EtherType } from "../wire/encap.ts";
import {
  ETHERNET_HEADER_LENGTH,
  EthernetField,
  EthernetKind,
  ethernetKind,
} from "../wire/ethernet.ts";
import { GRH_DGID } from "../wire/grh.ts";
import { FIRST_MLID } from "../wire/lrh.ts";
import { UD_SEND_ONLY } from "../wire/transport_headers.ts";
import {
  FILTER_RECEIVED,
  FILTER_SENT,
  FilterField,
  MAD_TYPE,
  withoutOwnWords,
  wordFilter,
} from "./filter_words.ts";
import type { Packet } from "./packet.ts";
import { BodyField, RecordKind } from "./record.ts";

const DLT_EN10MB = 1;
const SNAP_LENGTH = 262_144;
const NETMASK_UNKNOWN = 0xffffffff;
/** Bytes of an ARP packet with Ethernet addresses, and the offsets of its IP addresses. */
const ETHERNET_ARP_LENGTH = 28;
const ARP_SENDER_IP = 14;
const ARP_TARGET_IP = 24;
const ARP_ADDRESSES = 8;

/** Tells whether a packet matches. Writes to the headers of the packet, except the InfiniBand headers. */
export type Filter = (packet: Packet) => boolean;

/**
 * Compiles a filter. An empty one matches every packet. Throws `E_FILTER` (EINVAL) with libpcap's message, and
 * `E_LIBRARY` if libpcap is needed and missing.
 */
export function compileFilter(text: string): Filter {
  const filter = text.trim();
  if (filter === "") return () => true;
  const word = wordFilter(filter);
  if (word) return inFilterForm((view, at) => word(view, at));
  const library = openLibrary(filter);
  const program = compile(library, filter);
  return inFilterForm((_view, _at, address, length) =>
    library.bpf_filter(program, address, length, length) !== 0
  );
}

/** Returns a filter that calls `matches` with the packet behind the Ethernet header of filter_words.ts. */
function inFilterForm(
  matches: (
    view: DataView,
    at: number,
    address: bigint,
    length: number,
  ) => boolean,
): Filter {
  const arp = new Uint8Array(ETHERNET_HEADER_LENGTH + ETHERNET_ARP_LENGTH);
  const arpView = new DataView(arp.buffer);
  const arpAddress = addressOf(arp);
  const saved = new Uint8Array(ETHERNET_HEADER_LENGTH);
  // Computed again only for other memory: a packet is reused for all records.
  let addressed: Uint8Array | undefined;
  let address = 0n;
  return (packet) => {
    const { memory: { bytes, view }, body, length } = packet;
    const ethernet = body + BodyField.Ethernet;
    if (bytes !== addressed) {
      addressed = bytes;
      address = addressOf(bytes) + BigInt(ethernet);
    }
    const { etherType } = packet;
    const header = bytes.subarray(ethernet, ethernet + ETHERNET_HEADER_LENGTH);
    saved.set(header);
    writeHeader(packet, view, ethernet, etherType);
    if (etherType === EtherType.Arp) {
      arp.set(header);
      writeEthernetArp(packet, arp);
      header.set(saved);
      return matches(arpView, 0, arpAddress, arp.length);
    }
    const whole = ETHERNET_HEADER_LENGTH + length;
    const result = matches(view, ethernet, address, whole);
    header.set(saved);
    return result;
  };
}

/** Writes the Ethernet header of filter_words.ts at `at`. */
function writeHeader(
  packet: Packet,
  view: DataView,
  at: number,
  etherType: number,
): void {
  const { body, kind } = packet;
  const frame = kind === RecordKind.Frame;
  const destination = frame ? ethernetKind(view, at) : kindOf(packet);
  const all = destination === EthernetKind.Broadcast ? -1 : 0;
  view.setInt32(at, all);
  view.setInt16(at + 4, all);
  if (destination === EthernetKind.Multicast) view.setUint8(at, 1);
  view.setUint8(at + EthernetField.Source, 2);
  view.setUint8(
    at + FilterField.Direction,
    packet.sent ? FILTER_SENT : FILTER_RECEIVED,
  );
  view.setUint8(at + FilterField.Dropped, packet.reason < 0 ? 0 : 1);
  const ud = view.getUint8(body + BodyField.Bth) === UD_SEND_ONLY;
  view.setUint8(at + FilterField.Connected, frame || ud ? 0 : 1);
  view.setUint16(at + FilterField.Connected + 1, 0);
  const type = kind === RecordKind.Mad ? MAD_TYPE : etherType;
  view.setUint16(at + EthernetField.Type, type);
}

/** Returns the kind of an InfiniBand packet's destination. */
function kindOf({ memory: { view }, body }: Packet): EthernetKind {
  const dlid = view.getUint16(body + BodyField.Lrh + 2);
  if (dlid < FIRST_MLID) return EthernetKind.Host;
  // The broadcast group's MGID ends with the IPv4 broadcast address (RFC 4391 section 4).
  return view.getInt32(body + BodyField.Grh + GRH_DGID + 12) === -1
    ? EthernetKind.Broadcast
    : EthernetKind.Multicast;
}

/** Writes the ARP packet with Ethernet addresses of 0, for which libpcap's expressions are. */
function writeEthernetArp(
  { memory: { bytes, view }, packet, length }: Packet,
  into: Uint8Array,
): void {
  const to = ETHERNET_HEADER_LENGTH;
  into.fill(0, to);
  if (length < ARP_ADDRESSES) return;
  into.set(bytes.subarray(packet, packet + ARP_ADDRESSES), to);
  const hardware = view.getUint8(packet + 4);
  into[to + 4] = 6;
  const sender = packet + ARP_ADDRESSES + hardware;
  const target = sender + 4 + hardware;
  if (target + 4 > packet + length) return;
  into.set(bytes.subarray(sender, sender + 4), to + ARP_SENDER_IP);
  into.set(bytes.subarray(target, target + 4), to + ARP_TARGET_IP);
}

function openLibrary(filter: string): Libpcap {
  try {
    return libpcap();
  } catch (cause) {
    throw new IpoibError(
      "E_LIBRARY",
      `Filter "${filter}" needs libpcap, which cannot be opened`,
      {
        errno: Errno.ENOENT,
        hint:
          "install it (Debian: libpcap0.8), or use one of the words arp, ip, ip6, mad, sa, cm, rc, dropped, inbound, outbound alone",
        cause,
      },
    );
  }
}

/** Returns the address of the instructions, which are never freed. Throws `E_FILTER`. */
function compile(library: Libpcap, filter: string): bigint {
  const pcap = library.pcap_open_dead(DLT_EN10MB, SNAP_LENGTH);
  const program = new Uint8Array(BPF_PROGRAM_SIZE);
  const result = library.pcap_compile(
    pcap,
    program,
    cString(withoutOwnWords(filter)),
    1,
    NETMASK_UNKNOWN,
  );
  const reason = result === 0 ? "" : messageOf(library, pcap);
  library.pcap_close(pcap);
  if (result !== 0) {
    throw new IpoibError("E_FILTER", `Invalid filter "${filter}": ${reason}`, {
      errno: Errno.EINVAL,
      hint: "see pcap-filter(7)",
    });
  }
  const view = new DataView(program.buffer);
  return view.getBigUint64(BPF_PROGRAM_INSNS, true);
}

function messageOf(library: Libpcap, pcap: Deno.PointerValue): string {
  const text = library.pcap_geterr(pcap);
  return text === null
    ? "unknown error"
    : new Deno.UnsafePointerView(text).getCString();
}
