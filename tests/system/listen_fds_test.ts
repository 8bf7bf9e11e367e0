/** Descriptors that a service manager passes: in a process that a shell starts with descriptors 3 and 4. */

import { assertEquals } from "@std/assert";

const MODULE = new URL("../../src/system/listen_fds.ts", import.meta.url);
const CODE = `
const { takeListenFds } = await import(${JSON.stringify(MODULE.href)});
const taken = takeListenFds();
const names = [...taken].map(([name, fd]) => [name, fd.number]);
const again = takeListenFds().size;
console.log(JSON.stringify([names, again, Deno.env.get("LISTEN_FDS") ?? ""]));
`;

/** Returns what a process with these variables takes. `$$` is the PID of the process. */
async function taken(variables: string): Promise<unknown> {
  const { stdout } = await new Deno.Command("bash", {
    args: [
      "-c",
      `export ${variables}; exec 3</dev/null 4</dev/null; exec "$@"`,
      "bash",
      ...[Deno.execPath(), "eval", "--no-check", CODE],
    ],
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("takeListenFds() returns descriptors by name, once", async () => {
  assertEquals(
    await taken("LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=ib0.7:ib0.8001.8"),
    [[["ib0.7", 3], ["ib0.8001.8", 4]], 0, ""],
  );
});

Deno.test("takeListenFds() returns nothing if the descriptors are for another process, or not given", async () => {
  assertEquals(
    await taken("LISTEN_PID=1 LISTEN_FDS=2 LISTEN_FDNAMES=a:b"),
    [[], 0, ""],
  );
  assertEquals(await taken("LISTEN_PID=$$ LISTEN_FDS=x"), [[], 0, ""]);
  assertEquals(await taken("LISTEN_PID=$$ LISTEN_FDS=-1"), [[], 0, ""]);
});
