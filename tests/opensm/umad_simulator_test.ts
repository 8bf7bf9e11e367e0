/** libibumad's end of the way of MADs against the real OpenSM, under ibsim: the descriptors there cannot be waited for. */

import { assert, assertEquals } from "@std/assert";
import { nodeName, portLid } from "../../scripts/opensm/fabric.ts";
import { missingPrograms, Simulator } from "../../scripts/opensm/simulator.ts";

const PRELOAD = `/usr/lib/${Deno.build.arch}-linux-gnu/umad2sim/libumad2sim.so`;

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

const missing = await missingPrograms();
if (!exists(PRELOAD)) missing.push("libumad2sim0");
const ignore = missing.length > 0;
const skipped = ignore
  ? ` (skipped: needs the Debian packages ${missing.join(" ")})`
  : "";

/** Runs the node program; what it printed. */
async function node(): Promise<Record<string, unknown>> {
  const program = new URL("umad_simulator_node.ts", import.meta.url).pathname;
  const folder = await Deno.makeTempDir({ prefix: "ipoib-ibsim-" });
  try {
    const { success, stdout, stderr } = await new Deno.Command(
      Deno.execPath(),
      {
        args: ["run", "--quiet", "--allow-ffi", "--allow-read", program],
        cwd: folder,
        env: { LD_PRELOAD: PRELOAD, SIM_HOST: nodeName(2) },
      },
    ).output();
    assert(success, new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: `the SA client over libibumad gets on with OpenSM${skipped}`,
  ignore,
  async fn() {
    const simulator = await Simulator.start();
    try {
      await simulator.startManager();
      const told = await node();
      assertEquals(told, {
        dlid: portLid(1),
        qkey: 0xb1b,
        mlid: 0xc000,
        refused: told.refused,
        left: true,
      });
      assert(told.refused !== undefined && told.refused !== 0);
    } finally {
      await simulator.stop();
    }
  },
});
