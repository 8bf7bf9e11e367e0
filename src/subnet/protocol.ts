/**
 * Frames on the subnet manager's socket (`sm.sock`, SOCK_SEQPACKET: each frame is one packet).
 *
 * | kind (byte 0) | rest                                                         |
 * |---------------|--------------------------------------------------------------|
 * | 1 control     | a JSON object in UTF-8 (messages.ts)                         |
 * | 2 MAD         | address up to byte 16 (below), then the 256 bytes of the MAD |
 *
 * Address of a MAD, big-endian:
 *
 * | offset | bytes | field                                         |
 * |--------|-------|-----------------------------------------------|
 * | 0      | 1     | kind, 2                                       |
 * | 1      | 1     | service level                                 |
 * | 2      | 2     | LID                                           |
 * | 4      | 4     | QPN                                           |
 * | 8      | 4     | Q_Key                                         |
 * | 12     | 2     | P_Key index in the table of the port          |
 * | 14     | 2     | reserved, zero                                |
 *
 * LID and QPN are those of the destination in a frame from a port, and those of the source in a frame to a port.
 *
 * The fields are those of {@linkcode MadAddress} without the GRH, which no MAD of the embedded subnet has. The manager
 * forwards a MAD with another destination LID than its own to the port with that LID.
 *
 * The decoders return undefined for a malformed frame; the receiver drops it. The transport must preserve the order of
 * frames and must not lose frames; it may queue them.
 */

import { Errno } from "../base/errno.ts";
import * as v from "valibot";
import { IpoibError } from "../base/errors.ts";
import { GID_LENGTH } from "../wire/gid.ts";
import { MAD_LENGTH, type MadAddress } from "../wire/mad.ts";
import {
  type ForeignHello,
  type ManagerMessage,
  ManagerMessageSchema,
  type PortMessage,
  PortMessageSchema,
} from "./messages.ts";

/** Maximum length of a frame in bytes, less than the default send buffer of a Unix socket. */
export const MAX_FRAME_LENGTH = 128 * 1024;
/** Offset of the MAD in its frame. */
const MAD_OFFSET = 16;

const KIND_CONTROL = 1;
const KIND_MAD = 2;

const Field = { sl: 1, lid: 2, qpn: 4, qkey: 8, pkeyIndex: 12 } as const;

/** A MAD with its address. `mad` has 256 bytes and is a view of the frame. */
export interface MadFrame {
  kind: "mad";
  address: MadAddress;
  mad: Uint8Array;
}

/** A decoded frame. */
export type Frame<Message> = { kind: "control"; message: Message } | MadFrame;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Encodes a control message as a frame.
 *
 * @throws IpoibError `E_SUBNET_FRAME` (EMSGSIZE) if the frame would be longer than {@linkcode MAX_FRAME_LENGTH}.
 */
export function encodeControl(
  message: PortMessage | ManagerMessage | ForeignHello,
): Uint8Array {
  const json = encoder.encode(JSON.stringify(message));
  if (json.length >= MAX_FRAME_LENGTH) {
    throw new IpoibError(
      "E_SUBNET_FRAME",
      `Subnet message "${message.type}" has ${json.length} bytes, the maximum is ${
        MAX_FRAME_LENGTH - 1
      }`,
      { errno: Errno.EMSGSIZE },
    );
  }
  const frame = new Uint8Array(1 + json.length);
  frame[0] = KIND_CONTROL;
  frame.set(json, 1);
  return frame;
}

/**
 * Encodes a MAD with its address as a frame.
 *
 * @throws IpoibError `E_SUBNET_FRAME` (EINVAL) if `mad` does not have 256 bytes.
 */
export function encodeMad(
  mad: Uint8Array,
  address: MadAddress,
): Uint8Array {
  if (mad.length !== MAD_LENGTH) {
    throw new IpoibError(
      "E_SUBNET_FRAME",
      `MAD has ${mad.length} bytes, not ${MAD_LENGTH}`,
      { errno: Errno.EINVAL },
    );
  }
  const frame = new Uint8Array(MAD_OFFSET + MAD_LENGTH);
  const view = new DataView(frame.buffer);
  frame[0] = KIND_MAD;
  view.setUint8(Field.sl, address.sl);
  view.setUint16(Field.lid, address.lid);
  view.setUint32(Field.qpn, address.qpn);
  view.setUint32(Field.qkey, address.qkey);
  view.setUint16(Field.pkeyIndex, address.pkeyIndex);
  frame.set(mad, MAD_OFFSET);
  return frame;
}

/** Decodes a frame from a port. Returns undefined if it is malformed. */
export function decodePortFrame(
  frame: Uint8Array,
): Frame<PortMessage | ForeignHello> | undefined {
  return decode(frame, PortMessageSchema);
}

/** Decodes a frame from the manager. Returns undefined if it is malformed. */
export function decodeManagerFrame(
  frame: Uint8Array,
): Frame<ManagerMessage> | undefined {
  return decode(frame, ManagerMessageSchema);
}

function decode<Message>(
  frame: Uint8Array,
  schema: v.GenericSchema<unknown, Message>,
): Frame<Message> | undefined {
  if (frame.length > MAX_FRAME_LENGTH) return undefined;
  if (frame[0] === KIND_MAD) return decodeMad(frame);
  if (frame[0] !== KIND_CONTROL) return undefined;
  const result = v.safeParse(schema, json(frame.subarray(1)));
  return result.success
    ? { kind: "control", message: result.output }
    : undefined;
}

function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    return undefined;
  }
}

function decodeMad(frame: Uint8Array): MadFrame | undefined {
  if (frame.length !== MAD_OFFSET + MAD_LENGTH) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return {
    kind: "mad",
    address: {
      sl: view.getUint8(Field.sl),
      lid: view.getUint16(Field.lid),
      qpn: view.getUint32(Field.qpn),
      qkey: view.getUint32(Field.qkey),
      pkeyIndex: view.getUint16(Field.pkeyIndex),
    },
    mad: frame.subarray(MAD_OFFSET),
  };
}

/** Returns the 16 bytes of a GID from its `gidKey` (wire/gid.ts), which must be valid: the schemas check it. */
export function gidFromKey(key: string): Uint8Array {
  const gid = new Uint8Array(GID_LENGTH);
  for (let i = 0; i < GID_LENGTH; i++) {
    gid[i] = parseInt(key.slice(2 * i, 2 * i + 2), 16);
  }
  return gid;
}
