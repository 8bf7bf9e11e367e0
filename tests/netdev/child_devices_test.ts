/** Creation and deletion of the network devices of children: real TAPs and programs, and the device thread. */

import { assert, assertEquals } from "@std/assert";
import { TapChildDevices } from "../../src/daemon/child_devices.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { FakeSendMemory } from "../../src/hca/fake_memory.ts";
import type { Netdev } from "../../src/netdev/netdev.ts";
import {
  getLink,
  linkRequest,
  RTM_DELLINK,
} from "../../src/netdev/rtnetlink/link_message.ts";
import { NLM_F_ACK } from "../../src/netdev/rtnetlink/message.ts";
import { attachTap } from "../../src/netdev/tap/adopt_tap.ts";
import { deviceKeeper } from "../../src/netdev/tap/keeper.ts";
import { openTap } from "../../src/netdev/tap/open_tap.ts";
import type { Tap } from "../../src/netdev/tap/tap.ts";
import { withNamespace } from "../../src/system/namespace.ts";
import { programTest } from "./next_hop_program/support.ts";
import { indexOf, openTestNetdev, TestNamespace } from "./support.ts";

const NEXT_HOPS = { nextHops: "program" } as const;

/** A parent in a new namespace, and the devices of its children, which must have the next-hop program. */
class Scene implements Disposable {
  readonly netns = new TestNamespace();
  readonly parent = openTestNetdev(this.netns, NEXT_HOPS);
  readonly devices = new TapChildDevices(
    this.netns.reactor,
    this.parent,
    { ...NEXT_HOPS, keeper: deviceKeeper("persist", undefined) },
  );
  child: Netdev | undefined;
  error: unknown;

  /** Starts the creation of the child `kid`, with the device of an earlier process if given. */
  create(use?: () => never, left?: Tap): void {
    this.devices.create("kid", (open) => {
      use?.();
      // The device is down, so that no frame is read into the memory.
      return open("kid", new FakeSendMemory(0n, 1, []));
    }, left).start(
      (child) => this.child = child,
      (error) => this.error = error,
    );
  }

  /** Returns the persistent device `kid` of an earlier process. */
  leave(): Tap {
    return withNamespace(this.netns.fd, () => {
      {
        using tap = openTap({ name: "kid", offload: 0 });
        assert(tap.setPersistent(true));
      }
      return attachTap("kid")!;
    });
  }

  /** Runs the reactor until the creation has ended. */
  ended(): boolean {
    return this.netns.until(() =>
      this.child !== undefined || this.error !== undefined
    );
  }

  exists(ifindex: number): boolean {
    return getLink(this.parent.config.requests, ifindex) !== undefined;
  }

  get kid(): number {
    return indexOf(this.parent.config.requests, "kid");
  }

  [Symbol.dispose](): void {
    this.devices.close();
    this.parent.close();
    this.netns[Symbol.dispose]();
  }
}

programTest(
  "a child has the program, and is deleted by the device thread",
  () => {
    using scene = new Scene();
    scene.create();
    assert(scene.ended());
    const { kid, child } = scene;
    assertEquals(child?.nextHopSource, "program");
    child!.close();
    let deleted = false;
    scene.devices.afterDeletion({}).start(
      () => deleted = true,
      (error) => scene.error = error,
    );
    assert(scene.netns.until(() => deleted));
    assertEquals([scene.exists(kid), scene.error], [false, undefined]);
  },
);

programTest(
  "the creation fails if the device is deleted before its program is attached",
  () => {
    using scene = new Scene();
    scene.create();
    scene.parent.config.requests.request(
      linkRequest(RTM_DELLINK, scene.kid, 0, 0, NLM_F_ACK),
      "E_TEST",
      "delete kid",
    );
    assert(scene.ended());
    assert(scene.error instanceof IpoibError, String(scene.error));
    assertEquals(scene.child, undefined);
  },
);

programTest("the device is deleted if the child is refused", () => {
  using scene = new Scene();
  const refused = new IpoibError("E_TEST", "Refused");
  scene.create(() => {
    throw refused;
  });
  const { kid } = scene;
  assert(scene.ended());
  assertEquals(scene.error, refused);
  assert(scene.netns.until(() => !scene.exists(kid)));
});

programTest(
  "the data worker creates and deletes children if the device thread cannot be started",
  () => {
    using scene = new Scene();
    const { Worker } = globalThis;
    using _restored = {
      [Symbol.dispose]: () => void (globalThis.Worker = Worker),
    };
    globalThis.Worker = function () {
      throw new Error("Resource temporarily unavailable (os error 11)");
    } as unknown as typeof Worker;
    scene.create();
    const { kid, child } = scene;
    assertEquals(child?.nextHopSource, "program");
    child!.close();
    let deleted = false;
    scene.devices.afterDeletion({}).start(() => deleted = true, () => {});
    assertEquals([deleted, scene.exists(kid), scene.error], [
      true,
      false,
      undefined,
    ]);
  },
);

programTest("close() ends a creation and deletes its device", () => {
  using scene = new Scene();
  scene.create();
  const { kid } = scene;
  scene.devices.close();
  assertEquals(scene.exists(kid), false);
  assertEquals([scene.child, scene.error], [undefined, undefined]);
});

programTest(
  "a persistent device is deleted if the process ends before the child has it, or if the child is refused",
  () => {
    for (const end of ["close", "refuse"] as const) {
      using scene = new Scene();
      const left = scene.leave();
      const refuse = () => {
        throw new IpoibError("E_TEST", "Refused");
      };
      scene.create(end === "refuse" ? refuse : undefined, left);
      const { kid } = scene;
      if (end === "close") scene.devices.close();
      else assert(scene.ended());
      assert(scene.netns.until(() => !scene.exists(kid)), end);
    }
  },
);

programTest(
  "a persistent device outlives a process that leaves it before the child has it",
  () => {
    using scene = new Scene();
    scene.create(undefined, scene.leave());
    const { kid } = scene;
    scene.devices.leave();
    assert(scene.exists(kid));
  },
);
