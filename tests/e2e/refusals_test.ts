/** Invalid commands fail with a one-line message and the documented exit code, and have no other effect. */

import { parentDirectory } from "../../src/ipc/runtime_directory.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { programCommand } from "../../scripts/program.ts";
import { type Lab, labTest, type Outcome, run } from "./harness/mod.ts";

/** Returns the error message on standard error. Checks that there is exactly one, and no stack trace. */
function errorMessage({ stderr }: Outcome): string {
  const messages = stderr.split("\n").filter((line) =>
    line.startsWith("ipoib: ")
  );
  assertEquals(messages.length, 1, stderr);
  assert(!stderr.includes("    at "), stderr);
  return messages[0]!;
}

function ipoib(lab: Lab, ...words: string[]): string[] {
  return [
    "env",
    `IPOIB_RUNTIME_DIR=${lab.runtime}`,
    ...programCommand(),
    ...words,
  ];
}

labTest(
  "up refuses a name that is in use in the namespace, but not one in use in another namespace",
  async (lab) => {
    const [a, b] = await lab.running(2);
    assert(await a.reaches(b));
    const again = await a.ipoib("up", "ib0", "--hca", "soft");
    assertEquals(again.code, 2);
    assertMatch(errorMessage(again), /ib0 is already running/);
    const background = await a.ipoib("up", "ib0", "--background");
    assertEquals(background.code, 2);
    assertMatch(errorMessage(background), /ib0 is already running/);
    assertEquals(await a.ping(b), { sent: 5, received: 5 });

    // A device of another program.
    await a.ip("link", "add", "other", "type", "veth", "peer", "another");
    const taken = await a.ipoib("up", "other", "--hca", "soft");
    assertEquals(taken.code, 2);
    assertMatch(errorMessage(taken), /other/);
    await a.ip("link", "show", "other");
    const { ports } = await b.call("subnet.show", {});
    assertEquals(ports.length, 2);
  },
);

labTest("A namespace that does not exist is an error", async (lab) => {
  for (const command of [["up", "ib0"], ["link", "show"]]) {
    const outcome = await lab.ipoib(...command, "-n", "no-such-namespace");
    assertEquals(outcome.code, 2);
    assertMatch(errorMessage(outcome), /no-such-namespace/);
  }
});

labTest(
  "A runtime directory that is writable by others, or a symbolic link, is refused",
  async (lab) => {
    const [a] = await lab.hosts(1);
    const refused = async (pattern: RegExp) => {
      for (const more of [[], ["--background"]]) {
        const up = await a.ipoib("up", "ib0", "--hca", "soft", ...more);
        assertEquals(up.code, 2);
        assertMatch(errorMessage(up), pattern);
      }
      const subnet = await lab.ipoib("subnet", "run");
      assertEquals(subnet.code, 2);
      assertMatch(errorMessage(subnet), pattern);
    };
    await Deno.chmod(lab.runtime, 0o777);
    await refused(/Directory .* is writable by other users \(chmod go-w /);
    await Deno.chmod(lab.runtime, 0o700);
    const elsewhere = `${lab.runtime}/elsewhere`;
    await Deno.mkdir(elsewhere, { mode: 0o700 });
    await Deno.symlink(elsewhere, `${lab.runtime}/subnet`);
    await refused(/Directory .*subnet" is a symbolic link/);
    assertEquals(await Array.fromAsync(Deno.readDir(elsewhere)), []);
    assertEquals(await a.hasDevice("ib0"), false);
  },
);

labTest("A log is not written through a symbolic link", async (lab) => {
  const [a] = await lab.hosts(1);
  const target = `${lab.runtime}/target`;
  await Deno.writeTextFile(target, "unchanged");
  await Deno.mkdir(parentDirectory(a.logFile), { recursive: true });
  await Deno.symlink(target, a.logFile);
  const up = await a.ipoib("up", "ib0", "--hca", "soft", "--background");
  assertEquals(up.code, 2);
  assertMatch(errorMessage(up), /ib0\.log/);
  assertEquals(await Deno.readTextFile(target), "unchanged");
  assertEquals(await a.hasDevice("ib0"), false);
});

labTest(
  "up and subnet run report a limit of open files that is too low",
  async (lab) => {
    const [a] = await lab.hosts(1);
    const limited = (limit: number, ...words: string[]) =>
      run([
        ...["sh", "-c", `ulimit -n ${limit}; exec "$@"`, "sh"],
        ...ipoib(lab, ...words),
      ]);
    const up = ["up", "ib0", "-n", a.namespace, "--hca", "soft"];
    for (const limit of [32, 40, 60, 95]) {
      for (const words of [up, [...up, "--background"]]) {
        const outcome = await limited(limit, ...words);
        assertEquals(outcome.code, 2, outcome.stderr);
        assertMatch(
          errorMessage(outcome),
          /An interface needs 96 open files, but the limit is \d+ \(.*ulimit/,
        );
      }
      if (limit >= 64) continue;
      const subnet = await limited(limit, "subnet", "run");
      assertEquals(subnet.code, 2, subnet.stderr);
      assertMatch(
        errorMessage(subnet),
        /The subnet manager needs 64 open files/,
      );
    }
    assertEquals(await a.hasDevice("ib0"), false);
    // The documented minimum is sufficient.
    const minimum = await limited(96, ...up, "--background");
    assertEquals(minimum.code, 0, minimum.stderr);
    assertEquals((await a.ipoib("down", "ib0")).code, 0);
  },
);

labTest("up reports that /dev/net/tun does not exist", async (lab) => {
  const [a] = await lab.hosts(1);
  const outcome = await run([
    ...["unshare", "--mount", "sh", "-c"],
    'mount -t tmpfs none /dev/net && exec "$@"',
    "sh",
    ...ipoib(lab, "up", "ib0", "-n", a.namespace, "--hca", "soft"),
  ]);
  assertEquals(outcome.code, 2, outcome.stderr);
  assertMatch(errorMessage(outcome), /\/dev\/net\/tun/);
});

labTest("up reports that CAP_NET_ADMIN is missing", async (lab) => {
  const [a] = await lab.hosts(1);
  for (const more of [[], ["--background"]]) {
    const outcome = await a.run([
      ...["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"],
      ...ipoib(lab, "up", "ib0", "--hca", "soft", ...more),
    ]);
    assertEquals(outcome.code, 2, outcome.stderr);
    assertMatch(errorMessage(outcome), /needs CAP_NET_ADMIN/);
  }
});

labTest(
  "Invalid arguments print the usage and exit with 1, an interface that is not running exits with 3",
  async (lab) => {
    const [a] = await lab.running(1);
    for (
      const words of [
        ["fly"],
        ["up", "a/b"],
        ["up", "ib1", "--subnet-mtu", "1500"],
        ["up", "ib1", "--hca", "soft:../x"],
        ["up", "ib1", "--mtu", "many"],
        ["up", "ib1", "--guid", "0"],
        ["child", "create", "0x8000"],
        ["child", "create"],
        ["link", "set", "ib0", "sideways"],
        ["get", "ib0", "mode", "datagram"],
      ]
    ) {
      const outcome = await a.ipoib(...words);
      assertEquals([words, outcome.code], [words, 1]);
      assertMatch(outcome.stderr, /^ipoib: .+\nusage: ipoib .+\n$/);
    }
    for (
      const words of [
        ["down", "ib7"],
        ["link", "show", "ib7"],
        ["neigh", "show", "ib7"],
        ["get", "ib7", "mtu"],
      ]
    ) {
      const outcome = await a.ipoib(...words);
      assertEquals([words, outcome.code], [words, 3]);
      assertMatch(errorMessage(outcome), /not running/);
    }
    const { code } = await a.ipoib("get", "ib0", "no_such_file");
    assertEquals(code, 2);
  },
);
