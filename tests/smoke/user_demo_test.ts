/**
 * The demo without root: it restarts itself in a user namespace if the system permits that, otherwise it prints the
 * reason.
 *
 * The test runs as root and starts the demo as "nobody", with copies of files that only root may be able to read. A
 * mount namespace provides a /dev/net/tun that is accessible to all users, as on most systems.
 */

import { assertEquals, assertMatch, fail } from "@std/assert";
import { DEMO_PERMISSIONS } from "../../scripts/program.ts";

const NOBODY = "65534";
const PROJECT = ["deno.json", "deno.lock", "main.ts", "src", "ffi", "scripts"];

async function run(program: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args })
    .output();
  const decoder = new TextDecoder();
  assertEquals(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout);
}

/** Copies Deno, the project and its libraries to a directory that belongs to "nobody". */
async function prepare(folder: string): Promise<void> {
  const top = new URL("../../", import.meta.url).pathname;
  const { npmCache } = JSON.parse(await run(Deno.execPath(), "info", "--json"));
  await run("mkdir", "-p", `${folder}/home/.cache/deno`, `${folder}/tmp`);
  await run("cp", Deno.execPath(), `${folder}/deno`);
  await run("cp", "-r", npmCache, `${folder}/home/.cache/deno/`);
  await run("cp", "-r", ...PROJECT.map((name) => top + name), folder);
  await run("chown", "-R", `${NOBODY}:${NOBODY}`, folder);
}

/** Returns the command that runs the demo as "nobody", with a /dev/net/tun of this mode. */
function demo(folder: string, mode: string): Deno.Command {
  const script = [
    `mount -t tmpfs tmpfs "${folder}/tun"`,
    `mknod -m ${mode} "${folder}/tun/tun" c 10 200`,
    `mount --bind "${folder}/tun/tun" /dev/net/tun`,
    `exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups "$@"`,
  ].join(" && ");
  return new Deno.Command("unshare", {
    args: [
      "--mount",
      "--propagation=private",
      "sh",
      "-c",
      script,
      "sh",
      `${folder}/deno`,
      "run",
      "--quiet",
      ...DEMO_PERMISSIONS,
      `${folder}/scripts/demo.ts`,
    ],
    clearEnv: true,
    env: {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: `${folder}/home`,
      TMPDIR: `${folder}/tmp`,
      NO_COLOR: "1",
    },
    cwd: folder,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** True if the system permits "nobody" to create the namespaces of the demo. */
async function allowed(): Promise<boolean> {
  const { success } = await new Deno.Command("setpriv", {
    args: [
      `--reuid=${NOBODY}`,
      `--regid=${NOBODY}`,
      "--clear-groups",
      "unshare",
      "--user",
      "--map-root-user",
      "--net",
      "true",
    ],
  }).output();
  return success;
}

async function withFolder(body: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "ipoib-user-" });
  try {
    await Deno.chmod(folder, 0o755);
    await Deno.mkdir(`${folder}/tun`);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("The demo without root runs in a user namespace, or prints the reason why it cannot", async () => {
  await withFolder(async (folder) => {
    await prepare(folder);
    const child = demo(folder, "666").spawn();
    let text = "";
    let interrupted = false;
    const reader = child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
      // The streams have started. demo_test.ts covers the rest.
      if (!interrupted && /alpha -> beta +1 s /.test(text)) {
        interrupted = true;
        child.kill("SIGINT");
      }
    }
    const errors = await new Response(child.stderr).text();
    const { code } = await child.status;
    if (await allowed()) {
      assertEquals([code, errors], [130, ""], text);
      assertMatch(text, /alpha -> beta( +\S+ \/){2} /);
    } else {
      assertEquals(code, 2);
      assertMatch(errors, /^The demo needs root, because .+\n$/);
    }
    for await (const { name } of Deno.readDir(`${folder}/tmp`)) {
      fail(`The demo left ${name}`);
    }
  });
});

Deno.test("The demo without root prints an error if /dev/net/tun is not accessible", async () => {
  await withFolder(async (folder) => {
    await prepare(folder);
    const { code, stdout, stderr } = await demo(folder, "600").output();
    const decoder = new TextDecoder();
    assertEquals([code, decoder.decode(stdout), decoder.decode(stderr)], [
      2,
      "",
      "The demo needs root, because other users may not open /dev/net/tun\n",
    ]);
  });
});
