/** A reload of the partitions beside iperf3 on the parent interface: a child stops and starts again. */

import { assert, assertEquals } from "@std/assert";
import {
  createChild,
  iperfServer,
  labTest,
  startPartitions,
  until,
} from "./harness/mod.ts";

const ALL = "Default=0x7fff, ipoib : ALL=full ;\n";
const LAB = `${ALL}lab=0x0005, ipoib : ALL=full ;\n`;
const CHILD = "ib0.8005";
const SECONDS = 4;

interface Report {
  error?: string;
  intervals: { sum: { bytes: number } }[];
}

labTest(
  "subnet reload under load takes a P_Key away and gives it back; TCP on the parent has no pause of a second",
  async (lab) => {
    const [, file] = await startPartitions(lab, LAB);
    const [a, b] = await lab.running(2);
    for (const [i, host] of [a, b].entries()) {
      await createChild(host, "0x8005", `10.85.0.${i + 1}/24`);
      await host.call("wait", { name: CHILD });
    }
    await until("the children to connect", () => a.reaches("10.85.0.2"));
    await iperfServer(b);
    const load = a.run([
      ...["iperf3", "-J", "-c", b.address, "-t", `${SECONDS}`],
    ]);
    const state = async () => (await a.link(CHILD)).state;
    const reload = async (text: string) => {
      await Deno.writeTextFile(file, text);
      const { code, stderr } = await lab.ipoib("subnet", "reload");
      assertEquals([code, stderr], [0, ""]);
    };

    await reload(ALL);
    await until(
      "the child to stop",
      async () =>
        await state() === "waiting for P_Key 0x8005 in the port's table",
    );
    await reload(LAB);
    for (const host of [a, b]) await host.call("wait", { name: CHILD });
    await until("the children to connect", () => a.reaches("10.85.0.2"));

    const { error, intervals }: Report = JSON.parse((await load).stdout);
    assertEquals(error, undefined);
    assertEquals(intervals.length, SECONDS);
    for (const { sum } of intervals) assert(sum.bytes > 0);
  },
);
