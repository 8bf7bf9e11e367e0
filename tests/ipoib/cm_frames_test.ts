/** CM messages on QP1 in wire format, decoded by tshark. */

import { assertEquals } from "@std/assert";
import type { CmKind } from "../../src/wire/cm/cm_message.ts";
import { ARI_LENGTH } from "../../src/wire/cm/rej.ts";
import { parseGid } from "../../src/wire/gid.ts";
import { LinkNextHeader, LRH_LENGTH } from "../../src/wire/lrh.ts";
import { GSI_QKEY, GSI_QPN, MAD_LENGTH } from "../../src/wire/mad.ts";
import {
  BTH_LENGTH,
  DETH_LENGTH,
  ICRC_LENGTH,
  UD_SEND_ONLY,
} from "../../src/wire/transport_headers.ts";
import { withCrcs } from "../wire/with_crcs.ts";
import { KINDS, padded, SAMPLES } from "../wire/cm/samples.ts";
import { hex, viewOf } from "../wire/support.ts";
import { tshark, tsharkFields, tsharkTest } from "./tshark.ts";

const HEADERS = LRH_LENGTH + BTH_LENGTH + DETH_LENGTH;

/** Returns the packet of a MAD from LID 2 to LID 3, without a GRH. */
function frameOf(mad: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADERS + MAD_LENGTH);
  const view = viewOf(frame);
  view.setUint8(1, LinkNextHeader.IbaLocal);
  view.setUint16(2, 3);
  view.setUint16(4, (frame.length + ICRC_LENGTH) / 4);
  view.setUint16(6, 2);
  view.setUint8(LRH_LENGTH, UD_SEND_ONLY);
  view.setUint16(LRH_LENGTH + 2, 0xffff);
  view.setUint32(LRH_LENGTH + 4, GSI_QPN);
  view.setUint32(LRH_LENGTH + BTH_LENGTH, GSI_QKEY);
  view.setUint32(LRH_LENGTH + BTH_LENGTH + 4, GSI_QPN);
  frame.set(mad, HEADERS);
  return withCrcs(frame);
}

type Value = bigint | number | boolean | Uint8Array;

/** Asserts that tshark reads these values from the fields of a message, whose names start with `prefix`. */
async function assertDecoded(
  kind: CmKind,
  prefix: string,
  expected: Record<string, Value>,
): Promise<void> {
  const names = Object.keys(expected);
  const [row] = await tsharkFields(
    [frameOf(SAMPLES[kind].bytes)],
    ...names.map((name) => `infiniband.cm.${prefix}${name}`),
  );
  names.forEach((name, i) => {
    const value = expected[name]!;
    const text = row![i]!;
    if (!(value instanceof Uint8Array)) {
      assertEquals(BigInt(text), BigInt(value), name);
    } else if (text.includes(":")) {
      assertEquals(parseGid(text), value, name);
    } else assertEquals(hex(text), value, name);
  });
}

tsharkTest("tshark names the messages and finds none malformed", async () => {
  const frames = KINDS.map((kind) => frameOf(SAMPLES[kind].bytes));
  const names = (await tshark(frames)).trim().split("\n")
    .map((line) => line.replace(/.*CM: /, ""));
  assertEquals(names, [
    ...["ConnectRequest", "MsgRcptAck", "ConnectReject", "ConnectReply"],
    ...["ReadyToUse", "DisconnectRequest", "DisconnectReply"],
  ]);
  assertEquals(await tshark(frames, "-Y", "_ws.malformed || _ws.short"), "");
});

tsharkTest("tshark decodes a REQ", async () => {
  // Version 4.0 of tshark reads FlowLabel and PacketRate from the wrong bits.
  const { body } = SAMPLES.req.message;
  const { primary, alternate } = body;
  await assertDecoded("req", "req", {
    "": body.localCommId,
    ".serviceid": body.serviceId,
    ".localcaguid": body.localCaGuid,
    ".localqkey": body.localQkey,
    ".localqpn": body.localQpn,
    ".responderres": body.responderResources,
    ".localeecn": body.localEecn,
    ".initdepth": body.initiatorDepth,
    ".remoteeecn": body.remoteEecn,
    ".remoteresptout": body.remoteResponseTimeout,
    ".transpsvctype": body.transportType,
    ".e2eflowctrl": body.flowControl,
    ".startpsn": body.startingPsn,
    ".localresptout": body.localResponseTimeout,
    ".retrcount": body.retryCount,
    ".pkey": body.pkey,
    ".pppmtu": body.pathMtu,
    ".rdcexist": body.rdcExists,
    ".rnrretrcount": body.rnrRetryCount,
    ".maxcmretr": body.maxCmRetries,
    ".srq": body.srq,
    ".ext_transport": body.extendedTransport,
    ".prim_locallid": primary.localLid,
    ".prim_remotelid": primary.remoteLid,
    ".prim_localgid": primary.localGid,
    ".prim_remotegid": primary.remoteGid,
    ".prim_tfcclass": primary.trafficClass,
    ".prim_hoplim": primary.hopLimit,
    ".prim_sl": primary.sl,
    ".prim_subnetlocal": primary.subnetLocal,
    ".prim_localacktout": primary.ackTimeout,
    ".alt_locallid": alternate.localLid,
    ".private": body.privateData,
  });
});

tsharkTest("tshark decodes a REP", async () => {
  const { body } = SAMPLES.rep.message;
  await assertDecoded("rep", "rep", {
    "": body.localCommId,
    ".remotecommid": body.remoteCommId,
    ".localqkey": body.localQkey,
    ".localqpn": body.localQpn,
    ".localeecn": body.localEecn,
    ".startpsn": body.startingPsn,
    ".respres": body.responderResources,
    ".initdepth": body.initiatorDepth,
    ".tgtackdelay": body.targetAckDelay,
    ".failoveracc": body.failoverAccepted,
    ".e2eflowctrl": body.flowControl,
    ".rnrretrcount": body.rnrRetryCount,
    ".srq": body.srq,
    ".localcaguid": body.localCaGuid,
    ".private": body.privateData,
  });
});

tsharkTest("tshark decodes REJ, RTU, DREQ and DREP", async () => {
  const rej = SAMPLES.rej.message.body;
  await assertDecoded("rej", "rej", {
    ".localcommid": rej.localCommId,
    ".remotecommid": rej.remoteCommId,
    ".msgrej": rej.subject,
    ".rejinfolen": rej.ari.length,
    ".reason": rej.reason,
    ".ari": padded(rej.ari, ARI_LENGTH),
    ".private": rej.privateData,
  });
  const rtu = SAMPLES.rtu.message.body;
  await assertDecoded("rtu", "rtu", {
    ".localcommid": rtu.localCommId,
    ".remotecommid": rtu.remoteCommId,
    ".private": rtu.privateData,
  });
  const dreq = SAMPLES.dreq.message.body;
  await assertDecoded("dreq", "", {
    "dreq.localcommid": dreq.localCommId,
    "dreq.remotecommid": dreq.remoteCommId,
    "req.remoteqpneecn": dreq.remoteQpn,
    "dreq.private": dreq.privateData,
  });
  const drep = SAMPLES.drep.message.body;
  await assertDecoded("drep", "drsp", {
    ".localcommid": drep.localCommId,
    ".remotecommid": drep.remoteCommId,
    ".private": drep.privateData,
  });
});
