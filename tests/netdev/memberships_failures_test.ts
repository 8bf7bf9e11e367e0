/** Sources of memberships whose construction fails at any system call leave no descriptor behind. */

import { assertEquals, assertThrows } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { FakeClock } from "../../src/base/clock.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { ProcMemberships } from "../../src/netdev/memberships/proc_memberships.ts";
import { RtnetlinkMemberships } from "../../src/netdev/memberships/rtnetlink_memberships.ts";
import { FakeReactor } from "../../src/system/fake_reactor.ts";
import { FailingCall, openDescriptors } from "../system/failing_call.ts";
import { ENOMEM } from "../system/errno_values.ts";

const cases = [
  [ProcMemberships, "open", 1],
  [ProcMemberships, "pread", 1],
  [RtnetlinkMemberships, "socket", 1],
  [RtnetlinkMemberships, "socket", 2],
] as const;

for (const [Memberships, name, ordinal] of cases) {
  Deno.test(`${Memberships.name} whose call ${ordinal} of ${name} fails closes its descriptors`, () => {
    const options = {
      reactor: new FakeReactor(new FakeClock()),
      netns: undefined,
      ifindex: 1,
      changed() {},
    };
    const before = openDescriptors();
    {
      using failing = new FailingCall(libc(), name, ordinal, ENOMEM);
      assertThrows(() => new Memberships(options), IpoibError);
      assertEquals(failing.failed, true);
    }
    assertEquals(openDescriptors(), before);
  });
}
