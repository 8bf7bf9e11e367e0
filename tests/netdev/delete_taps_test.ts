/** Deletion of many TAPs at once. */

import { assertEquals } from "@std/assert";
import { getLink } from "../../src/netdev/rtnetlink/link_message.ts";
import { setLink } from "../../src/netdev/rtnetlink/link_set.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { deleteTaps } from "../../src/netdev/tap/delete_taps.ts";
import { openTap } from "../../src/netdev/tap/open_tap.ts";
import { kernelTest, TestNamespace } from "./support.ts";

kernelTest(
  "deleteTaps() deletes devices in all namespaces, and no other device",
  () => {
    using one = new TestNamespace();
    using two = new TestNamespace();
    using parts = new DisposableStack();
    const make = (name: string, netns: number) =>
      parts.use(openTap({ name, netns }));
    const deleted = [
      make("a0", one.fd),
      make("a1", one.fd),
      make("b0", two.fd),
      make("b1", two.fd),
    ];
    const kept = make("other", one.fd);
    using inOne = new RequestSocket(one.fd);
    using inTwo = new RequestSocket(two.fd);
    setLink(inOne, kept.ifindex, { group: 0x7fffffff });
    deleteTaps(deleted);
    assertEquals(
      deleted.map(({ ifindex }, i) => getLink(i < 2 ? inOne : inTwo, ifindex)),
      [undefined, undefined, undefined, undefined],
    );
    assertEquals(getLink(inOne, kept.ifindex)?.name, "other");
    // Devices that are gone are skipped.
    deleteTaps(deleted);
  },
);

kernelTest(
  "deleteTaps() leaves the only device of a namespace to close()",
  () => {
    using netns = new TestNamespace();
    using tap = openTap({ name: "ib0", netns: netns.fd });
    using requests = new RequestSocket(netns.fd);
    deleteTaps([tap]);
    assertEquals(getLink(requests, tap.ifindex)?.name, "ib0");
  },
);
