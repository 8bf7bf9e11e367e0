import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { IpoibError } from "../../src/base/errors.ts";
import {
  type Hello,
  type ManagerMessage,
  MAX_MEMBERSHIPS,
  type Membership,
  type MembershipsMessage,
  PROTOCOL_VERSION,
} from "../../src/subnet/messages.ts";
import {
  decodeManagerFrame,
  decodePortFrame,
  encodeControl,
  encodeMad,
  gidFromKey,
  MAX_FRAME_LENGTH,
} from "../../src/subnet/protocol.ts";
import { gidKey } from "../../src/wire/gid.ts";
import { GSI_QKEY } from "../../src/wire/mad.ts";
import { hex } from "../wire/support.ts";

const HELLO: Hello = {
  type: "hello",
  version: PROTOCOL_VERSION,
  guid: "0x0002c90300000001",
  name: "ib0",
  pid: 7,
  secret: "0123456789abcdef".repeat(4),
};
const MEMBERSHIP: Membership = {
  mgid: "ff12401bffff000000000000ffffffff",
  mlid: 0xc000,
  joinState: 1,
  pkey: 0xffff,
  qkey: 0xb1b,
  mtu: 4,
  rate: 3,
  sl: 0,
  flowLabel: 0,
  hopLimit: 0,
  tclass: 0,
};

const raw = (kind: number, text: string) =>
  new Uint8Array([kind, ...new TextEncoder().encode(text)]);
const control = (value: unknown) => raw(1, JSON.stringify(value));

Deno.test("encodeMad() writes the address and the MAD", () => {
  const mad = new Uint8Array(256).fill(0x5a);
  const frame = encodeMad(mad, {
    lid: 0x0102,
    qpn: 1,
    qkey: GSI_QKEY,
    pkeyIndex: 3,
    sl: 4,
  });
  assertEquals(frame.length, 272);
  assertEquals(
    frame.subarray(0, 16),
    hex("02 04 0102 00000001 80010000 0003 0000"),
  );
  assertEquals(frame.subarray(16), mad);
});

Deno.test("both decoders return the MAD and address that encodeMad() encoded", () => {
  const address = fc.record({
    lid: fc.nat(0xffff),
    qpn: fc.nat(0xffffffff),
    qkey: fc.nat(0xffffffff),
    pkeyIndex: fc.nat(0xffff),
    sl: fc.nat(255),
  });
  const mads = fc.uint8Array({ minLength: 256, maxLength: 256 });
  fc.assert(fc.property(address, mads, (address, mad) => {
    const frame = encodeMad(mad, address);
    for (const decoded of [decodePortFrame(frame), decodeManagerFrame(frame)]) {
      assertEquals(decoded, { kind: "mad", address, mad });
    }
  }));
});

Deno.test("encodeMad() throws for a MAD of other than 256 bytes", () => {
  const address = { lid: 1, qpn: 1, qkey: 1, pkeyIndex: 0, sl: 0 };
  for (const length of [0, 255, 257]) {
    const error = assertThrows(
      () => encodeMad(new Uint8Array(length), address),
      IpoibError,
    );
    assertEquals([error.code, error.errno], ["E_SUBNET_FRAME", 22]);
  }
});

Deno.test("encodeControl() throws for a message that is too long for a frame", () => {
  const error = assertThrows(
    () => encodeControl({ ...HELLO, name: "x".repeat(MAX_FRAME_LENGTH) }),
    IpoibError,
    'Subnet message "hello" has',
  );
  assertEquals(error.errno, 90);
});

Deno.test("decodePortFrame() returns the hello that encodeControl() encoded, without unknown members", () => {
  const hello: Hello = {
    ...HELLO,
    guidFixed: true,
    subnetMtu: 4096,
    lid: 2,
  };
  const message = { kind: "control", message: hello } as const;
  assertEquals(decodePortFrame(encodeControl(hello)), message);
  assertEquals(decodePortFrame(control({ ...hello, extra: 1 })), message);
});

Deno.test("a message with the maximum of memberships fits in a frame", () => {
  const message: MembershipsMessage = {
    type: "memberships",
    memberships: new Array(MAX_MEMBERSHIPS).fill({
      ...MEMBERSHIP,
      ...{ mlid: 0xfffe, joinState: 15, qkey: 0xffffffff, mtu: 63, rate: 63 },
      ...{ sl: 15, flowLabel: 0xfffff, hopLimit: 255, tclass: 255 },
    }),
  };
  assertEquals(
    decodePortFrame(encodeControl(message)),
    { kind: "control", message },
  );
});

Deno.test("decodePortFrame() returns type and version of a hello of another version", () => {
  const frame = decodePortFrame(
    control({ type: "hello", version: 99, anything: [] }),
  );
  assertEquals(frame, {
    kind: "control",
    message: { type: "hello", version: 99 },
  });
});

const MALFORMED: [string, Uint8Array][] = [
  ["an empty frame", new Uint8Array()],
  ["an unknown kind", raw(9, "{}")],
  ["text that is not JSON", raw(1, "hello")],
  ["invalid UTF-8", new Uint8Array([1, 0xff, 0xfe])],
  ["a JSON array", control([])],
  ["null", control(null)],
  ["an unknown type", control({ type: "goodbye" })],
  [
    "a hello without a GUID",
    control({ type: "hello", version: PROTOCOL_VERSION }),
  ],
  ["a hello without a secret", control({ ...HELLO, secret: undefined })],
  ["a short secret", control({ ...HELLO, secret: "00" })],
  ["a GUID in capitals", control({ ...HELLO, guid: "0x0002C90300000001" })],
  ["a GUID that is a number", control({ ...HELLO, guid: 1 })],
  ["a multicast LID as LID", control({ ...HELLO, lid: 0xc000 })],
  ["LID 0", control({ ...HELLO, lid: 0 })],
  ["an invalid subnet MTU", control({ ...HELLO, subnetMtu: 3000 })],
  ["a negative pid", control({ ...HELLO, pid: -1 })],
  ["a name of 65 characters", control({ ...HELLO, name: "x".repeat(65) })],
  [
    "a name with a control character",
    control({ ...HELLO, name: "ib0\u001b[2J" }),
  ],
  [
    "a membership without fields",
    control({ type: "memberships", memberships: [{}] }),
  ],
  [
    "too many memberships",
    control({
      type: "memberships",
      memberships: new Array(MAX_MEMBERSHIPS + 1).fill(MEMBERSHIP),
    }),
  ],
  ["a show without an id", control({ type: "show" })],
  ["a message of the manager", control({ type: "event", event: "lid_change" })],
  ["a short MAD", new Uint8Array(271).fill(2)],
  ["a long MAD", new Uint8Array(273).fill(2)],
  [
    "a frame longer than the maximum",
    new Uint8Array(MAX_FRAME_LENGTH + 1).fill(1),
  ],
];

for (const [what, frame] of MALFORMED) {
  Deno.test(`decodePortFrame() returns undefined for ${what}`, () => {
    assertEquals(decodePortFrame(frame), undefined);
  });
}

Deno.test("decodeManagerFrame() returns the manager's messages, and undefined for those of a port", () => {
  const messages: ManagerMessage[] = [
    { type: "refused", code: "E_SUBNET_MTU", message: "No", hint: "yes" },
    { type: "event", event: "lid_change", lid: 3 },
    {
      type: "fabric",
      portsRemoved: [2],
      portsAdded: [{
        lid: 3,
        guid: "0x0002c90300000001",
        pkeys: [0xffff],
        token: "0123456789abcdef".repeat(2),
      }],
      groupsRemoved: [0xc001],
      groupsChanged: [{
        mlid: 0xc000,
        mgid: "ff12401bffff000000000000ffffffff",
        lids: [2, 3],
      }],
    },
  ];
  for (const message of messages) {
    assertEquals(decodeManagerFrame(encodeControl(message)), {
      kind: "control",
      message,
    });
  }
  assertEquals(decodeManagerFrame(encodeControl(HELLO)), undefined);
});

Deno.test("the decoders return any MAD in a frame of the right length, and undefined for other arbitrary bytes", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.uint8Array({ minLength: 271, maxLength: 271 }),
  );
  fc.assert(fc.property(bytes, (bytes) => {
    for (const kind of [0, 1, 2, 3]) {
      const frame = new Uint8Array([kind, ...bytes]);
      const expected = kind === 2 && bytes.length === 271 ? "mad" : undefined;
      assertEquals(decodePortFrame(frame)?.kind, expected);
      assertEquals(decodeManagerFrame(frame)?.kind, expected);
    }
  }));
  fc.assert(fc.property(fc.json(), (json) => {
    assertEquals(decodePortFrame(raw(1, json)), undefined);
    assertEquals(decodeManagerFrame(raw(1, json)), undefined);
  }));
});

Deno.test("gidFromKey() is the inverse of gidKey()", () => {
  const gids = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(fc.property(gids, (gid) => {
    assertEquals(gidFromKey(gidKey(gid)), gid);
  }));
});
