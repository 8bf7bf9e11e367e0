import { assertEquals, assertRejects } from "@std/assert";
import { Cleanup } from "../../../scripts/cleanup.ts";
import { withoutServices } from "../../../scripts/test/no_services.ts";

const FORBID = "#!/bin/sh\nexit 101\n";

async function withPolicy(
  body: (
    policy: () => string | undefined,
    install: (work: () => Promise<unknown>) => Promise<unknown>,
    path: string,
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/policy`;
  const policy = () => {
    try {
      return Deno.readTextFileSync(path);
    } catch {
      return undefined;
    }
  };
  const cleanup = new Cleanup();
  try {
    const install = (work: () => Promise<unknown>) =>
      withoutServices(() => true, cleanup, work, path);
    await body(policy, install, path);
    const left = policy();
    await cleanup.run();
    assertEquals(policy(), left);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("withoutServices() forbids the start of services only while its function runs, even if that fails", async () => {
  await withPolicy(async (policy, install, path) => {
    const seen = await install(() => {
      assertEquals(Deno.statSync(path).mode! & 0o100, 0o100);
      return Promise.resolve(policy());
    });
    assertEquals([seen, policy()], [FORBID, undefined]);
    await assertRejects(
      () => install(() => Promise.reject(new Error("no network"))),
      Error,
      "no network",
    );
    assertEquals(policy(), undefined);
  });
});

Deno.test("withoutServices() preserves an existing policy", async () => {
  await withPolicy(async (policy, install, path) => {
    await Deno.writeTextFile(path, "exit 0\n");
    const seen = await install(() => Promise.resolve(policy()));
    assertEquals([seen, policy()], ["exit 0\n", "exit 0\n"]);
  });
});
