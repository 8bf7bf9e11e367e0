/** Children in other network namespaces than their parent, as in containers. */

import { assert, assertEquals } from "@std/assert";
import type { LinkRecord } from "../../src/ipc/schema.ts";
import { Host, labTest, must, until } from "./harness/mod.ts";

function children(host: Host): Promise<unknown[]> {
  return host.show<unknown[]>("child", "list");
}

labTest(
  "Commands and the end of a namespace concern only the child of that name in the namespace",
  async (lab) => {
    const [parent] = await lab.running(1);
    const pods: Host[] = [];
    for (const pkey of ["0x8001", "0x8002"]) {
      const pod = new Host(lab, await lab.namespace(), "");
      pods.push(pod);
      await parent!.ipoib("child", "create", pkey);
      const child = `ib0.${pkey.slice(2)}`;
      await parent!.ip("link", "set", child, "netns", pod.namespace);
      await pod.ip("link", "set", child, "name", "eth0");
    }
    const [first, second] = pods as [Host, Host];
    const pkeyOf = (pod: Host) =>
      until("the child in its namespace", async () => {
        const { code, stdout } = await pod.ipoib("get", "eth0", "pkey");
        return code === 0 ? stdout.trim() : undefined;
      });
    assertEquals([await pkeyOf(first), await pkeyOf(second)], [
      "0x8001",
      "0x8002",
    ]);

    // Each has its own events, and each event is printed once.
    const moved = async (...words: string[]) =>
      (await lab.ipoib("events", "link", ...words)).stdout.split("\n")
        .filter((line) => line.includes(" eth0 link renamed "));
    for (const pod of pods) {
      assertEquals((await moved("-n", pod.namespace)).length, 1);
      assertEquals((await moved("-n", pod.namespace, "eth0")).length, 1);
    }
    assertEquals((await moved("-n", parent.namespace)).length, 0);
    assertEquals((await moved("-a")).length, 2);

    await must(["ip", "netns", "del", second.namespace]);
    await until(
      "the deletion of the second child",
      async () => (await children(parent!)).length === 1,
    );
    assertEquals(await pkeyOf(first), "0x8001");
    assertEquals((await first.ipoib("link", "del", "eth0")).code, 0);
    assertEquals(await children(parent!), []);
  },
);

labTest(
  "A child is moved to the namespace of a process by its PID, and stays there in an upgrade of its process",
  async (lab) => {
    const [parent] = await lab.running(1);
    await parent.ipoib("child", "create", "0x8001");
    const container = lab.start(["unshare", "-n", "sleep", "600"]);
    await container.becomes("sleep");
    const pid = String(container.pid);
    const moved = await parent.ipoib(
      ...["link", "set", "ib0.8001", "netns", pid],
    );
    assertEquals(moved.code, 0, moved.stderr);
    const inside = (...words: string[]) =>
      must(["nsenter", "-t", pid, "-n", ...words]);
    await inside("ip", "addr", "add", "10.8.0.1/24", "dev", "ib0.8001");
    await inside("ip", "link", "set", "ib0.8001", "up");
    const state = () =>
      until("the child to run", async () => {
        const words = ["link", "show", "ib0.8001", "-j", "-n", pid];
        const { code, stdout } = await lab.ipoib(...words);
        const [link] = code === 0 ? JSON.parse(stdout) : [];
        return link?.state === "running" ? link : undefined;
      });
    const before = await state();
    const { code, stderr } = await parent.ipoib("upgrade", "ib0");
    assertEquals(code, 0, stderr);
    const after = await state();
    assertEquals(after.ifindex, before.ifindex);
    const addresses = await inside("ip", "-br", "addr", "show", "ib0.8001");
    assert(addresses.includes("10.8.0.1/24"), addresses);
  },
);

labTest(
  "A child in a container may have the name of its parent: its state and its end are its own",
  async (lab) => {
    const [parent] = await lab.running(1);
    const pod = new Host(lab, await lab.namespace(), "");
    await parent.ipoib("child", "create", "0x8001");
    await parent.ip("link", "set", "ib0.8001", "netns", pod.namespace);
    await pod.ip("link", "set", "ib0.8001", "name", "ib0");
    await until(
      "the child in its namespace",
      async () => (await pod.ipoib("get", "ib0", "pkey")).stdout === "0x8001\n",
    );
    // The child is down, the parent runs: an upgrade waits for the parent if it is ready before.
    // By PID from another namespace, as systemd does.
    const { pid } = await parent.link();
    const upgraded = await lab.ipoib("upgrade", "--pid", String(pid));
    assertEquals(upgraded.code, 0, upgraded.stderr);
    const [link] = await parent.show<LinkRecord[]>("link", "show", "ib0");
    assertEquals(link!.state, "running");
    await until(
      "the child in its namespace",
      async () => (await pod.ipoib("get", "ib0", "pkey")).stdout === "0x8001\n",
    );
    assertEquals((await pod.ipoib("down", "ib0")).code, 0);
    assertEquals(await children(parent), []);
    const [still] = await parent.show<LinkRecord[]>("link", "show", "ib0");
    assertEquals(still!.state, "running");
  },
);
