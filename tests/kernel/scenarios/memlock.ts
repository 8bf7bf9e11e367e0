/**
 * A process without CAP_IPC_LOCK whose limit on locked memory allows some children only. The refused one waits and says
 * what helps; the parent and the other children keep their traffic.
 */

import { assert, assertEquals } from "@std/assert";
import { reregister } from "../../../scripts/rig/events.ts";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import { DEVICE } from "../../../scripts/rig/node.ts";
import { unanswered } from "../../../scripts/rig/ping.ts";
import { report } from "../../../scripts/rig/report.ts";
import { fullTest } from "../../../scripts/test/form.ts";

const LIMIT_KIB = 8192;
/** Lowers the limit for a command. */
const LIMITED = `prlimit --memlock=${
  LIMIT_KIB * 1024
} setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock`;
const MAX_CHILDREN = 10;
const FIRST_PKEY = 0x8001;
const PKEYS = Array.from({ length: MAX_CHILDREN }, (_, i) => FIRST_PKEY + i);
/** Children of both hosts, with their networks. */
const PEERS = [
  { name: "ib0.8001", pkey: 0x8001, net: "10.45.0" },
  { name: "ib0.8002", pkey: 0x8002, net: "10.47.0" },
];
const SIZES = [56, 2016];
/** Time limit of a join, and of a try after a refusal. The maximum back-off of both is 16 s. */
const JOIN_SECONDS = 40;
const REFUSAL =
  /the device refuses a queue pair: Too little locked memory for packets: \d+ bytes are needed, 8388608 are allowed \(raise the limit \(ulimit -l, or LimitMEMLOCK= of systemd\), or run with the capability CAP_IPC_LOCK\)/;

export function memlock(fabric: Fabric): void {
  const nameOf = (pkey: number) => `ib0.${pkey.toString(16)}`;
  const stateOf = async (name: string) => (await fabric.node.link(name)).state;

  /** Sets the entries of the P_Key table of ipoib's port that no other scenario has. */
  const setPkeys = (valueOf: (pkey: number) => number) =>
    fabric.c.must(
      PKEYS.slice(PEERS.length).map((pkey, i) =>
        `echo ${i + 1 + PEERS.length}:${valueOf(pkey)} > ${DEVICE}/pkey_table`
      ).join("\n"),
    );

  /** Waits until a child runs or is refused, and returns its state. */
  async function settled(name: string): Promise<string> {
    const end = performance.now() + fabric.c.patient(JOIN_SECONDS) * 1000;
    for (;;) {
      const state = await stateOf(name);
      if (state === "running" || REFUSAL.test(state)) return state;
      assert(performance.now() < end, `${name}: ${state}`);
    }
  }

  /** Creates children until one is refused. Returns the names of those that run, and that of the refused one. */
  async function createChildren(): Promise<{ run: string[]; refused: string }> {
    const { node } = fabric;
    const run: string[] = [];
    for (const [i, pkey] of PKEYS.entries()) {
      const name = nameOf(pkey);
      await node.child(pkey, `${PEERS[i]?.net ?? `10.48.${i}`}.3`);
      const state = await settled(name);
      if (state !== "running") return { run, refused: name };
      run.push(name);
    }
    throw new Error(`All of ${MAX_CHILDREN} children run`);
  }

  /** Checks the traffic of the parent and the first children in both directions. */
  async function assertTraffic(running: readonly string[]): Promise<void> {
    const { a, c } = fabric;
    const addresses = (host: number) =>
      PEERS.map(({ net }) => `${net}.${host}`);
    assertEquals(await unanswered(c, [KERNELS[0], ...addresses(1)], SIZES), []);
    assertEquals(await unanswered(a, [OURS, ...addresses(3)], SIZES), []);
    for (const name of ["ib0", ...running]) {
      assertEquals(await stateOf(name), "running", name);
    }
  }

  fullTest(
    `with ${LIMIT_KIB} KiB of locked memory, children are created until one is refused, which runs after another is deleted`,
    async () => {
      const { a, c, node } = fabric;
      await node.down();
      await a.must(`/rig/guest/sa 0xffff,${PKEYS.join(",")}`);
      for (const { name, net } of PEERS) {
        await a.must(`/rig/guest/kernel-ipoib ${name} ${net}.1/24`);
      }
      await setPkeys((pkey) => pkey);
      // Connections need more memory than the limit allows.
      await c.must("modprobe ib_cm");
      await reregister(fabric);
      try {
        await node.start("", LIMITED);
        await node.waitForLog("ib0: running", 60);
        await node.addAddress();
        const { run, refused } = await createChildren();
        report(
          `${run.length} children run with ${LIMIT_KIB} KiB of locked memory`,
        );
        assert(run.length > PEERS.length, `${run}`);
        assert(REFUSAL.test(await stateOf(refused)), await stateOf(refused));
        const shown = await c.must(`ipoib link show ${refused}`);
        assert(REFUSAL.test(shown), shown);
        await assertTraffic(run);

        await node.clearLog();
        const deleted = run.pop()!;
        await c.must(`ipoib child delete 0x${deleted.split(".")[1]}`);
        await node.waitForLog(`${refused}: running`, JOIN_SECONDS);
        await assertTraffic([...run, refused]);
      } finally {
        for (const { pkey } of PEERS) {
          await a.must(`echo ${pkey} > /sys/class/net/ib0/delete_child`);
        }
        if (node.started) await node.down();
        await c.must("rmmod ib_cm");
        await setPkeys(() => 0);
        await a.must("/rig/guest/sa");
        await reregister(fabric);
        await node.up();
      }
    },
  );
}
