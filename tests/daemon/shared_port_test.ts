/** Detection of other users of a port: processes by fake locks, ib_ipoib interfaces by fake links. */

import { assertEquals } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { configureLog, getLogger } from "../../src/base/log.ts";
import { openSharedPort } from "../../src/daemon/open_shared_port.ts";
import { SharedPort } from "../../src/daemon/shared_port.ts";
import type { IpoibLink } from "../../src/netdev/ipoib_links.ts";
import { FakeReactor } from "../../src/system/fake_reactor.ts";
import { ownNamespace } from "../../src/system/namespace.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import { FakeLockFile } from "./fake_lock_file.ts";

const lines: string[] = [];
configureLog("info", {
  write: (text) => void lines.push(text.trimEnd()),
});

const GID = gidFrom(0xfe80n << 48n, 7n);
const BROADCAST = { mgid: broadcastMgid(0xffff), joinState: 1 };
const SEND_ONLY = { mgid: broadcastMgid(0xffff), joinState: 8 };
const CHILD = { mgid: broadcastMgid(0x8001), joinState: 1 };

/** A port with its lock file and its ib_ipoib interfaces. */
class Fixture {
  readonly reactor = new FakeReactor();
  readonly file = new FakeLockFile();
  /** ib_ipoib interfaces that are up. */
  readonly up: { gid: Uint8Array; pkey: number }[] = [];
  readonly downs: ((link: IpoibLink) => void)[] = [];

  /** Adds a process on the port; `events` records its callbacks. */
  process() {
    const port = new SharedPort({
      reactor: this.reactor,
      log: getLogger("ib0"),
      gid: () => GID,
      openLocks: () => this.file.open(),
      openLinks: (onDown) => {
        this.downs.push(onDown);
        return [{
          isUp: (gid, pkey) =>
            this.up.some((each) => each.gid === gid && each.pkey === pkey),
          close: () => {},
        }];
      },
    });
    const events: string[] = [];
    port.onLeft = () => events.push(`left ${this.reactor.clock.now()}`);
    port.onGone = () => events.push(`gone ${this.reactor.clock.now()}`);
    return { port, events };
  }
}

Deno.test("SharedPort.tryLeave() allows only the last process that holds a group to leave", () => {
  const fixture = new Fixture();
  const [a, b] = [fixture.process().port, fixture.process().port];
  a.hold(BROADCAST);
  b.hold(BROADCAST);
  b.hold(CHILD);
  assertEquals(a.tryLeave(BROADCAST), "process");
  assertEquals(b.tryLeave(BROADCAST), "none");
  assertEquals(a.tryLeave(CHILD), "process");
  // Join states are separate memberships.
  b.hold(BROADCAST);
  a.hold(SEND_ONLY);
  assertEquals(a.tryLeave(SEND_ONLY), "none");
});

Deno.test("SharedPort.close() releases all memberships", () => {
  const fixture = new Fixture();
  const [a, b] = [fixture.process().port, fixture.process().port];
  a.hold(BROADCAST);
  b.hold(BROADCAST);
  a.close();
  assertEquals(b.tryLeave(BROADCAST), "none");
});

Deno.test("SharedPort.hold() retries while another process leaves the group, then checks the memberships", () => {
  const fixture = new Fixture();
  const a = fixture.process();
  const b = fixture.process();
  a.port.hold(BROADCAST);
  assertEquals(a.port.tryLeave(BROADCAST), "none");
  b.port.hold(BROADCAST);
  fixture.reactor.advance(1500);
  assertEquals([b.events, fixture.file.shared.size], [[], 1]);
  a.port.free(BROADCAST);
  fixture.reactor.advance(1000);
  assertEquals(b.events, ["left 2000"]);
  assertEquals(a.port.tryLeave(BROADCAST), "process");
  fixture.reactor.advance(5000);
  assertEquals(b.events.length, 1);
});

Deno.test("an ib_ipoib interface holds all groups of its port and P_Key", () => {
  const fixture = new Fixture();
  const { port } = fixture.process();
  fixture.up.push({ gid: GID, pkey: 0xffff });
  port.hold(BROADCAST);
  port.hold(CHILD);
  assertEquals([port.tryLeave(BROADCAST), port.tryLeave(CHILD)], [
    "kernel",
    "none",
  ]);
  // A withheld leave releases the lock.
  assertEquals(fixture.process().port.tryLeave(BROADCAST), "kernel");
});

Deno.test("SharedPort checks the memberships immediately and repeatedly after an ib_ipoib interface goes down", () => {
  const fixture = new Fixture();
  const { events } = fixture.process();
  const link = { ifindex: 3, up: true, pkey: 0xffff };
  fixture.reactor.advance(10_000);
  fixture.downs[0]!({ ...link, gid: gidFrom(0xfe80n << 48n, 8n) });
  fixture.reactor.advance(10_000);
  assertEquals(events, [], "an interface on another port");
  fixture.downs[0]!({ ...link, gid: GID });
  fixture.reactor.advance(10_000);
  assertEquals(events, [
    ...["left 20000", "left 20250", "left 20750", "left 21500", "left 24000"],
    "gone 24000",
  ]);
});

Deno.test("SharedPort without a lock file detects no other processes, and logs the failure once", () => {
  const fixture = new Fixture();
  lines.length = 0;
  fixture.file.open = () => {
    throw new IpoibError("E_LOCK", 'Cannot open lock file "x"', { errno: 30 });
  };
  const { port } = fixture.process();
  port.hold(BROADCAST);
  assertEquals(port.tryLeave(BROADCAST), "none");
  port.free(BROADCAST);
  assertEquals(lines, [
    'ib0: warning: Cannot open lock file "x": other processes on the port are not detected and lose their multicast groups when this one ends',
  ]);
});

Deno.test("openSharedPort() with the same lock file detects the other interface", () => {
  const directory = Deno.makeTempDirSync();
  const open = () => {
    using netns = ownNamespace();
    return openSharedPort(new FakeReactor(), "ib0", () => GID, {
      locks: `${directory}/ibx0-1.locks`,
      netns: netns.number,
    });
  };
  const [a, b] = [open(), open()];
  a.hold(BROADCAST);
  b.hold(BROADCAST);
  assertEquals(a.tryLeave(BROADCAST), "process");
  assertEquals(b.tryLeave(BROADCAST), "none");
  a.close();
  b.close();
  Deno.removeSync(directory, { recursive: true });
});
