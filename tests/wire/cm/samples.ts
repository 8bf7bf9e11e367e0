/** One CM message of each kind with a distinct value in each field, and its bytes, composed by hand from the tables. */

import type { CmKind, CmMessage } from "../../../src/wire/cm/cm_message.ts";
import type { ReqPath } from "../../../src/wire/cm/req.ts";
import { MAD_LENGTH } from "../../../src/wire/mad.ts";
import { hex } from "../support.ts";

const GID_A = "fe800000000000000002c90300000001";
const GID_B = "fe800000000000000002c90300000002";
const TRANSACTION = "0000000a11223344";

/** Returns `bytes` followed by zeros, up to `length`. */
export function padded(bytes: Uint8Array, length: number): Uint8Array {
  const all = new Uint8Array(length);
  all.set(bytes);
  return all;
}

/** The common header, with the attribute ID as four digits, and the start of the message. */
function mad(attribute: string, message: string): Uint8Array {
  return padded(
    hex(
      `01 07 02 03 0000 0000 ${TRANSACTION} ${attribute} 0000 00000000
       ${message}`,
    ),
    MAD_LENGTH,
  );
}

const PRIMARY: ReqPath = {
  localLid: 2,
  remoteLid: 3,
  localGid: hex(GID_A),
  remoteGid: hex(GID_B),
  flowLabel: 0xabcde,
  rate: 7,
  trafficClass: 0x21,
  hopLimit: 0x3f,
  sl: 5,
  subnetLocal: true,
  ackTimeout: 19,
};

const NO_PATH: ReqPath = {
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
};

const transactionId = 0x0000000a11223344n;

/** The messages and their MADs, by kind. */
export const SAMPLES: {
  [Kind in CmKind]: {
    message: Extract<CmMessage, { kind: Kind }>;
    bytes: Uint8Array;
  };
} = {
  req: {
    message: {
      kind: "req",
      transactionId,
      body: {
        localCommId: 0x11223344,
        serviceId: 0x1000000000000048n,
        localCaGuid: 0x0002c90300000001n,
        localQkey: 0x01020304,
        localQpn: 0x000105,
        responderResources: 4,
        localEecn: 0x060708,
        initiatorDepth: 9,
        remoteEecn: 0x0a0b0c,
        remoteResponseTimeout: 20,
        transportType: 0,
        flowControl: true,
        startingPsn: 0xc0ffee,
        localResponseTimeout: 18,
        retryCount: 6,
        pkey: 0x8001,
        pathMtu: 4,
        rdcExists: false,
        rnrRetryCount: 5,
        maxCmRetries: 15,
        srq: true,
        extendedTransport: 0,
        primary: PRIMARY,
        alternate: NO_PATH,
        privateData: padded(hex("000000480000fff4"), 92),
      },
    },
    bytes: mad(
      "0010",
      `11223344 00000000 1000000000000048 0002c90300000001 00000000 01020304
       000105 04  060708 09  0a0b0c a1  c0ffee 96  8001 45 f8
       0002 0003 ${GID_A} ${GID_B} abcde 0 07 21 3f 58 98
       ${"00".repeat(44)}
       000000480000fff4`,
    ),
  },
  mra: {
    message: {
      kind: "mra",
      transactionId,
      body: {
        localCommId: 0x55667788,
        remoteCommId: 0x11223344,
        subject: 1,
        serviceTimeout: 21,
        privateData: padded(hex("aabb"), 222),
      },
    },
    bytes: mad("0011", "55667788 11223344 40 a8 aabb"),
  },
  rej: {
    message: {
      kind: "rej",
      transactionId,
      body: {
        localCommId: 0x55667788,
        remoteCommId: 0x11223344,
        subject: 2,
        reason: 12,
        ari: hex(GID_B),
        privateData: padded(hex("ccdd"), 148),
      },
    },
    bytes: mad(
      "0012",
      `55667788 11223344 80 20 000c ${GID_B} ${"00".repeat(56)} ccdd`,
    ),
  },
  rep: {
    message: {
      kind: "rep",
      transactionId,
      body: {
        localCommId: 0x55667788,
        remoteCommId: 0x11223344,
        localQkey: 0x01020304,
        localQpn: 0x000206,
        localEecn: 0x070809,
        startingPsn: 0xbeef01,
        responderResources: 3,
        initiatorDepth: 2,
        targetAckDelay: 15,
        failoverAccepted: 1,
        flowControl: true,
        rnrRetryCount: 7,
        srq: true,
        localCaGuid: 0x0002c90300000002n,
        privateData: padded(hex("000000490000fff4"), 196),
      },
    },
    bytes: mad(
      "0013",
      `55667788 11223344 01020304 000206 00 070809 00 beef01 00
       03 02 7b f0 0002c90300000002 000000490000fff4`,
    ),
  },
  rtu: {
    message: {
      kind: "rtu",
      transactionId,
      body: {
        localCommId: 0x11223344,
        remoteCommId: 0x55667788,
        privateData: padded(hex("0102"), 224),
      },
    },
    bytes: mad("0014", "11223344 55667788 0102"),
  },
  dreq: {
    message: {
      kind: "dreq",
      transactionId,
      body: {
        localCommId: 0x11223344,
        remoteCommId: 0x55667788,
        remoteQpn: 0x000206,
        privateData: padded(hex("0304"), 220),
      },
    },
    bytes: mad("0015", "11223344 55667788 000206 00 0304"),
  },
  drep: {
    message: {
      kind: "drep",
      transactionId,
      body: {
        localCommId: 0x55667788,
        remoteCommId: 0x11223344,
        privateData: padded(hex("0506"), 224),
      },
    },
    bytes: mad("0016", "55667788 11223344 0506"),
  },
};

/** The kinds of messages. */
export const KINDS = Object.keys(SAMPLES) as CmKind[];
