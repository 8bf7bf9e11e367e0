/** Privileges of a running process: capabilities of all threads, no_new_privs, user. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  PERMISSIONS,
  programCommand,
  RUNTIME_OPTIONS,
} from "../../scripts/program.ts";
import { bundle } from "../../scripts/bundle.ts";
import { Capability } from "../../src/system/capability.ts";
import { startCapture } from "./harness/capture.ts";
import {
  type Host,
  labTest,
  must,
  run,
  startManager,
  until,
} from "./harness/mod.ts";

const TOP = new URL("../../", import.meta.url).pathname;

type Status = Record<string, string>;

const SETS = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];

function bits(...capabilities: number[]): bigint {
  return capabilities.reduce((set, each) => set | 1n << BigInt(each), 0n);
}

const { NetAdmin, SysAdmin, Bpf, PerfMon } = Capability;
const ROUTES = bits(NetAdmin, SysAdmin);
const PROGRAM = ROUTES | bits(Bpf, PerfMon);

/** Returns /proc/PID/task/TID/status of each thread, sorted by TID. */
async function threads(pid: number): Promise<Status[]> {
  const found: Status[] = [];
  const folder = `/proc/${pid}/task`;
  for await (const { name } of Deno.readDir(folder)) {
    const text = await Deno.readTextFile(`${folder}/${name}/status`);
    found.push(Object.fromEntries(
      text.split("\n").map((line) => line.split(/:\s+/) as [string, string]),
    ));
  }
  return found.sort((a, b) => Number(a.Pid) - Number(b.Pid));
}

/** Checks that no capability set of a thread exceeds `most`, and that no_new_privs is set. */
function assertAtMost(found: readonly Status[], most: bigint): void {
  for (const status of found) {
    assertEquals(status.NoNewPrivs, "1", status.Name);
    for (const set of SETS) {
      const has = BigInt(`0x${status[set]}`);
      assertEquals(has & ~most, 0n, `${status.Name} ${set} ${status[set]}`);
    }
  }
}

async function assertWorks(host: Host, peer: Host): Promise<void> {
  await until("the peer to reach the host", () => peer.reaches(host));
  const made = await host.ipoib("child", "create", "0x8001");
  assertEquals([made.code, made.stderr], [0, ""]);
  assert(await host.hasDevice("ib0.8001"));
  const set = await host.ipoib("link", "set", "ib0", "mtu", "1500");
  assertEquals(set.code, 0);
}

for (
  const [args, most] of [
    [[], PROGRAM],
    [["--next-hops", "routes"], ROUTES],
  ] as const
) {
  labTest(
    `Every thread has only the capabilities that it needs: up ${
      args.join(" ")
    }`,
    async (lab) => {
      const [host, peer] = await lab.running(2, args);
      for (const { daemon } of [host, peer]) {
        const found = await threads(daemon.pid);
        assertAtMost(found, most);
        const [main] = found;
        for (const set of ["CapPrm", "CapEff"]) {
          assertEquals(BigInt(`0x${main![set]}`), bits(NetAdmin));
        }
      }
      await assertWorks(host, peer);
      // The threads of a subnet manager that starts later have no other capabilities.
      const manager = (await host.call("subnet.show", {})).manager.pid;
      const [first, second] = manager === host.daemon.pid
        ? [host, peer]
        : [peer, host];
      first.daemon.kill("SIGKILL");
      await until(
        "the other process to take over the manager",
        async () => {
          const { stdout } = await second.ipoib("subnet", "show", "-j");
          return stdout.includes(`"pid":${second.daemon.pid},"host"`);
        },
      );
      assertAtMost(await threads(second.daemon.pid), most);
    },
  );
}

labTest(
  "--netns accepts the PID of a process in the namespace",
  async (lab) => {
    const [peer] = await lab.running(1);
    const there = lab.start(["unshare", "-n", "sleep", "600"]);
    await there.becomes("sleep");
    const netns = String(there.pid);
    const up = await lab.ipoib(
      ...["up", "ib0", "--hca", "soft", "--background", "--netns", netns],
    );
    assertEquals([up.code, up.stdout], [0, ""]);
    const show = await lab.ipoib("link", "show", "-jd", "-n", netns);
    const [{ pid }] = JSON.parse(show.stdout);
    assertAtMost(await threads(pid), PROGRAM);
    assertEquals((await lab.ipoib("down", "-n", netns)).code, 0);
    assertEquals((await peer.link()).state, "running");
  },
);

labTest("subnet run runs without capabilities", async (lab) => {
  const subnet = await startManager(lab);
  assertAtMost(await threads(subnet.pid), 0n);
  const [host] = await lab.running(1);
  assertEquals((await host.link()).state, "running");
  subnet.kill("SIGTERM");
  assertEquals(await subnet.exit(), 0);
});

labTest("up --user runs the process as the given user", async (lab) => {
  const [host, peer] = await lab.hosts(2);
  await must(["chown", "nobody", lab.runtime]);
  const command = withTun(await forEveryone(lab.runtime));
  for (const each of [host, peer]) {
    await each.up({ command, args: ["--user", "nobody"] });
  }
  const { stdout } = await run(["id", "-u", "nobody"]);
  const uid = stdout.trim();
  const found = await threads(host.daemon.pid);
  assertAtMost(found, PROGRAM);
  for (const { Uid, Groups, Name } of found) {
    assertEquals(Uid, [uid, uid, uid, uid].join("\t"), Name);
    assert(!Groups!.split(" ").includes("0"));
  }
  await assertWorks(host, peer);
  const capture = await startCapture(host, "-c", "2", "icmp");
  await host.reaches(peer);
  assertEquals(await capture.exit(), 0);
  await must(["ip", "netns", "del", host.namespace]);
  assertEquals(await host.daemon.exit(), 0);
  const down = await lab.ipoib("down", "--pid", String(peer.daemon.pid));
  assertEquals([down.code, down.stderr], [0, ""]);
});

labTest("another user may not capture, and reads why", async (lab) => {
  const [host] = await lab.running(1);
  // The runtime directory is for root only, and the program for all.
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  try {
    const program = await forEveryone(folder);
    const { code, stderr } = await run([
      ...["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"],
      ...[...program, "capture", "ib0", "-n", host.namespace],
    ], { env: lab.env });
    assertEquals(code, 2, stderr);
    assertEquals(
      stderr,
      `ipoib: Permission denied on directory "${host.sockets}" (run the command as the user that owns it, or as root)\n`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

labTest(
  "up --user reports an unknown user, and a runtime directory that the user does not own",
  async (lab) => {
    const [host] = await lab.hosts(1);
    const refused = async (user: string) => {
      const words = ["up", "ib0", "--hca", "soft", "--user", user];
      const { code, stderr } = await host.ipoib(...words);
      assertEquals(code, 2);
      return stderr;
    };
    assertStringIncludes(
      await refused("no-such-user"),
      'ipoib: User "no-such-user" does not exist',
    );
    assertStringIncludes(
      await refused("nobody"),
      `ipoib: User "nobody" does not own the runtime directory "${lab.runtime}"`,
    );
  },
);

/**
 * Returns a command that runs in a mount namespace where all users may open /dev/net/tun, as with the rules of udev.
 * Mounts of network namespaces propagate into it.
 */
function withTun(command: readonly string[]): string[] {
  const script = [
    "mount -t tmpfs tmpfs /dev/net",
    "mknod -m 666 /dev/net/tun c 10 200",
    'exec "$@"',
  ].join(" && ");
  return [
    ...["unshare", "--mount", "--propagation", "slave"],
    ...["sh", "-c", script, "sh", ...command],
  ];
}

/** Copies the program to where every user may read it: the executable, or a bundle and a copy of Deno. */
async function forEveryone(folder: string): Promise<string[]> {
  const [program] = programCommand();
  const copy = `${folder}/${program.split("/").at(-1)}`;
  await must(["cp", "-L", "--reflink=auto", program, copy]);
  await must(["chmod", "755", copy]);
  if (Deno.env.get("IPOIB_BINARY")) return [copy];
  const main = await bundle(TOP, `${folder}/bundle`);
  await must(["chmod", "-R", "a+rX", `${folder}/bundle`]);
  return [
    ...[copy, "run", "--quiet", "--no-config"],
    ...RUNTIME_OPTIONS,
    ...PERMISSIONS,
    main,
  ];
}
