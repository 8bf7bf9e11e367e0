/** The other users of a port: processes by their locks, the kernel's interfaces by what rtnetlink says. */

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

const lines: string[] = [];
await configureLog("info", {
  write: (text) => void lines.push(text.trimEnd()),
});

const GID = gidFrom(0xfe80n << 48n, 7n);
const BROADCAST = { mgid: broadcastMgid(0xffff), joinState: 1 };
const SEND_ONLY = { mgid: broadcastMgid(0xffff), joinState: 8 };
const CHILD = { mgid: broadcastMgid(0x8001), joinState: 1 };

/** Locks of one file as the kernel has them: who shares a byte, and who has it alone. */
class FakeLockFile {
  readonly shared = new Map<bigint, Set<object>>();
  readonly claimed = new Map<bigint, object>();

  open() {
    const self = {};
    const free = (offset: bigint) => {
      this.shared.get(offset)?.delete(self);
      if (this.claimed.get(offset) === self) this.claimed.delete(offset);
    };
    return {
      share: (offset: bigint) => {
        const owner = this.claimed.get(offset);
        if (owner && owner !== self) return false;
        free(offset);
        this.shared.set(
          offset,
          (this.shared.get(offset) ?? new Set()).add(self),
        );
        return true;
      },
      claim: (offset: bigint) => {
        const owner = this.claimed.get(offset);
        const others = [...this.shared.get(offset) ?? []]
          .some((each) => each !== self);
        if ((owner && owner !== self) || others) return false;
        free(offset);
        this.claimed.set(offset, self);
        return true;
      },
      free,
      close: () => {
        for (const offset of [...this.shared.keys(), ...this.claimed.keys()]) {
          free(offset);
        }
      },
    };
  }
}

/** A port, and the processes on it. */
class Scene {
  readonly reactor = new FakeReactor();
  readonly file = new FakeLockFile();
  /** Interfaces of the kernel that are up. */
  readonly up: { gid: Uint8Array; pkey: number }[] = [];
  readonly downs: ((link: IpoibLink) => void)[] = [];

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
    const heard: string[] = [];
    port.onLeft = () => heard.push(`left ${this.reactor.clock.now()}`);
    port.onGone = () => heard.push(`gone ${this.reactor.clock.now()}`);
    return { port, heard };
  }
}

Deno.test("of several processes that hold a group the last one may leave it", () => {
  const scene = new Scene();
  const [a, b] = [scene.process().port, scene.process().port];
  a.hold(BROADCAST);
  b.hold(BROADCAST);
  b.hold(CHILD);
  assertEquals(a.tryLeave(BROADCAST), "process");
  assertEquals(b.tryLeave(BROADCAST), "none");
  assertEquals(a.tryLeave(CHILD), "process");
  // Each kind of join is by itself.
  b.hold(BROADCAST);
  a.hold(SEND_ONLY);
  assertEquals(a.tryLeave(SEND_ONLY), "none");
});

Deno.test("a process that has ended holds nothing", () => {
  const scene = new Scene();
  const [a, b] = [scene.process().port, scene.process().port];
  a.hold(BROADCAST);
  b.hold(BROADCAST);
  a.close();
  assertEquals(b.tryLeave(BROADCAST), "none");
});

Deno.test("a group that another process is leaving is held when that is over, and checked", () => {
  const scene = new Scene();
  const a = scene.process();
  const b = scene.process();
  a.port.hold(BROADCAST);
  assertEquals(a.port.tryLeave(BROADCAST), "none");
  b.port.hold(BROADCAST);
  scene.reactor.advance(1500);
  assertEquals([b.heard, scene.file.shared.size], [[], 1]);
  a.port.free(BROADCAST);
  scene.reactor.advance(1000);
  assertEquals(b.heard, ["left 2000"]);
  assertEquals(a.port.tryLeave(BROADCAST), "process");
  scene.reactor.advance(5000);
  assertEquals(b.heard.length, 1);
});

Deno.test("an interface of the kernel's holds the groups of its port and P_Key", () => {
  const scene = new Scene();
  const { port } = scene.process();
  scene.up.push({ gid: GID, pkey: 0xffff });
  port.hold(BROADCAST);
  port.hold(CHILD);
  assertEquals([port.tryLeave(BROADCAST), port.tryLeave(CHILD)], [
    "kernel",
    "none",
  ]);
  // What is not left is not in the way of others.
  assertEquals(scene.process().port.tryLeave(BROADCAST), "kernel");
});

Deno.test("when an interface of the kernel's goes down memberships are checked at once, and until its leaves are over", () => {
  const scene = new Scene();
  const { heard } = scene.process();
  const link = { ifindex: 3, up: true, pkey: 0xffff };
  scene.reactor.advance(10_000);
  scene.downs[0]!({ ...link, gid: gidFrom(0xfe80n << 48n, 8n) });
  scene.reactor.advance(10_000);
  assertEquals(heard, [], "on another port");
  scene.downs[0]!({ ...link, gid: GID });
  scene.reactor.advance(10_000);
  assertEquals(heard, [
    ...["left 20000", "left 20250", "left 20750", "left 21500", "left 24000"],
    "gone 24000",
  ]);
});

Deno.test("without locks the port goes on as if it were alone, and logs that once", () => {
  const scene = new Scene();
  lines.length = 0;
  scene.file.open = () => {
    throw new IpoibError("E_LOCK", 'Cannot open lock file "x"', { errno: 30 });
  };
  const { port } = scene.process();
  port.hold(BROADCAST);
  assertEquals(port.tryLeave(BROADCAST), "none");
  port.free(BROADCAST);
  assertEquals(lines, [
    'ib0: warning: Cannot open lock file "x": other processes on the port are not seen, which lose their groups when this one ends',
  ]);
});

Deno.test("two interfaces on one lock file know each other, whatever namespaces can be seen", () => {
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
