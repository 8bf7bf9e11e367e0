import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { IpoibLinks, parseIpoibLink } from "../../src/netdev/ipoib_links.ts";
import {
  MessageBuilder,
  parseMessages,
} from "../../src/netdev/rtnetlink/message.ts";
import { withNamespace } from "../../src/system/namespace.ts";
import { hex } from "../wire/support.ts";
import { kernelTest, TestNamespace } from "./support.ts";

const NEW_LINK = 16;
const DEL_LINK = 17;
const ADDRESS = hex("80000048 fe80000000000000 5054 00ff fe00 0001");
const BROADCAST = hex("00ffffff ff12401b 8001 000000000000 ffffffff");
const GID = ADDRESS.slice(4);

/** Builds a link message of an ib_ipoib interface with index 5. */
function message(
  { type = NEW_LINK, family = 0, hardware = 32, flags = 0x1003 } = {},
  address = ADDRESS,
  broadcast = BROADCAST,
) {
  const bytes = new MessageBuilder(type)
    .u8(family).u8(0).u16(hardware).u32(5).u32(flags).u32(0)
    .attributeString(3, "ib0.8001")
    .attribute(1, address).attribute(2, broadcast)
    .finish(1);
  const [first] = [...parseMessages(bytes)];
  return first!;
}

Deno.test("parseIpoibLink() reads port and P_Key from the addresses", () => {
  assertEquals(parseIpoibLink(message()), {
    ifindex: 5,
    up: true,
    gid: GID,
    pkey: 0x8001,
  });
  assertEquals(parseIpoibLink(message({ flags: 0x1002 }))?.up, false);
  assertEquals(parseIpoibLink(message({ type: DEL_LINK }))?.ifindex, 5);
});

Deno.test("parseIpoibLink() ignores other kinds of links and devices of this program", () => {
  const none = new Uint8Array(0);
  for (
    const other of [
      message({ hardware: 1 }),
      message({ family: 7 }),
      message({ type: 20 }),
      message({}, none),
      message({}, ADDRESS, none),
      message({}, ADDRESS.slice(0, 6)),
    ]
  ) assertEquals(parseIpoibLink(other), undefined);
});

Deno.test("parseIpoibLink() never throws for arbitrary bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
    for (const type of [NEW_LINK, DEL_LINK]) {
      const body = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      parseIpoibLink({ type, flags: 0, sequence: 0, port: 0, body });
    }
  }));
});

kernelTest(
  "IpoibLinks ignores other interfaces of its namespace",
  () => {
    using netns = new TestNamespace();
    let downs = 0;
    const links = new IpoibLinks({
      reactor: netns.reactor,
      netns: netns.fd,
      onDown: () => downs++,
    });
    withNamespace(netns.fd, () => {
      for (const command of ["add d0 type dummy", "set d0 up", "del d0"]) {
        new Deno.Command("ip", { args: ["link", ...command.split(" ")] })
          .outputSync();
      }
    });
    netns.settle();
    assertEquals([links.isUp(GID, 0x8001), downs], [false, 0]);
    links.close();
  },
);
