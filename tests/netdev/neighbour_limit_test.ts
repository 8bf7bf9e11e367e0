import { assert, assertEquals } from "@std/assert";
import {
  type NetlinkMessage,
  parseMessages,
} from "../../src/netdev/rtnetlink/message.ts";
import {
  parseNeighbourLimit,
  readNeighbourLimit,
} from "../../src/netdev/rtnetlink/neighbour_limit.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { kernelTest, TestNamespace } from "./support.ts";

const THRESH3 = [8, 0, 4, 0, 0, 4, 0, 0];
/** The start of RTM_NEWNEIGHTBL of arp_cache, as sent by Linux 6.18: name, garbage collection interval, limits. */
const ARP_CACHE = [
  ...[2, 0, 0, 0],
  ...[14, 0, 1, 0, 97, 114, 112, 95, 99, 97, 99, 104, 101, 0, 0, 0],
  ...[12, 0, 8, 0, 48, 117, 0, 0, 0, 0, 0, 0],
  ...[8, 0, 2, 0, 128, 0, 0, 0],
  ...[8, 0, 3, 0, 0, 2, 0, 0],
];

function message(body: readonly number[], type = 64): NetlinkMessage {
  const length = 16 + body.length;
  const header = [length, 0, 0, 0, type, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  const [only] = [...parseMessages(new Uint8Array([...header, ...body]))];
  assert(only);
  return only;
}

Deno.test("parseNeighbourLimit() parses the golden bytes", () => {
  assertEquals(parseNeighbourLimit(message([...ARP_CACHE, ...THRESH3])), {
    family: 2,
    entries: 1024,
  });
});

Deno.test("parseNeighbourLimit() ignores messages without a limit, and of other types and families", () => {
  const whole = [...ARP_CACHE, ...THRESH3];
  for (
    const each of [
      message(ARP_CACHE),
      message([...ARP_CACHE, 6, 0, 4, 0, 1, 0, 0, 0]),
      message([2, 0]),
      message(whole, 65),
      message([12, ...whole.slice(1)]),
    ]
  ) assertEquals(parseNeighbourLimit(each), undefined);
});

kernelTest(
  "the limit on neighbours is that of the initial namespace in every namespace",
  () => {
    using netns = new TestNamespace();
    using socket = new RequestSocket(netns.fd);
    const limit = readNeighbourLimit(socket);
    const files = ["ipv4", "ipv6"].map((family) =>
      `/proc/sys/net/${family}/neigh/default/gc_thresh3`
    );
    try {
      const limits = files.map((file) => Number(Deno.readTextFileSync(file)));
      assertEquals(limit, limits[0]! + limits[1]!);
    } catch (error) {
      // The tests do not run in the initial namespace.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      assert(limit !== undefined && limit > 0);
    }
  },
);
