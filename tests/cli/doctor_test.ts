/** Command `doctor` with fake processes: selection, exit codes, and its formats. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { IpoibError } from "../../src/base/errors.ts";
import type { NamedFinding } from "../../src/doctor/examine.ts";
import { renderDoctor } from "../../src/cli/render/doctor_text.ts";
import { styleOf } from "../../src/cli/render/style.ts";
import type { Handlers } from "../../src/ipc/server.ts";
import * as facts from "../doctor/facts.ts";
import { CliFixture, deny, forceColors } from "./support.ts";

/** Inode that no namespace has, so that the test reads no sysctls of the machine. */
const NOWHERE = 1;

/** Handlers of a process whose interface and subnet have no faults. */
function healthy(ifname = "ib0"): Handlers {
  const { counters, doctorRecord, broadcast, address } = {
    ...facts,
    counters: facts.iface.counters,
  };
  assert("value" in counters);
  const { before } = counters.value;
  return {
    "link.show": () => [{ ...facts.link, ifname, namespace: NOWHERE }],
    "stats": () => [{ ...before, ifname }],
    "doctor": () => ({ ...doctorRecord, ifname }),
    "addr.show": () => [{ ifname, addr_info: [address] }],
    "mcg.show": () => [{ ...broadcast, dev: ifname }],
  };
}

/** A fixture with a subnet manager. */
async function fixture(): Promise<CliFixture> {
  const cli = new CliFixture();
  const { record } = facts.subnet;
  assert("value" in record);
  await cli.subnet("default", {
    "subnet.show": () => record.value,
    "subnet.fault.show": () => ({ version: 0, rules: [], waiting: [] }),
  });
  return cli;
}

/** Returns the statuses of the findings in JSON, by check. */
function statuses(json: string): Record<string, string> {
  return Object.fromEntries(
    (JSON.parse(json) as NamedFinding[]).map(({ check, status }) => [
      check,
      status,
    ]),
  );
}

Deno.test("doctor examines host, interface and subnet, and exits with 0 if all is well", async () => {
  await using cli = await fixture();
  await cli.daemon("ib0", { handlers: healthy() });
  const { code, out, err } = await cli.run("doctor ib0");
  assertEquals([code, err], [0, ""]);
  assertEquals(out.match(/^\w.*$/gm)?.slice(0, 3), [
    "host",
    "ib0",
    "subnet default",
  ]);
  assertStringIncludes(out, "\n  ok       port            port of subnet");
  assertStringIncludes(out, " 0 warnings, 0 failures, 1 skipped\n");
  assertStringIncludes(out, "\n  skipped  sysctls ");
});

Deno.test("doctor exits with 4 for warnings, and with 5 for failures", async () => {
  await using cli = await fixture();
  const down = { ...facts.link, namespace: NOWHERE, flags: ["BROADCAST"] };
  const limited = {
    ...facts.link,
    namespace: NOWHERE,
    membership: "limited" as const,
  };
  for (
    const [name, link, code] of [["ib1", limited, 4], ["ib2", down, 5]] as const
  ) {
    await cli.daemon(name, {
      handlers: { ...healthy(name), "link.show": () => [link] },
    });
    assertEquals((await cli.run(`doctor ${name}`)).code, code);
  }
});

Deno.test("doctor without an interface examines all, or the host and the subnets if none runs", async () => {
  await using cli = await fixture();
  const none = await cli.run("doctor");
  assertEquals(none.code, 4);
  assertStringIncludes(none.out, "ipoib up ib0");
  assertStringIncludes(none.out, "\nsubnet default\n");
  await cli.daemon("ib0", { handlers: healthy() });
  await cli.daemon("ib1", { handlers: healthy("ib1"), netns: "blue" });
  await cli.daemon("ib2", { handlers: healthy("ib2") });
  const { out } = await cli.run("doctor");
  assertEquals(out.match(/^ib\d.*$/gm), ["ib0", "ib2"]);
  const all = await cli.run("-a doctor");
  assertEquals(all.out.match(/^ib\d.*$/gm), ["ib0", "ib2", "ib1 netns blue"]);
});

Deno.test("doctor names the namespace that is given, and how to run the remedies in it", async () => {
  await using cli = await fixture();
  await cli.daemon("ib0", { handlers: healthy(), netns: "blue" });
  await cli.daemon("ib0", { handlers: healthy(), netns: "4026539999" });
  const lineOf = async (words: string) => {
    const { out } = await cli.run(`-o ${words}`);
    return /^ok (.*) namespace: (.*)$/m.exec(out)?.slice(1);
  };
  const blue = "blue: ip netns exec blue COMMAND runs a command there";
  assertEquals(await lineOf("-n blue doctor"), ["ib0 netns blue", blue]);
  assertEquals(await lineOf("-n blue doctor ib0"), ["ib0 netns blue", blue]);
  assertEquals(await lineOf("-n 4026532281 doctor"), ["ib0 netns blue", blue]);
  assertEquals(await lineOf("-n 4026539999 doctor"), [
    "ib0 netns 4026539999",
    "4026539999: nsenter -t 4026539999 -n COMMAND runs a command there",
  ]);
  assertEquals(await lineOf("-a doctor"), ["ib0 netns blue", blue]);
  assertEquals(await lineOf("doctor"), undefined);

  const absent = await cli.run("-n blue -o doctor ib7");
  assertStringIncludes(
    absent.out,
    "failure ib7 netns blue process: ib7 is not running -> ipoib up ib7\n",
  );
  const peer = await cli.run("-n blue -o doctor 10.0.0.2");
  assertStringIncludes(peer.out, " peer 10.0.0.2 from netns blue route: ");
  const json = JSON.parse((await cli.run("-n blue -j doctor")).out);
  assertEquals(
    json.find(({ check }: NamedFinding) => check === "port").netns,
    "blue",
  );
});

Deno.test("doctor names an interface that does not run, and a process that does not answer", async () => {
  await using cli = await fixture();
  const missing = await cli.run("doctor ib7");
  assertEquals(missing.code, 5);
  assertStringIncludes(missing.out, "ib7 is not running");
  cli.replyLimitMs = patient(500);
  cli.silent("ib0");
  const { code, out } = await cli.run("doctor");
  assertEquals(code, 5);
  assertStringIncludes(out, "did not reply");
  assertStringIncludes(out, "\n  skipped  other checks ");
});

Deno.test("doctor without permission warns of what it cannot examine, with the remedy", async () => {
  await using cli = await fixture();
  await cli.daemon("ib0", { handlers: healthy() });
  await cli.daemon("ib1", { handlers: healthy("ib1"), netns: "blue" });
  const finds = async (line: string, denied: string, lines: string[]) => {
    using _denied = deny(denied);
    const { code, out, err } = await cli.run(line);
    assertEquals([code, err], [4, ""], line);
    for (const each of lines) assertStringIncludes(out, each);
    assertEquals(out.includes("failure "), false, out);
  };
  const socket = [
    "warning ib0 process: Permission denied on the control socket of ib0 -> run the command as the user that owns the process, or as root\n",
    "skipped ib0 other checks: they need the process of the interface\n",
  ];
  await finds("-o doctor ib0", "/ib0.sock", socket);
  await finds("-o doctor", "/ib0.sock", socket);
  const others =
    "warning host interfaces: Permission denied on the interfaces of other network namespaces -> run the command as root\n";
  const found = "\nok ib0 process: ";
  await finds("-a -o doctor", "/netns", [others, found]);
  await finds("-a -o doctor ib1", "/netns", [others]);
  await finds("-n blue -o doctor", "/4026532281", [
    "warning host interfaces: Permission denied on directory",
  ]);
  await finds("-o doctor ib0", "/control.sock", [
    "warning subnet default manager: Permission denied on the control socket of the manager -> run the command as the user that owns the process, or as root\n",
    "skipped subnet default ports: the manager refuses this user\n",
    found,
  ]);
  await finds("-n green -o doctor", "/subnet", [
    "warning host interfaces: none is running in netns green -> start one: ipoib -n green up ib0\n",
    `warning host subnets: Permission denied on directory "${cli.runtime}/subnet" -> `,
  ]);
});

Deno.test("doctor says which facts the process of another version does not give", async () => {
  await using cli = await fixture();
  const handlers: Handlers = {
    ...healthy(),
    "doctor": () => {
      throw new IpoibError("E_IPC_METHOD", `Unknown method "doctor"`);
    },
  };
  await cli.daemon("ib0", { handlers });
  const { code, out } = await cli.run("-j doctor ib0");
  assertEquals(code, 0);
  const found = statuses(out);
  assertEquals(
    [found.administrator, found.duplicates, found.port],
    ["skipped", "skipped", "ok"],
  );
});

Deno.test("doctor prints JSON with the subject of each finding", async () => {
  await using cli = await fixture();
  await cli.daemon("ib0", { handlers: healthy() });
  const { out } = await cli.run("-j doctor ib0");
  const found = JSON.parse(out) as Record<string, unknown>[];
  const port = found.find(({ check }) => check === "port");
  assertEquals(port, {
    ifname: "ib0",
    check: "port",
    status: "ok",
    text: "port of subnet default is ACTIVE (LinkUp)",
    details: [],
  });
  assertEquals(
    found.find(({ check }) => check === "manager")?.subnet,
    "default",
  );
});

Deno.test("doctor refuses a peer that is not an address, and a peer without an interface", async () => {
  await using cli = await fixture();
  assertEquals((await cli.run("doctor ib0 host")).code, 1);
  assertEquals((await cli.run("doctor 10.0.0.2")).code, 3);
  await cli.daemon("ib0", { handlers: healthy() });
  await cli.daemon("ib1", { handlers: healthy("ib1") });
  const { code, err } = await cli.run("doctor 10.0.0.2");
  assertEquals(code, 1);
  assertStringIncludes(err, "ib0, ib1");
});

Deno.test("doctor -a examines a peer through the interfaces of the given name", async () => {
  await using cli = await fixture();
  await cli.daemon("ib0", { handlers: healthy() });
  await cli.daemon("ib1", { handlers: healthy("ib1") });
  await cli.daemon("ib1", { handlers: healthy("ib1"), netns: "blue" });
  const { out } = await cli.run("-a doctor ib1 10.0.0.2");
  assertEquals(out.match(/^(ib\d|peer).*$/gm), [
    "ib1",
    "ib1 netns blue",
    "peer 10.0.0.2",
    "peer 10.0.0.2 from netns blue",
  ]);
});

const LONG: NamedFinding[] = [
  { check: "port", status: "ok", text: "word ".repeat(40).trim() },
  {
    check: "group P_Key",
    status: "failure",
    text: "word ".repeat(20).trim(),
    remedy: "command ".repeat(20).trim(),
    details: ["detail ".repeat(20).trim()],
  },
  { check: "LID", status: "skipped", text: "the port is DOWN" },
  { check: "rate", status: "skipped", text: "the port is DOWN" },
];
const SECTIONS = [{ title: "ib0", findings: LONG }];

Deno.test("doctor's output fits 80 columns, and combines checks that were skipped for one reason", () => {
  const text = renderDoctor(SECTIONS, styleOf({ details: true }, false));
  assertEquals(text.split("\n").filter((line) => line.length > 80), []);
  assertStringIncludes(
    text,
    "  skipped  2 checks        the port is DOWN: LID, rate\n",
  );
  assertStringIncludes(text, "1 ok, 0 warnings, 1 failure, 2 skipped\n");
  assertEquals(text.includes("\x1b"), false);
  const plain = renderDoctor(SECTIONS, styleOf({}, false));
  assertEquals(plain.includes("detail"), false);
});

Deno.test("doctor colors the statuses on a terminal, and prints a line for each finding with -o", () => {
  using _colors = forceColors();
  const colored = renderDoctor(SECTIONS, styleOf({}, true));
  assertStringIncludes(colored, "\x1b[31mfailure\x1b[39m");
  assertStringIncludes(colored, "\x1b[32mok\x1b[39m");
  const lines = renderDoctor(SECTIONS, styleOf({ oneline: true }, false));
  assertEquals(lines.split("\n").length, LONG.length + 2);
  assertStringIncludes(lines, "failure ib0 group P_Key: word");
});
