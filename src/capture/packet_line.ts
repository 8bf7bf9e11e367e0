/**
 * The lines that are printed without a file:
 *
 * ```
 * 12:34:56.123456 Out 0x0002:000048 > 0x0003:000049 IP 10.9.0.1 > 10.9.0.2: ICMP echo request, id 7, seq 1, length 64
 * 12:34:56.123481 Out host IP 10.9.0.1 > 10.9.0.2: ICMP echo request, id 7, seq 1, length 64 [dropped: tx_path_failed]
 * ```
 *
 * An event has a line of its own:
 *
 * ```
 * 12:34:57.250000 Event ib0 fabric port soft:default/1: active -> down, cause: the port is no longer active
 * ```
 *
 * Source and destination are LID and QPN. A received message of a connection does not name the
 * QPN of its sender.
 */

import { UD_SEND_ONLY } from "../wire/transport_headers.ts";
import type { CaptureEvent } from "../ipc/capture_options.ts";
import type { Frame } from "./frames.ts";
import { summarise } from "./ip_summary.ts";
import { summariseMad } from "./mad_summary.ts";
import type { Packet } from "./packet.ts";
import { BodyField, RecordKind } from "./record.ts";

/** Returns the line of a frame, without a newline. `comment` says why the packet was dropped. */
export function packetLine(
  packet: Packet,
  frame: Frame,
  comment: string | undefined,
): string {
  const { view, packet: at, packetLength, kind } = frame;
  const what = packet.kind === RecordKind.Mad
    ? summariseMad(view, at)
    : summarise(packet.etherType, view, at, packetLength);
  const where = kind === "host" ? "host" : addresses(packet);
  const direction = packet.sent ? "Out" : "In ";
  const end = comment === undefined ? "" : ` [${comment}]`;
  const time = timeOf(packet.seconds, packet.nanoseconds);
  return `${time} ${direction} ${where} ${what}${end}`;
}

/** Returns the line of an event, without a newline. */
export function eventLine({ timeMs, text }: CaptureEvent): string {
  const nanoseconds = (timeMs % 1000) * 1_000_000;
  return `${timeOf(Math.floor(timeMs / 1000), nanoseconds)} Event ${text}`;
}

function addresses(packet: Packet): string {
  const { memory: { view }, body } = packet;
  const lrh = body + BodyField.Lrh;
  const toQpn = view.getUint32(body + BodyField.Bth + 4) & 0xffffff;
  const from = address(view.getUint16(lrh + 6), sourceQpn(packet));
  return `${from} > ${address(view.getUint16(lrh + 2), toQpn)}`;
}

/** Returns the QPN of the sender; undefined if it is that of a received message of a connection. */
function sourceQpn(packet: Packet): number | undefined {
  const { memory: { view }, body, sent, qpn } = packet;
  const ud = view.getUint8(body + BodyField.Bth) === UD_SEND_ONLY;
  if (ud) return view.getUint32(body + BodyField.Deth + 4) & 0xffffff;
  return sent ? qpn : undefined;
}

function address(lid: number, qpn: number | undefined): string {
  const port = `0x${digits(lid, 4)}`;
  return qpn === undefined ? port : `${port}:${digits(qpn, 6)}`;
}

/** Returns the local time with microseconds. */
function timeOf(seconds: number, nanoseconds: number): string {
  const date = new Date(seconds * 1000);
  const [hours, minutes, rest] = [
    date.getHours(),
    date.getMinutes(),
    date.getSeconds(),
  ].map((part) => String(part).padStart(2, "0"));
  const micros = String(Math.floor(nanoseconds / 1000)).padStart(6, "0");
  return `${hours}:${minutes}:${rest}.${micros}`;
}

function digits(value: number, count: number): string {
  return value.toString(16).padStart(count, "0");
}
