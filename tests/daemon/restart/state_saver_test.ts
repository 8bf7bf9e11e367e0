import { assertEquals } from "@std/assert";
import { StateSaver } from "../../../src/daemon/restart/state_saver.ts";
import type { SavedInterface } from "../../../src/daemon/restart/saved_interface.ts";
import { saved } from "./records.ts";

/** A saver of a record whose debug level is the number of the fetch. */
function saver(): { saver: StateSaver; written: number[]; fail: () => void } {
  const written: number[] = [];
  let fetches = 0;
  let fails = false;
  const write = ({ debug }: SavedInterface) => {
    written.push(debug.debug);
    return Promise.resolve();
  };
  const fetch = async () => {
    const debug = { ...saved.debug, debug: ++fetches };
    await Promise.resolve();
    if (fails) throw new Error("The data worker is ending");
    return { ...saved, debug };
  };
  return {
    saver: new StateSaver({ write }, fetch),
    written,
    fail: () => fails = true,
  };
}

Deno.test("StateSaver saves all changes during a save once more, together", async () => {
  const { saver: each, written } = saver();
  await each.save();
  assertEquals(written, [1]);
  const save = each.save();
  each.save();
  each.save();
  await save;
  assertEquals(written, [1, 2, 3]);
});

Deno.test("StateSaver writes nothing if the record cannot be collected, and after close()", async () => {
  const { saver: each, written, fail } = saver();
  await each.save();
  fail();
  await each.save();
  assertEquals(written, [1]);

  const other = saver();
  void other.saver.save();
  await other.saver.close();
  await other.saver.save();
  assertEquals(other.written, []);
});
