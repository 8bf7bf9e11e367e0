/** A reload of the partitions beside TCP on the parent interface: a child stops and starts again. */

import { assertEquals, assertLess } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import {
  createChild,
  labTest,
  startPartitions,
  TcpFlow,
  until,
} from "./harness/mod.ts";

const ALL = "Default=0x7fff, ipoib : ALL=full ;\n";
const LAB = `${ALL}lab=0x0005, ipoib : ALL=full ;\n`;
const CHILD = "ib0.8005";
const PORT = 7001;
/** Maximum stall of the connection at normal machine speed. */
const STALL_MS = 1000;

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
    using flow = TcpFlow.open(a, b, PORT);
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
    const { received } = flow;
    await until("progress of TCP", () => flow.received > received);
    assertLess(flow.stallMs, patient(STALL_MS));
  },
);
