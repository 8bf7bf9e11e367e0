import { assertEquals } from "@std/assert";
import { StatusLine } from "../../src/base/status_line.ts";
import { StartProgress } from "../../src/daemon/start_progress.ts";

Deno.test("the progress of a start names the interfaces that do not run, or all if only the configuration is missing", () => {
  const status = new StatusLine({ write: () => {}, columns: undefined });
  using progress = new StartProgress(status);
  progress.set("ib0", "starting");
  progress.set("ib1", "waiting for the subnet manager");
  assertEquals(
    progress.text,
    "ib0: starting; ib1: waiting for the subnet manager",
  );
  progress.set("ib0", "running");
  assertEquals(progress.text, "ib1: waiting for the subnet manager");
  progress.set("ib1", "running");
  assertEquals(progress.text, "ib0, ib1: starting");
});
