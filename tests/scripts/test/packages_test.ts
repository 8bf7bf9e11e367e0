import { assertEquals } from "@std/assert";
import { packagesOf } from "../../../scripts/test/packages.ts";
import { until } from "../../e2e/harness/until.ts";

/** The scripts of the test runner. */
const SCRIPTS = new URL("../../../scripts/", import.meta.url).href;

/** An apt-get that ends half a second after a signal, and says whether services were forbidden then. */
const APT_GET = `#!/bin/sh
cd "\${0%/*}"
[ "$1" = install ] || exit 0
trap 'sleep 0.5; cat policy > seen; exit 1' INT
touch begun
n=600
while [ $((n -= 1)) -gt 0 ]; do sleep 0.1; done
`;

Deno.test("packagesOf() returns sorted packages without duplicates", () => {
  assertEquals(packagesOf(["wrk", "ip", "nginx", "ip"]), [
    "iproute2",
    "nginx-light",
    "wrk",
  ]);
});

Deno.test("a run that is terminated while it installs packages lets apt-get end, and then allows services", async () => {
  const folder = await Deno.makeTempDir();
  const isThere = (name: string) => {
    try {
      return Deno.statSync(`${folder}/${name}`).isFile;
    } catch {
      return false;
    }
  };
  await Deno.writeTextFile(`${folder}/apt-get`, APT_GET, { mode: 0o755 });
  const code = `
    import { workAndCleanUp } from "${SCRIPTS}cleanup.ts";
    import { install } from "${SCRIPTS}test/packages.ts";
    const end = await workAndCleanUp(
      async (cleanup) => void await install(["x"], cleanup, "${folder}/policy"),
      () => 1,
    );
    Deno.exit(end);`;
  const run = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", "--frozen", code],
    env: { PATH: `${folder}:${Deno.env.get("PATH")}` },
    stdin: "null",
  }).spawn();
  try {
    await until("apt-get", () => isThere("begun"));
    run.kill("SIGTERM");
    assertEquals((await run.status).code, 143);
    assertEquals([isThere("seen"), isThere("policy")], [true, false]);
    const seen = await Deno.readTextFile(`${folder}/seen`);
    assertEquals(seen.split("\n").at(-2), "exit 101");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
