/** A mirror whose reads the kernel refuses after a loss of events. */

import { assert, assertEquals } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { FakeClock } from "../../src/base/clock.ts";
import { Errno } from "../../src/base/errno.ts";
import { configureLog } from "../../src/base/log.ts";
import { setLink } from "../../src/netdev/rtnetlink/link_set.ts";
import { ConfigMirror } from "../../src/netdev/rtnetlink/mirror.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { openTap } from "../../src/netdev/tap/open_tap.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";
import { addAddress } from "../../scripts/address.ts";
import { FailingCall } from "../system/failing_call.ts";
import { kernelTest, TestNamespace } from "./support.ts";

const ADDRESSES = 200;

/** Makes the log write to an array. */
function logged(): string[] {
  const lines: string[] = [];
  configureLog("warning", { write: (text) => void lines.push(text.trimEnd()) });
  return lines;
}

// A third request reads the rules, and has a safe value if it is refused.
for (const [ordinal, what] of [[1, "link"], [2, "addresses"]] as const) {
  kernelTest(
    `a mirror whose read of the ${what} is refused keeps its configuration, and reads it after a second`,
    () => {
      const lines = logged();
      const clock = new FakeClock(1000);
      const reactor = new PollReactor(clock);
      using netns = new TestNamespace();
      using tap = openTap({ name: "ib0", netns: netns.fd });
      using requests = new RequestSocket(netns.fd);
      const mirror = new ConfigMirror({
        ...{ reactor, netns: netns.fd, ifindex: tap.ifindex },
        ...{ receiveBuffer: 2048, memberships: "proc" },
      });
      const turns = () => {
        for (let i = 0; i < 3; i++) reactor.turn(0);
      };
      try {
        for (let i = 1; i <= ADDRESSES; i++) {
          addAddress(requests, tap.ifindex, `10.0.${i}.1/24`);
        }
        setLink(requests, tap.ifindex, { up: true });
        {
          using failing = new FailingCall(
            libc(),
            "send",
            ordinal,
            Errno.ENOBUFS,
          );
          turns();
          assert(failing.failed);
        }
        assertEquals([mirror.up, mirror.addresses.length], [false, 0]);
        // A second refusal is not logged.
        clock.advance(1000);
        {
          using failing = new FailingCall(libc(), "send", 1, Errno.ENOMEM);
          turns();
          assert(failing.failed);
        }
        assertEquals(mirror.up, false);
        assertEquals(lines.length, 1, lines.join("\n"));
        assert(lines[0]!.includes("No buffer space available"), lines[0]);
        const changes = new Set<string>();
        mirror.onChange((change) => changes.add(change));
        clock.advance(999);
        turns();
        assertEquals(mirror.up, false);
        clock.advance(1);
        turns();
        assertEquals([mirror.up, mirror.addresses.length], [true, ADDRESSES]);
        assert(changes.has("address") && changes.has("link"));
      } finally {
        mirror.close();
      }
    },
  );
}
