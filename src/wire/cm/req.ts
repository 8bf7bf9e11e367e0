/**
 * REQ, the request for a connection (IBTA vol. 1 12.6.5).
 *
 * | offset | bits    | field                                                                 |
 * |--------|---------|-----------------------------------------------------------------------|
 * | 0      | 32      | LocalCommID                                                           |
 * | 8      | 64      | ServiceID                                                             |
 * | 16     | 64      | LocalCAGUID                                                           |
 * | 28     | 32      | LocalQKey                                                             |
 * | 32     | 24, 8   | LocalQPN, ResponderResources                                          |
 * | 36     | 24, 8   | LocalEECN, InitiatorDepth                                             |
 * | 40     | 24      | RemoteEECN                                                            |
 * | 43     | 5, 2, 1 | RemoteCMResponseTimeout, TransportServiceType, EndToEndFlowControl    |
 * | 44     | 24      | StartingPSN                                                           |
 * | 47     | 5, 3    | LocalCMResponseTimeout, RetryCount                                    |
 * | 48     | 16      | PartitionKey                                                          |
 * | 50     | 4, 1, 3 | PathPacketPayloadMTU, RDCExists, RNRRetryCount                        |
 * | 51     | 4, 1, 3 | MaxCMRetries, SRQ, ExtendedTransportType                              |
 * | 52     | 352     | primary path, 44 bytes                                                |
 * | 96     | 352     | alternate path, all zero if there is none                             |
 * | 140    | 736     | PrivateData                                                           |
 *
 * A path, by offset in the path:
 *
 * | offset | bits    | field                                |
 * |--------|---------|--------------------------------------|
 * | 0      | 16, 16  | LocalPortLID, RemotePortLID          |
 * | 4      | 128     | LocalPortGID                         |
 * | 20     | 128     | RemotePortGID                        |
 * | 36     | 20      | FlowLabel                            |
 * | 39     | 2, 6    | reserved, PacketRate                 |
 * | 40     | 8, 8    | TrafficClass, HopLimit               |
 * | 42     | 4, 1    | SL, SubnetLocal                      |
 * | 43     | 5       | LocalACKTimeout                      |
 */

import { CM_MESSAGE_LENGTH } from "./cm_mad.ts";
import { getUint24, messageWith, setUint24, viewOf } from "./fields.ts";

/** TransportServiceType. 3: see ExtendedTransportType. */
export const TransportType = { Rc: 0, Uc: 1, Rd: 2, Extended: 3 } as const;

/** A path from the sender of the REQ ("local") to its receiver ("remote"). */
export interface ReqPath {
  /** 0xffff if the path leads to another subnet. */
  localLid: number;
  remoteLid: number;
  /** 16 bytes. */
  localGid: Uint8Array;
  /** 16 bytes. */
  remoteGid: Uint8Array;
  /** 20 bits. */
  flowLabel: number;
  /** Rate code (base/rates.ts). */
  rate: number;
  trafficClass: number;
  hopLimit: number;
  sl: number;
  subnetLocal: boolean;
  /** 4.096 us times 2 to this power. */
  ackTimeout: number;
}

/** A request for a connection. "Local" is the sender. */
export interface Req {
  localCommId: number;
  serviceId: bigint;
  /** 64 bits. */
  localCaGuid: bigint;
  localQkey: number;
  localQpn: number;
  responderResources: number;
  localEecn: number;
  initiatorDepth: number;
  remoteEecn: number;
  /** Time in which the receiver answers: 4.096 us times 2 to this power. */
  remoteResponseTimeout: number;
  /** One of {@linkcode TransportType}. */
  transportType: number;
  flowControl: boolean;
  /** PSN of the first packet that the receiver sends. */
  startingPsn: number;
  /** Time in which the sender answers a REP: 4.096 us times 2 to this power. */
  localResponseTimeout: number;
  retryCount: number;
  pkey: number;
  /** MTU code. */
  pathMtu: number;
  rdcExists: boolean;
  rnrRetryCount: number;
  maxCmRetries: number;
  srq: boolean;
  extendedTransport: number;
  primary: ReqPath;
  alternate: ReqPath;
  /** 92 bytes; {@linkcode Req.emit} pads with zeros. */
  privateData: Uint8Array;
}

const PRIMARY = 52;
const ALTERNATE = 96;
const PATH_LENGTH = 44;
const PRIVATE_DATA = 140;
/** FlowLabel and PacketRate share a word; this is their distance. */
const FLOW_LABEL_SHIFT = 12;

export const ReqPath = {
  /** Returns a path with these fields set and all others zero. */
  of(fields: Partial<ReqPath> = {}): ReqPath {
    return {
      localLid: 0,
      remoteLid: 0,
      localGid: new Uint8Array(16),
      remoteGid: new Uint8Array(16),
      flowLabel: 0,
      rate: 0,
      trafficClass: 0,
      hopLimit: 0,
      sl: 0,
      subnetLocal: false,
      ackTimeout: 0,
      ...fields,
    };
  },
};

function parsePath(bytes: Uint8Array): ReqPath {
  const view = viewOf(bytes);
  const word = view.getUint32(36);
  const service = view.getUint8(42);
  return {
    localLid: view.getUint16(0),
    remoteLid: view.getUint16(2),
    localGid: bytes.slice(4, 20),
    remoteGid: bytes.slice(20, 36),
    flowLabel: word >>> FLOW_LABEL_SHIFT,
    rate: word & 0x3f,
    trafficClass: view.getUint8(40),
    hopLimit: view.getUint8(41),
    sl: service >> 4,
    subnetLocal: (service & 8) !== 0,
    ackTimeout: view.getUint8(43) >> 3,
  };
}

function emitPath(path: ReqPath, bytes: Uint8Array): void {
  const view = viewOf(bytes);
  view.setUint16(0, path.localLid);
  view.setUint16(2, path.remoteLid);
  bytes.set(path.localGid, 4);
  bytes.set(path.remoteGid, 20);
  view.setUint32(36, path.flowLabel << FLOW_LABEL_SHIFT | path.rate & 0x3f);
  view.setUint8(40, path.trafficClass);
  view.setUint8(41, path.hopLimit);
  view.setUint8(42, path.sl << 4 | (path.subnetLocal ? 8 : 0));
  view.setUint8(43, path.ackTimeout << 3);
}

export const Req = {
  /** Returns a REQ with these fields set and all others zero. */
  of(fields: Partial<Req> = {}): Req {
    return {
      localCommId: 0,
      serviceId: 0n,
      localCaGuid: 0n,
      localQkey: 0,
      localQpn: 0,
      responderResources: 0,
      localEecn: 0,
      initiatorDepth: 0,
      remoteEecn: 0,
      remoteResponseTimeout: 0,
      transportType: TransportType.Rc,
      flowControl: false,
      startingPsn: 0,
      localResponseTimeout: 0,
      retryCount: 0,
      pkey: 0,
      pathMtu: 0,
      rdcExists: false,
      rnrRetryCount: 0,
      maxCmRetries: 0,
      srq: false,
      extendedTransport: 0,
      primary: ReqPath.of(),
      alternate: ReqPath.of(),
      privateData: new Uint8Array(0),
      ...fields,
    };
  },

  /** Parses a message. Returns undefined if it does not have 232 bytes. Copies all byte fields. */
  parse(message: Uint8Array): Req | undefined {
    if (message.length !== CM_MESSAGE_LENGTH) return undefined;
    const view = viewOf(message);
    const service = view.getUint8(43);
    const local = view.getUint8(47);
    const mtu = view.getUint8(50);
    const retries = view.getUint8(51);
    return {
      localCommId: view.getUint32(0),
      serviceId: view.getBigUint64(8),
      localCaGuid: view.getBigUint64(16),
      localQkey: view.getUint32(28),
      localQpn: getUint24(view, 32),
      responderResources: view.getUint8(35),
      localEecn: getUint24(view, 36),
      initiatorDepth: view.getUint8(39),
      remoteEecn: getUint24(view, 40),
      remoteResponseTimeout: service >> 3,
      transportType: service >> 1 & 3,
      flowControl: (service & 1) !== 0,
      startingPsn: getUint24(view, 44),
      localResponseTimeout: local >> 3,
      retryCount: local & 7,
      pkey: view.getUint16(48),
      pathMtu: mtu >> 4,
      rdcExists: (mtu & 8) !== 0,
      rnrRetryCount: mtu & 7,
      maxCmRetries: retries >> 4,
      srq: (retries & 8) !== 0,
      extendedTransport: retries & 7,
      primary: parsePath(message.subarray(PRIMARY, PRIMARY + PATH_LENGTH)),
      alternate: parsePath(
        message.subarray(ALTERNATE, ALTERNATE + PATH_LENGTH),
      ),
      privateData: message.slice(PRIVATE_DATA),
    };
  },

  /**
   * Returns the message's 232 bytes.
   *
   * @throws RangeError if the private data is longer than 92 bytes.
   */
  emit(req: Req): Uint8Array {
    const message = messageWith(req.privateData, PRIVATE_DATA);
    const view = viewOf(message);
    view.setUint32(0, req.localCommId);
    view.setBigUint64(8, req.serviceId);
    view.setBigUint64(16, req.localCaGuid);
    view.setUint32(28, req.localQkey);
    setUint24(view, 32, req.localQpn);
    view.setUint8(35, req.responderResources);
    setUint24(view, 36, req.localEecn);
    view.setUint8(39, req.initiatorDepth);
    setUint24(view, 40, req.remoteEecn);
    view.setUint8(
      43,
      req.remoteResponseTimeout << 3 | (req.transportType & 3) << 1 |
        (req.flowControl ? 1 : 0),
    );
    setUint24(view, 44, req.startingPsn);
    view.setUint8(47, req.localResponseTimeout << 3 | req.retryCount & 7);
    view.setUint16(48, req.pkey);
    view.setUint8(
      50,
      req.pathMtu << 4 | (req.rdcExists ? 8 : 0) | req.rnrRetryCount & 7,
    );
    view.setUint8(
      51,
      req.maxCmRetries << 4 | (req.srq ? 8 : 0) | req.extendedTransport & 7,
    );
    emitPath(req.primary, message.subarray(PRIMARY, PRIMARY + PATH_LENGTH));
    emitPath(
      req.alternate,
      message.subarray(ALTERNATE, ALTERNATE + PATH_LENGTH),
    );
    return message;
  },
};
